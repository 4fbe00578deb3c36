"""`python -m benchmarks.freshness`: what pins added between builds cost, and when they are found.

One artefact, of pins made up around themes or one's own; to it shares of its size are added, one after the
other. The recall of searching both as one is measured against comparing every candidate of both.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.freshness_costs import K, ShareCost, SideCost, show
from benchmarks.world import themed_pins
from index_builder.add import add
from index_builder.build import BuildPolicy, build
from index_builder.hnsw import HnswParameters, build_hnsw
from index_builder.reading import read_pins
from process.commands import Program, setting
from process.progress import Reporter
from storage.errors import StorageError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.hnsw import HnswSearch
from storage.pins.joined import JoinedPins
from storage.pins.memory import InMemoryPins
from storage.pins.port import PinView
from storage.pins.scoring import exact_search
from storage.pins.side import Side
from storage.pins.side_search import Search, SideSearch
from storage.rejects import Rejects

QUIET = Reporter(quiet=True)
SHARES = (0.0, 0.01, 0.05)
AT_ONCE = 40
SIDE_SIZES = (2_000, 5_000, 10_000, 20_000, 50_000)


@dataclass(frozen=True, kw_only=True)
class FreshnessSettings:
    """Measure recall and latency with pins added, and the time until they are found."""

    artefact: Annotated[
        Path | None,
        setting(
            "Add to links of this artefact, instead of making one up; with --added.",
            env="PINS",
            metavar="DIR",
        ),
    ] = None
    added: Annotated[
        Path | None,
        setting("Parquet file of pins that it lacks, 5 % of its own.", env="BENCH_ADDED", metavar="FILE"),
    ] = None
    pins: Annotated[int, setting("Pins of the artefact that is made up.", env="BENCH_PINS", low=5_000)] = (
        100_000
    )
    dimension: Annotated[int, setting("Of a vector.", env="BENCH_DIMENSION", low=8, high=4_096)] = 256
    queries: Annotated[int, setting("Pins asked about.", env="BENCH_QUERIES", low=AT_ONCE)] = 300
    ef_search: Annotated[int, setting("HNSW's efSearch.", env="BENCH_EF_SEARCH", low=1)] = 256
    threads: Annotated[int, setting("That build the indexes.", env="BENCH_THREADS", low=1)] = 2
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/freshness.json"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """What is added to, and what is added.

    Attributes:
        root: The artefact's.
        new: Pins that it lacks: `pin_id` and `embedding`.
        vectors: float16 [n, d], those of the new pins.
    """

    root: Path
    new: pa.Table
    vectors: NDArray[np.float16]


def measure(settings: FreshnessSettings) -> None:
    """Measure, show and write."""
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.out.parent) as folder:
        world = (
            _made_up(settings, Path(folder)) if settings.artefact is None else _linked(settings, Path(folder))
        )
        with closing(PinArtefact.open(world.root, checksums=False)) as main:
            pool = main.embeddings[: main.n_indexed]
            shares = list(_share_costs(world, main, settings))
            sides = [_side_cost(pool, n, settings) for n in SIDE_SIZES if n <= len(pool)]
            figures = {"k": K, "pins": len(pool), "dimension": pool.shape[1], "ef_search": settings.ef_search}
    show(figures, shares, sides)
    told = figures | {"shares": [asdict(each) for each in shares], "sides": [asdict(each) for each in sides]}
    settings.out.write_text(json.dumps(told, indent=2) + "\n")


def _made_up(settings: FreshnessSettings, folder: Path) -> World:
    n = settings.pins
    themed = themed_pins(n + int(max(SHARES) * n), settings.dimension)
    order = np.random.default_rng(1).permutation(themed.n_pins)
    pq.write_table(_table(themed, order[:n]), folder / "main.parquet")
    build(
        folder / "main.parquet",
        themed.embedding_space.name,
        pin_versions(folder / "pins"),
        rejects_path=folder / "rejects.jsonl",
        policy=BuildPolicy(hnsw=HnswParameters(threads=settings.threads)),
        reporter=Reporter(),
    )
    new = order[n:]
    return World(root=folder / "pins", new=_table(themed, new), vectors=themed.embeddings[new])


def _linked(settings: FreshnessSettings, folder: Path) -> World:
    """The live version's files as links, so that nothing is added to the artefact itself."""
    if settings.artefact is None or settings.added is None:
        raise BenchmarkError("--artefact needs --added FILE, pins that it lacks.")
    live, root = pin_versions(settings.artefact).folder(), folder / "pins"
    shutil.copytree(live, root / live.name, copy_function=os.link)
    pin_versions(root).make_current(live.name)
    with Rejects(folder / "rejects.jsonl") as rejects:
        pins = read_pins(settings.added, rejects, QUIET, max_reject_share=1.0)
    return World(root=root, new=_columns(pins.pin_ids, pins.embeddings), vectors=pins.embeddings)


