"""`python -m benchmarks.filtering`: recall and latency of filtered lists, by selectivity and by way.

Each filter comes twice: once it passes pins at random, once whole themes, so that it knows either all or
nothing of a query's surroundings; half of the queries lie in themes that pass. The pins are made up around
themes, or those of an artefact: there a theme is what lies nearest to one of its pins, chosen at random.

Every list is fetched with a cold cache and compared with exact search over the pins that pass. The ways that
the policy chooses between are also taken by force, which is where its thresholds come from.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from benchmarks.errors import BenchmarkError
from benchmarks.world import PINS_A_THEME, themed_pins
from index_builder.cells import Cells
from index_builder.hnsw import HnswParameters
from model.fusing import FusePolicy
from process.commands import Program, setting
from server.candidate_cache import CandidateCache
from server.deadlines import Deadline
from server.filtering import FilteredRetrieval, FilterPolicy
from server.metrics import Metrics
from server.metrics_catalogue import FilterMode
from server.passing import PassingRows
from server.retrieval import Retrieval
from storage.errors import StorageError
from storage.pins.artefact import PinArtefact
from storage.pins.columns import encoded
from storage.pins.hnsw import Hnsw, HnswSearch
from storage.pins.memory import InMemoryPins
from storage.pins.port import EF_SEARCH, PinView
from storage.pins.scoring import exact_search_among

SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)
K = 200
WAYS: Mapping[str, FilterPolicy] = {
    "as chosen": FilterPolicy(),
    "lists": FilterPolicy(mild_share=0.0, widest=6_400),
    "graph": FilterPolicy(mild_share=2.0, graph_step_us=0.0),
    "exact": FilterPolicy(mild_share=2.0, graph_step_us=float("inf")),
}
_CACHE_BYTES = 500_000_000


@dataclass(frozen=True, kw_only=True)
class FilteringSettings:
    """Measure filtered lists of 200 against exact filtered search."""

    artefact: Annotated[
        Path | None,
        setting(
            "Measure over the pins of this artefact, instead of making some up.", env="PINS", metavar="DIR"
        ),
    ] = None
    pins: Annotated[int, setting("Pins that are made up.", env="BENCH_PINS", low=2_000)] = 100_000
    dimension: Annotated[int, setting("Of a vector.", env="BENCH_DIMENSION", low=8, high=4_096)] = 256
    queries: Annotated[int, setting("Pins asked for their neighbours.", env="BENCH_QUERIES", low=2)] = 60
    way: Annotated[
        list[str] | None,
        setting(f"A way to take; again for another. When left out: {', '.join(WAYS)}.", env="BENCH_WAYS"),
    ] = None
    threads: Annotated[int, setting("That build the index.", env="BUILD_THREADS", low=1)] = 2
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/filtering.json"
    )


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One filter, one way.

    Attributes:
        correlated: The filter passes whole themes.
        selectivity: The share that passes.
        way: The policy's name.
        recall: Recall@200 against exact filtered search, the mean over queries.
        worst_recall: Of the worst query.
        mean_us: Processor time of a list, one thread, cold cache: its latency where nothing else runs.
        p95_us: The same of the slowest.
        modes: How many lists were made which way.
    """

    correlated: bool
    selectivity: float
    way: str
    recall: float
    worst_recall: float
    mean_us: float
    p95_us: float
    modes: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """What is asked.

    Attributes:
        pins: Searched by a real index.
        themes: int64 [n_indexed], whereto each candidate belongs.
    """

    pins: PinView
    themes: NDArray[np.int64]


class IndexedPins(InMemoryPins):
    """Themed pins, searched by a real index."""

    index: HnswSearch

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """By the graph."""
        return self.index.search(queries, k, ef_search=ef_search)

    def search_passing(
        self, queries: NDArray[np.float16], k: int, *, bitmap: NDArray[np.uint8], ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """By the graph."""
        return self.index.search_passing(queries, k, bitmap=bitmap, ef_search=ef_search)


class CountedMetrics(Metrics):
    """Remembers which ways were taken."""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())
        self.modes: Counter[str] = Counter()

    def count_filtered(self, mode: FilterMode, lists: int) -> None:
        """Count lists."""
        self.modes[mode.value] += lists


def measure(settings: FilteringSettings) -> None:
    """Build or open, measure, show and write."""
    ways = _ways(settings)
    world = _made_up(settings) if settings.artefact is None else world_of(PinArtefact.open(settings.artefact))
    figures = list(figures_of(world, ways, settings.queries))
    _show(figures)
    n, d = len(world.themes), world.pins.embedding_space.dimension
    content = {"pins": n, "dimension": d, "k": K, "figures": [asdict(figure) for figure in figures]}
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _ways(settings: FilteringSettings) -> Mapping[str, FilterPolicy]:
    chosen = settings.way or list(WAYS)
    for way in chosen:
        if way not in WAYS:
            raise BenchmarkError(f"--way {way}: there are {', '.join(WAYS)}.")
    return {way: WAYS[way] for way in chosen}


