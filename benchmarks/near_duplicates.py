"""`python -m benchmarks.near_duplicates`: what finding near-duplicates in cells takes and misses.

Twins are planted beside pins of the pool, just within the threshold, where a miss is likeliest. Rows are then
compared with all pins, exactly: which near pairs were both kept, and whether each pin left out is stood for
by the nearest that was kept. All is done once more with another number of threads: not a byte may differ.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.index_world import Vectors, read
from index_builder.comparing import Comparison, Mask, Rows
from index_builder.near_duplicates import nearest_keepers
from index_builder.near_duplicates_in_cells import NearDuplicatesInCells
from index_builder.refining import DEFAULT_NEAR_DUPLICATE_COSINE
from index_builder.validating import unit_vectors
from process.commands import Program, setting
from process.progress import Reporter, Step
from storage.errors import StorageError

_JUST_WITHIN = 0.0005
"""More than float16 can round away from a twin's cosine."""

_ROWS_AT_A_TIME, _OTHERS_AT_A_TIME, _PAIRS_AT_A_TIME = 2_048, 8_192, 65_536
_THREADS_OF = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class NearDuplicateSettings:
    """Measure near-duplicates in cells: time, memory, what is missed, and that threads change nothing."""

    pins: Annotated[Path, setting("Parquet file of pins.", env="BENCH_PINS_FILE", metavar="FILE")]
    rows: Annotated[
        int | None, setting("How many of its pins; all when left out.", env="BENCH_ROWS", low=1)
    ] = None
    planted: Annotated[int, setting("Twins planted.", env="BENCH_PLANTED", low=1)] = 4_000
    checked: Annotated[int, setting("Rows compared with all.", env="BENCH_CHECKED", low=1)] = 10_000
    cosine: Annotated[
        float,
        setting("From which pins are near-duplicates.", env="NEAR_DUPLICATE_COSINE", low=0.5, high=0.999),
    ] = DEFAULT_NEAR_DUPLICATE_COSINE
    threads: Annotated[
        list[int] | None,
        setting("Threads to judge with, in turn; 2 and 1 when left out.", env="BENCH_THREADS"),
    ] = None
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/near-duplicates.json"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Planted:
    """What is judged.

    Attributes:
        vectors: float16 [n, d], best first; the last ones are the twins.
        originals: int64 [m], whose twins they are.
        cosine: From which pins are near-duplicates.
    """

    vectors: Vectors
    originals: Rows
    cosine: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What was judged, and what that took.

    Attributes:
        kept: bool [n], who is kept.
        stand_ins: int32 [m], of each of the others the place among the kept of who stands for it.
        seconds: By the clock.
        cpu_seconds: Of all threads together.
        peak_gb: Most memory of a process that does nothing else, its copy of the pool included.
    """

    kept: Mask
    stand_ins: NDArray[np.int32]
    seconds: float
    cpu_seconds: float
    peak_gb: float


@dataclass(frozen=True, kw_only=True)
class Missed:
    """What comparing all finds besides.

    Attributes:
        planted: Twins whose original is kept.
        planted_missed: Of them, those kept as well.
        near_pairs: Of the rows checked with any other pin.
        near_pairs_missed: Of them, those of which both are kept.
        left_out: Pins not kept, planted or not; all of them are checked.
        not_nearest: Of them, those that another than the nearest kept pin stands for.
    """

    planted: int
    planted_missed: int
    near_pairs: int
    near_pairs_missed: int
    left_out: int
    not_nearest: int


def measure(settings: NearDuplicateSettings) -> None:
    """Plant, judge with each number of threads, compare with all, show and write."""
    reporter, threads = Reporter(), settings.threads or [2, 1]
    world = _planted(settings, reporter)
    judged = dict(zip(threads, _judged_with_each(world, threads, reporter), strict=True))
    first, n = judged[threads[0]], len(world.vectors)
    checked = np.sort(np.random.default_rng(1).choice(n, min(settings.checked, n), replace=False))
    figures = {
        "pins": n,
        "dimension": world.vectors.shape[1],
        "cosine": settings.cosine,
        "rows_checked": len(checked),
        "threads": {n: _costs(each) for n, each in judged.items()},
        "identical": all(_same(first, each) for each in judged.values()),
        **asdict(_missed(world, first, checked, reporter)),
    }
    _show(figures)
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _planted(settings: NearDuplicateSettings, reporter: Reporter) -> Planted:
    pins = read(settings.pins, reporter).embeddings[: settings.rows]
    generator = np.random.default_rng(0)
    originals = generator.choice(len(pins), min(settings.planted, len(pins)), replace=False)
    beside = twins(pins[originals], settings.cosine + _JUST_WITHIN, generator)
    return Planted(vectors=np.concatenate([pins, beside]), originals=originals, cosine=settings.cosine)


def twins(originals: Vectors, cosine: float, generator: np.random.Generator) -> Vectors:
    """float16 [n, d]: of each original a pin at this cosine from it, in any direction."""
    base = originals.astype(np.float64)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    aside = generator.standard_normal(base.shape)
    aside -= np.einsum("nd,nd->n", aside, base)[:, np.newaxis] * base
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return unit_vectors(cosine * base + np.sqrt(1 - cosine**2) * aside)


def _judged_with_each(world: Planted, threads: list[int], reporter: Reporter) -> Iterator[Judged]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        np.save(path, world.vectors)
        for n in threads:
            with reporter.step(f"Judge with {n} threads"), _threads(n):
                yield _judged_alone(path, world.cosine)


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """For processes started meanwhile: how many threads multiply matrices is settled when one starts."""
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(_THREADS_OF, str(n)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _judged_alone(path: Path, cosine: float) -> Judged:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(judge, path, cosine).result()


def judge(path: Path, cosine: float) -> Judged:
    """Judge the vectors of a file, best first as they are."""
    vectors: Vectors = np.load(path)
    ranked = np.arange(len(vectors))
    began, began_cpu = time.perf_counter(), time.process_time()
    cells = NearDuplicatesInCells(vectors, ranked, cosine, _Silent())
    kept = cells.keepers(ranked)
    stand_ins = cells.nearest_keepers(ranked[~kept], ranked[kept])
    return Judged(
        kept=kept,
        stand_ins=stand_ins,
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - began_cpu,
        peak_gb=getrusage(RUSAGE_SELF).ru_maxrss / 1e6,
    )


def _missed(world: Planted, judged: Judged, checked: Rows, reporter: Reporter) -> Missed:
    vectors, kept, left_out = world.vectors, np.flatnonzero(judged.kept), np.flatnonzero(~judged.kept)
    planted = np.flatnonzero(judged.kept[world.originals])
    twin_rows = len(vectors) - len(world.originals) + planted
    with reporter.step("Compare those left out", len(left_out)) as step:
        nearest = nearest_keepers(vectors, left_out, kept, world.cosine, step)
    with reporter.step("Compare rows with all", len(checked)) as step:
        n_near, n_missed = _near_pairs(vectors, world.cosine, judged.kept, checked, step)
    return Missed(
        planted=len(planted),
        planted_missed=int(judged.kept[twin_rows].sum()),
        near_pairs=n_near,
        near_pairs_missed=n_missed,
        left_out=len(left_out),
        not_nearest=int((nearest != judged.stand_ins).sum()),
    )


def _near_pairs(vectors: Vectors, cosine: float, kept: Mask, checked: Rows, step: Step) -> tuple[int, int]:
    """How many near pairs the rows have with others, and of how many both are kept."""
    compare, n_near, n_missed = Comparison(vectors, cosine, _PAIRS_AT_A_TIME), 0, 0
    for start in range(0, len(checked), _ROWS_AT_A_TIME):
        rows = checked[start : start + _ROWS_AT_A_TIME]
        for first in range(0, len(vectors), _OTHERS_AT_A_TIME):
            others = np.arange(first, min(first + _OTHERS_AT_A_TIME, len(vectors)))
            at, other_at = np.nonzero(compare.near(rows, others))
            row, other = rows[at], others[other_at]
            n_near += int((row != other).sum())
            n_missed += int((kept[row] & kept[other] & (row != other)).sum())
        step.advance(len(rows))
    return n_near, n_missed


def _same(one: Judged, other: Judged) -> bool:
    return one.kept.tobytes() == other.kept.tobytes() and one.stand_ins.tobytes() == other.stand_ins.tobytes()


def _costs(judged: Judged) -> dict[str, float]:
    return {name: round(getattr(judged, name), 2) for name in ("seconds", "cpu_seconds", "peak_gb")}


def _show(figures: dict[str, object]) -> None:
    table = Table("near-duplicates in cells", "")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    Console(width=140).print(table)


class _Silent:
    def advance(self, n: int = 1) -> None:
        """Judging is timed as a whole."""


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.near_duplicates", expected=(OSError, StorageError))
    program.command("near_duplicates", NearDuplicateSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
