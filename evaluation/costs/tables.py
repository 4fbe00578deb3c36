"""Measured costs as the paper's Table 2, and what stands behind each of its lines."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from evaluation import paper
from evaluation.costs.cells import change, cost
from evaluation.costs.comparing import KINDS, Arrays
from evaluation.costs.facts import CostFacts
from evaluation.costs.policy import CostPolicy
from evaluation.costs.refining import RefinedPool
from evaluation.costs.replaying import Replay
from evaluation.report.numbers import percent
from evaluation.results import Cell, Column, Row, Table

_BYTES_A_FLOAT16: Final = 2
_INDEX, _POOL, _CACHE = "lsh to hnsw", "full to refined pool", "centroid to medoid"
_TITLES: Final = {
    "lsh": "LSH, signs of random projections",
    "pq": "Product quantisation, inverted file",
    "hnsw": "HNSW, as the service searches",
    "exact": "Exact search",
}


def cost_tables(facts: CostFacts, policy: CostPolicy) -> dict[str, Table]:
    """Table 2, then a table for each of its lines."""
    tables = {"table2.saved": _saved_table(facts, policy), "table2.index": _index_table(facts, policy)}
    if facts.pools is not None and facts.refined is not None:
        tables["table2.pool"] = _pool_table(facts.pools, facts.refined, policy)
    return tables | {"table2.cache": _cache_table(facts, policy)}


def _saved_table(facts: CostFacts, policy: CostPolicy) -> Table:
    return Table(
        title="Table 2: what each choice saves",
        note="CPU of retrieval before and after each choice, with the paper’s figure below ours.",
        columns={
            "before": Column(title="Before", unit="us", higher_is_better=None),
            "after": Column(title="After", unit="us", higher_is_better=None),
            "change": Column(title="Change", unit="lift", higher_is_better=None),
        },
        rows=(_index_line(facts, policy), _pool_line(facts, policy), _cache_line(facts, policy)),
        foot=(_ROUNDS.format(policy.n_rounds), _PAPER),
    )


def _index_line(facts: CostFacts, policy: CostPolicy) -> Row:
    before, after = facts.us("lsh"), facts.us("hnsw")
    return Row(
        name="LSH → HNSW",
        note=f"a query, {percent(facts.target_recall)} of the {policy.k} nearest found",
        cells={
            "before": cost(before),
            "after": cost(after),
            "change": change(after, before, paper.TABLE_2[_INDEX]),
        },
    )


def _pool_line(facts: CostFacts, policy: CostPolicy) -> Row:
    name, papers = "All valid pins → refined pool", paper.TABLE_2[_POOL]
    if facts.pools is None:
        return Row(name=name, note=_NOT_MEASURED, cells={"change": Cell(value=None, paper=papers)})
    before, after = facts.pools["us"]
    n_full, n_left = facts.pools["pins"]
    return Row(
        name=name,
        note=f"a query at efSearch {policy.ef_search}, {n_left:,.0f} of {n_full:,.0f} pins left",
        cells={"before": cost(before), "after": cost(after), "change": change(after, before, papers)},
    )


def _cache_line(facts: CostFacts, policy: CostPolicy) -> Row:
    replay = facts.replays[1 + policy.capacities.index(policy.headline)]
    before, after = facts.uncached_us(replay), facts.cached_us(replay)
    return Row(
        name="Centroids → cached medoids",
        note=f"a request of {policy.e} interests, lists cached for {percent(policy.headline, 0)} of the pool",
        cells={
            "before": cost(before),
            "after": cost(after),
            "change": _counted(change(after, before, paper.TABLE_2[_CACHE])),
        },
    )


def _index_table(facts: CostFacts, policy: CostPolicy) -> Table:
    reached = [kind for kind in KINDS if not np.isnan(facts.us(kind)).any()]
    return Table(
        title="Kinds of index, at equal recall",
        note=(
            f"{facts.n_queries} medoid pins of real requests, each searched for alone on one thread, its "
            f"{policy.k} nearest pins wanted: what the service fetches for one of three interests. Each kind "
            f"tries just hard enough to find {percent(facts.target_recall)} of them, or a little more, in "
            "the cheapest of some variants. The LSH here compares the signs of every pin (Hamming distance), "
            f"then the vectors of the best; the paper’s is by orthoplexes, another kind.{_small_pool(facts)}"
        ),
        columns={
            "us": Column(title="CPU a query", unit="us", higher_is_better=False),
            "against": Column(title="Against LSH", unit="lift", higher_is_better=None),
            "recall": Column(title=f"Recall@{policy.k}", unit="share", higher_is_better=None),
            "bytes": Column(title="Index, bytes a vector", unit="count", higher_is_better=False),
            "all": Column(title="With the vectors it reads", unit="count", higher_is_better=False),
            "build": Column(title="Build", unit="s", higher_is_better=None),
        },
        rows=tuple(_index_row(kind, facts) for kind in reached)
        + tuple(
            Row(name=_TITLES[kind], note="does not reach the recall", cells={})
            for kind in KINDS
            if kind not in reached
        ),
        foot=(_ROUNDS.format(policy.n_rounds), _BUILD, _BEST),
    )


def _small_pool(facts: CostFacts) -> str:
    """A sentence for a pool that no index is needed for."""
    if np.isnan(facts.us("hnsw")).any() or np.median(facts.us("exact")) > np.median(facts.us("hnsw")):
        return ""
    return f" A pool of {facts.n_pins:,} pins is so small that comparing all of them costs no more than HNSW."


def _index_row(kind: str, facts: CostFacts) -> Row:
    own = round(facts.fact("bytes", kind) / facts.n_pins)
    vectors = 0 if kind == "exact" else _BYTES_A_FLOAT16 * facts.dimension
    cells = {
        "us": cost(facts.us(kind)),
        "recall": Cell(value=facts.fact("recall", kind)),
        "bytes": Cell(value=own),
        "all": Cell(value=own + vectors),
    }
    if kind != "exact":
        cells["build"] = Cell(value=facts.fact("build_s", kind))
    if kind != "lsh":
        papers = paper.TABLE_2[_INDEX] if kind == "hnsw" else None
        cells["against"] = change(facts.us(kind), facts.us("lsh"), papers)
    return Row(name=_TITLES[kind], note=_effort(kind, facts), cells=cells)


def _effort(kind: str, facts: CostFacts) -> str:
    size, depth = int(facts.fact("size", kind)), int(facts.fact("depth", kind))
    if kind == "lsh":
        return f"{size:,} bits; {depth:,} pins compared exactly"
    if kind == "pq":
        lists = f"{int(facts.fact('n_probe', kind)):,} of {int(facts.fact('n_lists', kind)):,} lists"
        return f"{size:,} × 4 bits; {lists}; {depth:,} pins compared exactly"
    if kind == "hnsw":
        return f"efSearch {depth:,}"
    return f"all {facts.n_pins:,} pins in float16"


def _pool_table(pools: Arrays, refined: RefinedPool, policy: CostPolicy) -> Table:
    built = refined.parameters
    before, after = pools["bytes"]
    changes = {
        "us_against": change(pools["us"][1], pools["us"][0], paper.TABLE_2[_POOL]),
        "bytes_against": Cell(value=float(after / before - 1)),
    }
    return Table(
        title="All valid pins against the refined pool",
        note=(
            f"HNSW as served (M {built.m}, efConstruction {built.ef_construction}, efSearch "
            f"{policy.ef_search}). Refining left out {refined.n_low_quality:,} pins of low quality and "
            f"{refined.n_near_duplicates:,} near-duplicates (a cosine of {built.near_duplicate_cosine:g} or "
            "more to a better pin)."
        ),
        columns={
            "pins": Column(title="Pins", unit="count", higher_is_better=None),
            "us": Column(title="CPU a query", unit="us", higher_is_better=None),
            "us_against": Column(title="Against all", unit="lift", higher_is_better=None),
            "bytes": Column(title="Index", unit="bytes", higher_is_better=None),
            "bytes_against": Column(title="Against all", unit="lift", higher_is_better=None),
            "recall": Column(title=f"Recall@{policy.k} of its pool", unit="share", higher_is_better=None),
        },
        rows=(
            Row(name="All valid pins", cells=_pool_cells(pools, 0)),
            Row(name="Refined pool", cells=_pool_cells(pools, 1) | changes),
        ),
        foot=(_ROUNDS.format(policy.n_rounds),),
    )


def _pool_cells(pools: Arrays, at: int) -> dict[str, Cell]:
    counted = {key: Cell(value=float(pools[key][at])) for key in ("pins", "bytes", "recall")}
    return counted | {"us": cost(pools["us"][at])}


def _cache_table(facts: CostFacts, policy: CostPolicy) -> Table:
    first = facts.replays[0]
    return Table(
        title="Centroids against medoids with a cache of lists",
        note=(
            f"{first.n_requests:,} requests of the test period in order of time, with {policy.e} interests "
            "sampled for each. A medoid is a pin, so its list serves everybody whose medoid it is: lists are "
            "kept by pin, the least recently used is forgotten, and the cache begins empty. A centroid is no "
            "pin, and is searched for every time; the second line shows what keeping lists by the very "
            f"vector would give. CPU is that of HNSW above, and of looking up.{_SAMPLE * facts.is_sample}"
        ),
        columns={
            "hits": Column(title="Lists from the cache", unit="share", higher_is_better=True),
            "searches": Column(title="Searches a request", unit="none", higher_is_better=False),
            "us": Column(title="CPU a request", unit="us", higher_is_better=False),
            "against": Column(title="Against centroids", unit="lift", higher_is_better=None),
        },
        rows=tuple(_cache_rows(facts, policy)),
        foot=(_ROUNDS.format(policy.n_rounds), _BEST),
    )


def _cache_rows(facts: CostFacts, policy: CostPolicy) -> Iterator[Row]:
    centroids, *medoids = facts.replays
    yield Row(
        name="Centroids",
        cells={
            "searches": Cell(value=centroids.n_lookups / centroids.n_requests),
            "us": cost(facts.uncached_us(centroids)),
        },
    )
    yield Row(
        name="Centroids, kept by their vector",
        note=_capacity(policy.headline, facts),
        cells=_cached_cells(facts, centroids),
    )
    for share, medoid in zip(policy.capacities, medoids, strict=True):
        papers = paper.TABLE_2[_CACHE] if share == policy.headline else None
        yield Row(
            name="Medoids",
            note=_capacity(share, facts),
            cells=_cached_cells(facts, medoid, papers),
        )


def _cached_cells(facts: CostFacts, replay: Replay, papers: float | None = None) -> Mapping[str, Cell]:
    cached = facts.cached_us(replay)
    return {
        "hits": Cell(value=replay.hit_rate),
        "searches": Cell(value=replay.n_searches / replay.n_requests),
        "us": cost(cached),
        "against": _counted(change(cached, facts.uncached_us(replay), papers)),
    }


def _counted(ratio: Cell) -> Cell:
    """A ratio of counts of searches, which no round of measuring changes."""
    return replace(ratio, low=None, high=None)


def _capacity(share: float, facts: CostFacts) -> str:
    return f"{percent(share, 0)} of the pool: {max(1, round(share * facts.n_pins)):,} lists"


_ROUNDS = "The middle of {} rounds of measuring; in brackets: the lowest and the highest."
_PAPER = (
    "“Paper”: the cost that it reports as saved, on its own pins and machines, as quoted in a summary of its "
    "text; its LSH is by orthoplexes."
)
_NOT_MEASURED = (
    "not measured: build the refined pool (python -m index_builder build) and give its folder as --pins"
)
_BUILD = "Build: seconds by the clock, HNSW on all cores, the others on one."
_SAMPLE = " These requests are a sample, drawn by chance: all of them together would share more lists."
_BEST = "Bold: the best of its column."
