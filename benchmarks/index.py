"""`python -m benchmarks.index`: what an index finds, takes and weighs, by its parameters.

Every combination of M, efConstruction and storage is built over one refined pool and asked at every efSearch,
for three kinds of query: pins of the pool, pins refined out of it, and pins it never saw. Where hnswlib is
installed it is built and asked with the same parameters in the same run. Built indexes are kept by what they
are made of: a run that was stopped goes on.
"""

import importlib
import itertools
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from index_builder.hnsw import HnswParameters, build_hnsw
from index_builder.reading import ValidPins, read_pins
from index_builder.refining import Refinement, refine
from index_builder.work import Work, digest, work_in
from process.commands import Program, setting
from process.progress import Reporter
from storage.errors import StorageError
from storage.pins.hnsw import Hnsw, Storage
from storage.pins.layout import INDEX
from storage.pins.scoring import exact_search, widened
from storage.rejects import Rejects

Vectors: TypeAlias = NDArray[np.float16]


class Search(Protocol):
    """An index that can be asked."""

    def __call__(self, queries: Vectors, k: int, *, ef_search: int) -> NDArray[np.int64]:
        """int64 [nq, k]: rows, about the nearest to each query [nq, d]."""
        ...


class BenchmarkError(Exception):
    """What keeps the benchmark from measuring."""


K = 200
N_QUERIES = 300
EF_SEARCH = (200, 300, 400, 600, 800)
_BATCH_ROWS = 8_192


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """Measure recall@200, latency, size and build time of HNSW by its parameters."""

    pins: Annotated[Path, setting("Parquet file of pins.", env="BENCH_PINS_FILE", metavar="FILE")]
    rows: Annotated[int, setting("How many of its pins.", env="BENCH_ROWS", low=1_000)] = 200_000
    threads: Annotated[int, setting("Threads that build.", env="BUILD_THREADS", low=1)] = 2
    m: Annotated[list[int] | None, setting("M; 16 and 32 when left out.", env="BENCH_M")] = None
    ef_construction: Annotated[
        list[int] | None, setting("efConstruction; 100 and 200 when left out.", env="BENCH_EF_CONSTRUCTION")
    ] = None
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/index.json"
    )


