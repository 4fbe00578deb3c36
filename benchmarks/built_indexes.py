"""The indexes that are compared: built once, kept by what they are made of, and read back to be asked.

An index is written as M/efConstruction/storage, as 32/200/float16; `hnswlib` in the storage's place is that
library's index of the same graph parameters, whose vectors are float32.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.hnswlib_index import HNSWLIB, HnswlibIndex
from benchmarks.index_world import Vectors
from index_builder.hnsw import HnswParameters, build_hnsw
from index_builder.work import Work, digest
from process.progress import Reporter
from storage.pins.hnsw import Hnsw, Storage
from storage.pins.layout import INDEX

_COST = "cost.json"
KINDS = (*(storage.value for storage in Storage), HNSWLIB)


class Index(Protocol):
    """An index that can be asked and kept."""

    def save(self, path: Path) -> None:
        """Write it to a file."""
        ...

    def nearest(self, queries: Vectors, k: int, *, ef_search: int) -> NDArray[np.int64]:
        """int64 [nq, k]: rows, about the nearest to each query [nq, d]."""
        ...


@dataclass(frozen=True, slots=True)
class Spec:
    """One index: HNSW's M and efConstruction, and how it stores an element, or `hnswlib`."""

    m: int
    ef_construction: int
    kind: str

    def __str__(self) -> str:
        return f"{self.m}/{self.ef_construction}/{self.kind}"

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Read M/efConstruction/storage."""
        m, slash, rest = text.partition("/")
        ef_construction, other_slash, kind = rest.partition("/")
        if not (slash and other_slash and m.isdigit() and ef_construction.isdigit() and kind in KINDS):
            raise BenchmarkError(
                f"--index {text}: write M/efConstruction/storage, as 32/200/float16; the storage is one of "
                f"{', '.join(KINDS)}."
            )
        return cls(int(m), int(ef_construction), kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What building took.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of all threads together: what a busy machine changes least.
    """

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BuiltIndex:
    """An index on disk, ready to be asked.

    Attributes:
        spec: What it is.
        index: Read from its file.
        path: Its file.
        cost: Of building it.
    """

    spec: Spec
    index: Index
    path: Path
    cost: Cost

    @property
    def file_mb(self) -> float:
        """Megabytes of its file."""
        return round(self.path.stat().st_size / 1e6, 1)

    def resident_mb(self, dimension: int) -> float:
        """Megabytes that a process grows by when it reads the index and asks it: links, vectors and all."""
        asked = [sys.executable, "-m", "benchmarks.resident", self.spec.kind, str(self.path), str(dimension)]
        return round(int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout) / 1e6, 1)  # noqa: S603 - our own module


def built_index(spec: Spec, pool: Vectors, *, threads: int, work: Work, reporter: Reporter) -> BuiltIndex:
    """The index of a former run, or one built now.

    Raises:
        BenchmarkError: What was built cannot be read back.
    """
    key = digest(pool, spec, threads)
    folder = work.find(key, key)
    if folder is None:
        began, began_cpu = time.perf_counter(), time.process_time()
        index = _indexed(spec, pool, threads, reporter)
        cost = Cost(seconds=time.perf_counter() - began, cpu_seconds=time.process_time() - began_cpu)
        _keep(key, work, index, cost)
        folder = work.find(key, key)
    if folder is None:
        raise BenchmarkError("the index that was just built cannot be read back: is the disk full?")
    return _opened(spec, folder, pool.shape[1])


def _keep(key: str, work: Work, index: Index, cost: Cost) -> None:
    def write(folder: Path) -> None:
        index.save(folder / INDEX)
        (folder / _COST).write_text(json.dumps(asdict(cost)))

    work.keep(key, key, write)


def _opened(spec: Spec, folder: Path, dimension: int) -> BuiltIndex:
    path, cost = folder / INDEX, Cost(**json.loads((folder / _COST).read_text()))
    index = HnswlibIndex.open(path, dimension) if spec.kind == HNSWLIB else Hnsw.open(path)
    return BuiltIndex(spec=spec, index=index, path=path, cost=cost)


def _indexed(spec: Spec, pool: Vectors, threads: int, reporter: Reporter) -> Index:
    reporter.say(f"  {spec}")
    if spec.kind == HNSWLIB:
        return HnswlibIndex.built(pool, spec.m, spec.ef_construction, threads=threads, reporter=reporter)
    parameters = HnswParameters(
        m=spec.m, ef_construction=spec.ef_construction, storage=Storage(spec.kind), threads=threads
    )
    return build_hnsw(pool, parameters, reporter)
