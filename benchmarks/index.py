"""`python -m benchmarks.index`: what an index finds, takes and weighs, by its parameters.

Every index is built over one refined pool and asked at every efSearch, for three kinds of query: pins of the
pool, pins refined out of it, and pins it never saw. hnswlib, where it is installed, is asked in the same
rounds. Built indexes are kept by what they are made of: a run that was stopped goes on.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.built_indexes import BuiltIndex, Index, Spec, built_index
from benchmarks.errors import BenchmarkError
from benchmarks.hnswlib_index import HNSWLIB, is_installed
from benchmarks.index_figures import Asked, Figures, against_hnswlib, fastest_at_target, front
from benchmarks.index_world import K, World, world_of
from index_builder.work import work_in
from process.commands import Program, setting
from process.progress import Reporter
from storage.errors import StorageError

DEFAULT_INDEXES = ("16/200/float16", "32/200/float16", "32/200/int8", "32/200/float32", "32/200/hnswlib")
EF_SEARCH = (200, 256, 320, 400, 600, 800)


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """Measure recall@200, latency, memory and build time of HNSW by its parameters."""

    pins: Annotated[Path, setting("Parquet file of pins.", env="BENCH_PINS_FILE", metavar="FILE")]
    rows: Annotated[int, setting("How many of its pins.", env="BENCH_ROWS", low=1_000)] = 200_000
    unseen: Annotated[
        Path | None,
        setting(
            "Pins in no index, to ask about; some of those that --rows leaves, when left out.",
            env="BENCH_UNSEEN",
            metavar="FILE",
        ),
    ] = None
    index: Annotated[
        list[str] | None,
        setting(
            "M/efConstruction/storage, as 32/200/float16, or hnswlib in the storage's place; again for "
            f"another. When left out: {', '.join(DEFAULT_INDEXES)}.",
            env="BENCH_INDEXES",
            metavar="SPEC",
        ),
    ] = None
    ef_search: Annotated[
        list[int] | None,
        setting(
            f"efSearch; again for another. When left out: {', '.join(map(str, EF_SEARCH))}.",
            env="BENCH_EF_SEARCH",
        ),
    ] = None
    rounds: Annotated[
        int, setting("How often each is asked; the median counts.", env="BENCH_ROUNDS", low=1)
    ] = 3
    threads: Annotated[int, setting("Threads that build.", env="BUILD_THREADS", low=1)] = 2
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/index.json"
    )


def measure(settings: IndexSettings) -> None:
    """Build, ask, show and write."""
    reporter, specs = Reporter(), _specs(settings)
    with work_in(settings.out.parent / "indexes", reporter) as work:
        world = world_of(settings.pins, settings.rows, settings.unseen, work, reporter)
        indexes = [
            built_index(spec, world.pool, threads=settings.threads, work=work, reporter=reporter)
            for spec in specs
        ]
        figures = _figures(indexes, world, settings, reporter)
    _show(figures)
    _write(settings, world, figures)


def _specs(settings: IndexSettings) -> list[Spec]:
    if settings.index is not None:
        specs = [Spec.parse(text) for text in settings.index]
        if not is_installed() and any(spec.kind == HNSWLIB for spec in specs):
            raise BenchmarkError(
                "hnswlib is not installed: install requirements-bench.lock in an environment of its own, or "
                "leave it out of --index."
            )
        return specs
    return [spec for spec in map(Spec.parse, DEFAULT_INDEXES) if spec.kind != HNSWLIB or is_installed()]


def _figures(
    indexes: Sequence[BuiltIndex], world: World, settings: IndexSettings, reporter: Reporter
) -> list[Figures]:
    ef_search = sorted(settings.ef_search or EF_SEARCH)
    with reporter.step("Ask", len(ef_search)) as step:
        at_each = []
        for ef in ef_search:
            at_each.append(_asked(indexes, world, ef, settings.rounds))
            step.advance()
    return [
        Figures(
            spec=each.spec,
            cost=each.cost,
            file_mb=each.file_mb,
            resident_mb=each.resident_mb(world.pool.shape[1]),
            asked=asked,
        )
        for each, asked in zip(indexes, zip(*at_each, strict=True), strict=True)
    ]


def _asked(indexes: Sequence[BuiltIndex], world: World, ef_search: int, rounds: int) -> list[Asked]:
    """Every index at one efSearch, in turns: what else the machine does falls on all of them alike."""
    us = np.array([[_us(each.index, world, ef_search) for each in indexes] for _ in range(rounds)])
    return [
        Asked(ef_search=ef_search, recall=dict(_recall(each.index, world, ef_search)), us=round(median, 1))
        for each, median in zip(indexes, np.median(us, axis=0).tolist(), strict=True)
    ]


def _us(index: Index, world: World, ef_search: int) -> float:
    """Microseconds of processor time a query, one query at a time, as a request would ask."""
    queries = np.concatenate(list(world.queries.values()))
    began = time.process_time_ns()
    for query in queries:
        index.nearest(query[np.newaxis], K, ef_search=ef_search)
    return (time.process_time_ns() - began) / len(queries) / 1_000


def _recall(index: Index, world: World, ef_search: int) -> Iterator[tuple[str, float]]:
    for kind, queries in world.queries.items():
        yield kind, _share_found(index.nearest(queries, K, ef_search=ef_search), world.nearest[kind])


def _share_found(found: NDArray[np.int64], nearest: NDArray[np.int64]) -> float:
    return round(float(np.mean([np.isin(a, b).mean() for a, b in zip(nearest, found, strict=True)])), 4)


def _show(indexes: Sequence[Figures]) -> None:
    kinds = list(indexes[0].asked[0].recall)
    titles = ("index", "efSearch", *(f"recall@{K}: {kind}" for kind in kinds), "us", "MB", "in memory")
    table = Table(*titles, "build s", "of CPU")
    for each in indexes:
        for asked in each.asked:
            recall = [f"{asked.recall[kind]:.3f}" for kind in kinds]
            size = (f"{each.file_mb:,.1f}", f"{each.resident_mb:,.1f}")
            cost = (f"{each.cost.seconds:,.1f}", f"{each.cost.cpu_seconds:,.1f}")
            table.add_row(str(each.spec), str(asked.ef_search), *recall, f"{asked.us:,.0f}", *size, *cost)
    console = Console(width=160)
    console.print(table)
    if choice := fastest_at_target(indexes):
        console.print(f"Fastest with every recall at the target: {choice}")
    for ratios in against_hnswlib(indexes):
        console.print(ratios)


def _write(settings: IndexSettings, world: World, indexes: Sequence[Figures]) -> None:
    choice = fastest_at_target(indexes)
    figures = {
        "pool": len(world.pool),
        "dimension": world.pool.shape[1],
        "k": K,
        "queries": {kind: len(queries) for kind, queries in world.queries.items()},
        "build_threads": settings.threads,
        "rounds": settings.rounds,
        "indexes": [asdict(each) for each in indexes],
        "front": [asdict(each) for each in front(indexes)],
        "fastest_at_target": choice and asdict(choice),
        "against_hnswlib": [asdict(each) for each in against_hnswlib(indexes)],
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
