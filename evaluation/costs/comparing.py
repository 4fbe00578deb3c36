"""Measures searches against each other: kinds of index at equal recall, pools at equal parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.costs.indexes import Codes, Effort, Kept, Search, exact, flat, hnsw, opened, probes, refined
from evaluation.costs.policy import CostPolicy
from evaluation.costs.timing import cpu_us
from evaluation.costs.tuning import Recall, least_effort
from storage.pins.hnsw import Hnsw, HnswSearch

KINDS: Final = ("lsh", "pq", "hnsw", "exact")

_MOST_DEPTH = 20_000
"""The most effort that is tried, or a tenth of the pool where that is more."""

Arrays = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """An HNSW index on disk.

    Attributes:
        file: Holds the index.
        build_s: What building it took on all cores; 0 where that is not asked for.
    """

    file: Path
    build_s: float = 0.0

    @property
    def n_bytes(self) -> int:
        """Of the index alone."""
        return self.file.stat().st_size

    def search(self, pool: NDArray[np.float16], k: int) -> Search:
        """As the service searches."""
        return hnsw(HnswSearch(Hnsw.open(self.file), pool), k)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    """One way to search: an index, and how many of its lists are looked into."""

    search: Search
    n_bytes: int
    build_s: float
    codes: Codes | None = None
    n_probe: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tuned:
    """A variant at the least effort that reaches the target."""

    variant: _Variant
    effort: Effort
    recall: float

    def __call__(self, query: NDArray[np.float16]) -> object:
        return self.variant.search(query, self.effort)

    def facts(self) -> list[float]:
        """What is reported besides the time, in the order of _FACTS."""
        codes = self.variant.codes
        size, n_lists = (codes.size, codes.n_lists) if codes else (0, 0)
        effort, bill = self.effort, (self.variant.n_bytes, self.variant.build_s)
        return [self.recall, effort.depth, effort.n_probe, size, n_lists, *bill]


_FACTS = ("recall", "depth", "n_probe", "size", "n_lists", "bytes", "build_s")


def index_costs(
    pool: NDArray[np.float16],
    queries: NDArray[np.float16],
    graph: Graph,
    kept: Sequence[tuple[Codes, Kept]],
    policy: CostPolicy,
) -> Arrays:
    """What a query costs by kind of index, all at the same recall, each kind by its cheapest variant.

    HNSW keeps at least k pins a search, so that its recall may lie above the policy's target from the start:
    then that is what the others have to reach as well.

    Args:
        pool: float16 [n, d], unit norm.
        queries: float16 [q, d], unit norm.
        graph: HNSW over the pool.
        kept: Compressed indexes over it.
        policy: How to measure.

    Returns:
        In the order of KINDS, NaN where no variant of a kind reaches the target: "us" [4, rounds], CPU
        microseconds a query, and "recall", "depth", "n_probe", "size", "n_lists", "bytes" and "build_s" [4].
        Besides these "target" [1].
    """
    variants = _variants(pool, graph, kept, policy.k)
    recall = Recall(queries, pool, policy.k)
    shortest = variants["hnsw"][0].search(queries, Effort(depth=policy.k))
    target = max(policy.target_recall, recall.of(shortest))
    most = min(len(pool), max(_MOST_DEPTH, len(pool) // 10))
    best: dict[str, _Tuned] = {}
    for kind, of_kind in variants.items():
        tuned = [_tuned(variant, queries, recall, target, range(policy.k, most + 1)) for variant in of_kind]
        if reaching := [each for each in tuned if each is not None]:
            best[kind] = _cheapest(reaching, queries)
    return {**_measured(best, queries, policy.n_rounds), "target": np.array([target])}


def pool_costs(
    queries: NDArray[np.float16],
    pools: Sequence[tuple[NDArray[np.float16], Graph]],
    policy: CostPolicy,
) -> Arrays:
    """What a query costs by pool, all searched with the service's efSearch.

    Args:
        queries: float16 [q, d], unit norm.
        pools: Each with HNSW over it.
        policy: How to measure.

    Returns:
        In the order of the pools: "us" [p, rounds], CPU microseconds a query, and "recall", "pins" and
        "bytes" [p].
    """
    effort = Effort(depth=policy.ef_search)
    searches = [graph.search(pool, policy.k) for pool, graph in pools]
    return {
        "us": cpu_us([_at(search, effort) for search in searches], queries, policy.n_rounds),
        "recall": np.array(
            [
                Recall(queries, pool, policy.k).of(search(queries, effort))
                for search, (pool, _) in zip(searches, pools, strict=True)
            ]
        ),
        "pins": np.array([len(pool) for pool, _ in pools], np.float64),
        "bytes": np.array([graph.n_bytes for _, graph in pools], np.float64),
    }


def _at(search: Search, effort: Effort) -> Callable[[NDArray[np.float16]], object]:
    """The search with its effort fixed."""
    return lambda queries: search(queries, effort)


def _variants(
    pool: NDArray[np.float16], graph: Graph, kept: Sequence[tuple[Codes, Kept]], k: int
) -> dict[str, list[_Variant]]:
    """By kind, in the order of KINDS."""
    variants: dict[str, list[_Variant]] = {kind: [] for kind in KINDS}
    vectors = flat(pool)
    for codes, index in kept:
        search = refined(opened(index), vectors, pool, k)
        variants[codes.kind] += [
            _Variant(
                search=search, n_bytes=index.n_bytes, build_s=index.build_s, codes=codes, n_probe=n_probe
            )
            for n_probe in probes(codes)
        ]
    service = graph.search(pool, k)
    variants["hnsw"] = [_Variant(search=service, n_bytes=graph.n_bytes, build_s=graph.build_s)]
    variants["exact"] = [_Variant(search=exact(vectors, pool, k), n_bytes=pool.nbytes, build_s=0.0)]
    return variants


def _tuned(
    variant: _Variant, queries: NDArray[np.float16], recall: Recall, target: float, depths: range
) -> _Tuned | None:
    """The variant at the least depth that reaches the target; None where none of the depths does."""

    def recall_at(depth: int) -> float:
        return recall.of(variant.search(queries, Effort(depth=depth, n_probe=variant.n_probe)))

    depth = least_effort(recall_at, depths[0], depths[-1], target)
    if depth is None:
        return None
    effort = Effort(depth=depth, n_probe=variant.n_probe)
    return _Tuned(variant=variant, effort=effort, recall=recall_at(depth))


def _cheapest(tuned: Sequence[_Tuned], queries: NDArray[np.float16]) -> _Tuned:
    if len(tuned) == 1:
        return tuned[0]
    return tuned[int(np.argmin(cpu_us(tuned, queries, n_rounds=1)[:, 0]))]


def _measured(best: Mapping[str, _Tuned], queries: NDArray[np.float16], n_rounds: int) -> Arrays:
    us = np.full((len(KINDS), n_rounds), np.nan)
    facts = np.full((len(KINDS), len(_FACTS)), np.nan)
    at = [KINDS.index(kind) for kind in best]
    us[at] = cpu_us(list(best.values()), queries, n_rounds)
    facts[at] = [tuned.facts() for tuned in best.values()]
    return {"us": us, **dict(zip(_FACTS, facts.T, strict=True))}