def _made_up(settings: FilteringSettings) -> World:
    """A pool and its index, with the index builder's defaults."""
    themed = themed_pins(settings.pins, settings.dimension)
    # In no order: a theme's pins lie anywhere, as in a pool ordered by quality.
    order = np.random.default_rng(1).permutation(settings.pins)
    pins = IndexedPins(
        themed.pin_ids(order), themed.embeddings[order], embedding_space=themed.embedding_space
    )
    defaults = HnswParameters()
    index = Hnsw.empty(
        settings.dimension, m=defaults.m, ef_construction=defaults.ef_construction, storage=defaults.storage
    )
    index.learn_range(pins.embeddings)
    index.add(pins.embeddings, threads=settings.threads)
    pins.index = HnswSearch(index, pins.embeddings)
    return _with_themes(pins, order // PINS_A_THEME)


def world_of(pins: InMemoryPins | PinArtefact) -> World:
    """The candidates of an artefact, each with the theme that it is nearest to."""
    pool = pins.embeddings[: pins.n_indexed]
    n_themes = -(-len(pool) // PINS_A_THEME)
    centres = np.random.default_rng(1).choice(len(pool), n_themes, replace=False)
    grouped = Cells(pool, centres, probes=1).group(np.arange(len(pool)))
    themes = np.empty(len(pool), np.int64)
    themes[grouped.places] = np.repeat(np.arange(n_themes), grouped.sizes)
    return _with_themes(pins, themes)


def _with_themes(pins: InMemoryPins | PinArtefact, themes: NDArray[np.int64]) -> World:
    """Pins without any filter column are never filtered: each has its theme."""
    of_all = np.concatenate([themes, np.zeros(pins.n_pins - len(themes), np.int64)])
    pins.columns = encoded({"theme": pa.array(of_all)}, len(themes))
    return World(pins=pins, themes=themes)


def figures_of(world: World, ways: Mapping[str, FilterPolicy], n_queries: int) -> Iterator[Figure]:
    """Every filter, every way that was chosen."""
    for correlated in (False, True):
        for selectivity in SELECTIVITIES:
            passes = _passes(world.themes, selectivity, correlated=correlated)
            rows = _queries(world.themes, passes, n_queries)
            for way, policy in ways.items():
                yield replace(
                    _figure(world.pins, passes, rows, policy),
                    correlated=correlated,
                    selectivity=selectivity,
                    way=way,
                )


def _passes(themes: NDArray[np.int64], share: float, *, correlated: bool) -> NDArray[np.bool_]:
    """Pins at random; or the first themes, the last of them in part."""
    n, generator = len(themes), np.random.default_rng(2)
    order = np.lexsort((generator.random(n), themes)) if correlated else generator.permutation(n)
    passes = np.zeros(n, np.bool_)
    passes[order[: round(share * n)]] = True
    return passes


def _queries(themes: NDArray[np.int64], passes: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Half from themes of which somebody passes, half from anywhere."""
    generator = np.random.default_rng(3)
    near = np.flatnonzero(np.isin(themes, themes[passes]))
    anywhere = generator.choice(len(themes), n // 2, replace=False)
    return np.unique(np.concatenate([generator.choice(near, n - n // 2, replace=False), anywhere]))


def _figure(
    pins: PinView, passes: NDArray[np.bool_], rows: NDArray[np.int64], policy: FilterPolicy
) -> Figure:
    passing, metrics = PassingRows.of(passes), CountedMetrics()
    retrieval = Retrieval(
        pins,
        CandidateCache(_CACHE_BYTES),
        ef_search=EF_SEARCH,
        perplexity=FusePolicy().perplexity,
        metrics=metrics,
    )
    filtering = FilteredRetrieval(pins, retrieval, ef_search=EF_SEARCH, metrics=metrics, policy=policy)
    _, expected = exact_search_among(pins.embeddings[rows], pins.embeddings, np.flatnonzero(passes), K)
    recalls, taken_us = np.empty(len(rows)), np.empty(len(rows))
    for at, (row, nearest) in enumerate(zip(rows.tolist(), expected, strict=True)):
        began = time.process_time()
        medoid = pins.pin_ids(np.array([row]))[0], row
        (found,) = filtering.fetch([medoid], passing, at_least=K, with_spread=False, deadline=Deadline())
        taken_us[at] = (time.process_time() - began) * 1e6
        recalls[at] = len(np.intersect1d(found.candidates.rows[:K], nearest)) / len(nearest)
    return Figure(
        correlated=False,
        selectivity=passing.share,
        way="",
        recall=float(recalls.mean()),
        worst_recall=float(recalls.min()),
        mean_us=float(taken_us.mean()),
        p95_us=float(np.quantile(taken_us, 0.95)),
        modes={mode: n for mode, n in metrics.modes.items() if n},
    )


def _show(figures: list[Figure]) -> None:
    table = Table("filter", "passes", "way", "recall@200", "worst", "mean", "p95", "made by")
    for each in figures:
        table.add_row(
            "themes" if each.correlated else "at random",
            f"{each.selectivity:.1%}",
            each.way,
            f"{each.recall:.3f}",
            f"{each.worst_recall:.3f}",
            f"{each.mean_us:,.0f} us",
            f"{each.p95_us:,.0f} us",
            ", ".join(f"{mode} {n}" for mode, n in each.modes.items()),
        )
    Console(width=140).print(table)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.filtering", expected=(OSError, BenchmarkError, StorageError))
    program.command("filtering", FilteringSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