def _share_costs(world: World, main: PinArtefact, settings: FreshnessSettings) -> Iterator[ShareCost]:
    n, n_before, path = main.n_indexed, 0, world.root.parent / "new.parquet"
    queries = _queries(world, main.embeddings[:n], settings.queries)
    for share in SHARES:
        n_added = int(share * n)
        if n_added > len(world.new):
            raise BenchmarkError(f"{share:.0%} of {n:,} pins are {n_added:,}: {len(world.new):,} were given.")
        pq.write_table(world.new.slice(n_before, n_added - n_before), path)
        fresh = _added(world.root, main, path if n_added else None)
        yield _share_cost(share, main, fresh, queries, settings.ef_search)
        n_before = n_added


def _queries(world: World, pool: NDArray[np.float16], n: int) -> NDArray[np.float16]:
    """Pins of the artefact and pins to be added, by their numbers."""
    rows = np.random.default_rng(2).choice(len(pool) + len(world.vectors), n, replace=False)
    of_pool = rows[rows < len(pool)]
    return np.concatenate([pool[of_pool], world.vectors[rows[rows >= len(pool)] - len(pool)]])


@dataclass(frozen=True, eq=False)
class _Fresh:
    """Pins after an `add`: seconds that it took, seconds until a reader knew a new one, what is read then."""

    add_s: float
    open_s: float
    pins: PinView
    side: Side | None


def _added(root: Path, main: PinArtefact, path: Path | None) -> _Fresh:
    if path is None:
        return _Fresh(0.0, 0.0, main, None)
    with Rejects(root.parent / "rejects.jsonl") as rejects:
        new = read_pins(path, rejects, QUIET, max_reject_share=0.0)
    began_s = time.perf_counter()
    add(root, new, QUIET)
    added_s = time.perf_counter()
    side = Side.open(root)
    pins = JoinedPins(main, side)
    row = pins.row(str(new.pin_ids[0].as_py()))
    pins.search(pins.embeddings[np.array([row])], K, ef_search=K)
    return _Fresh(added_s - began_s, time.perf_counter() - added_s, pins, side)


def _share_cost(
    share: float, main: PinArtefact, fresh: _Fresh, queries: NDArray[np.float16], ef_search: int
) -> ShareCost:
    added = main.embeddings[:0] if fresh.side is None else fresh.side.rows.pool
    pool = np.concatenate([main.embeddings[: main.n_indexed], added])
    rows = np.concatenate([np.arange(main.n_indexed), np.arange(len(added)) + main.n_pins])
    exact = rows[exact_search(queries, pool, K)[1]]
    found = [fresh.pins.search(query[np.newaxis], K, ef_search=ef_search)[1][0] for query in queries]
    hits = np.concatenate([np.isin(expected, each) for expected, each in zip(exact, found, strict=True)])
    of_added = hits[exact.ravel() >= main.n_pins]
    return ShareCost(
        share=share,
        n_side=len(added),
        add_s=fresh.add_s,
        open_s=fresh.open_s,
        recall=float(hits.mean()),
        recall_added=float(of_added.mean()) if len(of_added) else None,
        mean_us=_mean_us(fresh.pins, queries, ef_search),
        side_us=0.0 if fresh.side is None else _mean_us(fresh.side.searching, queries, ef_search),
    )


def _side_cost(vectors: NDArray[np.float16], n: int, settings: FreshnessSettings) -> SideCost:
    pool, queries = vectors[:n], vectors[-settings.queries :]
    began_s = time.perf_counter()
    index = build_hnsw(pool, HnswParameters(m=16, ef_construction=128, threads=settings.threads), QUIET)
    build_s = time.perf_counter() - began_s
    searches: tuple[Search, Search] = SideSearch(pool), HnswSearch(index, pool)
    exact, found = (each.search(queries, K, ef_search=settings.ef_search)[1] for each in searches)
    exact_us, hnsw_us = (_mean_us(each, queries, settings.ef_search) for each in searches)
    exact_40_us, hnsw_40_us = (
        _mean_us(each, queries, settings.ef_search, at_once=AT_ONCE) for each in searches
    )
    recall = np.mean([np.isin(expected, each) for expected, each in zip(exact, found, strict=True)])
    return SideCost(
        n=n,
        exact_us=exact_us,
        hnsw_us=hnsw_us,
        exact_40_us=exact_40_us,
        hnsw_40_us=hnsw_40_us,
        hnsw_recall=float(recall),
        hnsw_build_s=build_s,
    )


def _mean_us(
    search: Search | PinView, queries: NDArray[np.float16], ef_search: int, *, at_once: int = 1
) -> float:
    """Microseconds of one search, of so many queries."""
    parts = [queries[start : start + at_once] for start in range(0, len(queries) - at_once + 1, at_once)]
    began_s = time.perf_counter()
    for part in parts:
        search.search(part, K, ef_search=ef_search)
    return (time.perf_counter() - began_s) / len(parts) * 1e6


def _table(world: InMemoryPins, rows: NDArray[np.int64]) -> pa.Table:
    return _columns(pa.array(world.pin_ids(rows)), world.embeddings[rows])


def _columns(pin_ids: "pa.Array[Any]", vectors: NDArray[np.float16]) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(vectors).ravel())
    return pa.table(
        {"pin_id": pin_ids, "embedding": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])}
    )


def main() -> int:
    """Run the benchmark and return its exit status."""
    program = Program("benchmarks.freshness", expected=(OSError, BenchmarkError, StorageError))
    program.command("freshness", FreshnessSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