@dataclass(frozen=True, kw_only=True)
class World:
    """What is searched, and three kinds of query with their true answers.

    Attributes:
        pool: float16 [n, d], the refined pool.
        queries: Kind -> float16 [nq, d].
        nearest: Kind -> int64 [nq, k], the rows of the pool nearest to each, by comparing all.
    """

    pool: Vectors
    queries: Mapping[str, Vectors]
    nearest: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One index asked at one efSearch.

    Attributes:
        library: faiss or hnswlib.
        storage: Of an element.
        m: HNSW's M.
        ef_construction: HNSW's efConstruction.
        ef_search: HNSW's efSearch.
        recall: Kind of query -> recall@200.
        us: Microseconds of one query on one thread, over all kinds.
        megabytes: Of the index as a file: what it takes in memory, links and vectors.
        build_s: Seconds to build it.
    """

    library: str
    storage: str
    m: int
    ef_construction: int
    ef_search: int
    recall: Mapping[str, float]
    us: float
    megabytes: float
    build_s: float


def measure(settings: IndexSettings) -> None:
    """Build, ask, show and write."""
    reporter = Reporter()
    folder = settings.out.parent / "indexes"
    with work_in(folder, reporter) as work, TemporaryDirectory() as scratch:
        world = _world(settings, Path(scratch), reporter)
        points = list(_points(settings, world, work, reporter))
    _show(points)
    _write(settings, world, points)


def _world(settings: IndexSettings, scratch: Path, reporter: Reporter) -> World:
    with Rejects(scratch / "rejects.jsonl") as rejects:
        pins = read_pins(settings.pins, rejects, reporter, max_reject_share=1.0)
    generator = np.random.default_rng(0)
    order = generator.permutation(len(pins))
    seen, unseen = np.sort(order[: settings.rows]), order[settings.rows :][:N_QUERIES]
    refined = refine(_taken(pins, seen), Refinement(), reporter)
    X, n = refined.rows.embeddings, refined.indexed
    pool = X[:n]
    queries = {
        "pool members": pool[generator.choice(n, min(n, N_QUERIES), replace=False)],
        "refined-out pins": X[n:][:N_QUERIES],
        "unseen pins": pins.embeddings[unseen],
    }
    asked = {kind: those for kind, those in queries.items() if len(those)}
    with reporter.step("Compare with all", len(asked)):
        nearest = {kind: exact_search(those, pool, K)[1] for kind, those in asked.items()}
    return World(pool=pool, queries=asked, nearest=nearest)


def _taken(pins: ValidPins, rows: NDArray[np.int64]) -> ValidPins:
    return replace(
        pins,
        n_read=len(rows),
        pin_ids=pins.pin_ids.take(rows),
        embeddings=pins.embeddings[rows],
        titles=None,
        quality=None if pins.quality is None else pins.quality[rows],
        created_at_s=None if pins.created_at_s is None else pins.created_at_s[rows],
    )


def _points(settings: IndexSettings, world: World, work: Work, reporter: Reporter) -> Iterator[Point]:
    grid = itertools.product(settings.m or [16, 32], settings.ef_construction or [100, 200])
    hnswlib = _hnswlib()
    for m, ef_construction in grid:
        for storage in Storage:
            parameters = HnswParameters(
                m=m, ef_construction=ef_construction, storage=storage, threads=settings.threads
            )
            index, point = _built(world.pool, parameters, work, reporter)
            yield from _asked(point, index.nearest, world)
        if hnswlib is not None:
            other, point = _built_by_hnswlib(hnswlib, world.pool, parameters)
            yield from _asked(point, other, world)


def _built(pool: Vectors, parameters: HnswParameters, work: Work, reporter: Reporter) -> tuple[Hnsw, Point]:
    """An index from a former run, or built now, with what is known of it."""
    key = digest(pool, parameters)
    folder = work.find(key, key)
    if folder is None:
        began = time.perf_counter()
        index = build_hnsw(pool, parameters, reporter)
        seconds = time.perf_counter() - began

        def write(folder: Path) -> None:
            index.save(folder / INDEX)
            (folder / "seconds.json").write_text(json.dumps(seconds))

        work.keep(key, key, write)
        folder = work.find(key, key)
    if folder is None:
        raise BenchmarkError("the index that was just built cannot be read back: is the disk full?")
    return Hnsw.open(folder / INDEX), Point(
        library="faiss",
        storage=parameters.storage.value,
        m=parameters.m,
        ef_construction=parameters.ef_construction,
        ef_search=0,
        recall={},
        us=0.0,
        megabytes=round((folder / INDEX).stat().st_size / 1e6, 1),
        build_s=round(json.loads((folder / "seconds.json").read_text()), 1),
    )


def _hnswlib() -> Any | None:  # noqa: ANN401 - a module without types, which need not be there
    try:
        return importlib.import_module("hnswlib")
    except ImportError:
        return None


def _built_by_hnswlib(hnswlib: Any, pool: Vectors, parameters: HnswParameters) -> tuple[Search, Point]:  # noqa: ANN401
    """The same graph parameters; its vectors are float32."""
    n, d = pool.shape
    index = hnswlib.Index(space="ip", dim=d)
    began = time.perf_counter()
    index.init_index(max_elements=n, ef_construction=parameters.ef_construction, M=parameters.m)
    for start in range(0, n, _BATCH_ROWS):
        index.add_items(widened(pool[start : start + _BATCH_ROWS]), num_threads=parameters.threads)
    seconds = time.perf_counter() - began

    def search(queries: Vectors, k: int, *, ef_search: int) -> NDArray[np.int64]:
        index.set_ef(max(ef_search, k))
        rows: NDArray[np.int64] = index.knn_query(widened(queries), k, num_threads=1)[0].astype(np.int64)
        return rows

    with TemporaryDirectory() as folder:
        index.save_index(str(Path(folder) / "index"))
        n_bytes = (Path(folder) / "index").stat().st_size
    return search, Point(
        library="hnswlib",
        storage=Storage.FLOAT32.value,
        m=parameters.m,
        ef_construction=parameters.ef_construction,
        ef_search=0,
        recall={},
        us=0.0,
        megabytes=round(n_bytes / 1e6, 1),
        build_s=round(seconds, 1),
    )


def _asked(built: Point, search: Search, world: World) -> Iterator[Point]:
    """The index at every efSearch, one query at a time, as a request would."""
    for ef_search in EF_SEARCH:
        recall, taken_ns, n_asked = {}, 0, 0
        for kind, queries in world.queries.items():
            began = time.process_time_ns()
            found = [search(query[np.newaxis], K, ef_search=ef_search)[0] for query in queries]
            taken_ns += time.process_time_ns() - began
            n_asked += len(queries)
            recall[kind] = _recall(found, world.nearest[kind])
        yield replace(built, ef_search=ef_search, recall=recall, us=round(taken_ns / n_asked / 1_000, 1))


def _recall(found: Sequence[NDArray[np.int64]], nearest: NDArray[np.int64]) -> float:
    return round(float(np.mean([np.isin(a, b).mean() for a, b in zip(nearest, found, strict=True)])), 4)


def _show(points: Sequence[Point]) -> None:
    table = Table(
        "index", "M", "efC", "efSearch", "recall@200: members", "refined out", "unseen", "us", "MB", "s"
    )
    for point in points:
        recall = [f"{value:.3f}" for value in point.recall.values()]
        recall += ["-"] * (3 - len(recall))
        cells = (
            point.m,
            point.ef_construction,
            point.ef_search,
            *recall,
            point.us,
            point.megabytes,
            point.build_s,
        )
        table.add_row(f"{point.library} {point.storage}", *map(str, cells))
    Console(width=140).print(table)


def _write(settings: IndexSettings, world: World, points: Sequence[Point]) -> None:
    figures = {
        "pool": len(world.pool),
        "dimension": world.pool.shape[1],
        "k": K,
        "queries": {kind: len(queries) for kind, queries in world.queries.items()},
        "build_threads": settings.threads,
        "hnswlib": "measured" if _hnswlib() is not None else "not installed: not measured",
        "points": [asdict(point) for point in points],
    }
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.index", expected=(OSError, BenchmarkError, StorageError))
    program.command("index", IndexSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
