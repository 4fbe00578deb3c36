"""The retrieve stage of a filtered request: lists of those that pass, whatever the filter lets through.

Three ways, the cheapest that loses nothing: the unfiltered lists, cached and wider, while enough of them
passes; the graph, walked past those that do not pass; exact search over all that pass. Filtered lists are
never cached.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.fusing import SPREAD_OVER
from server.candidate_lists import CandidateList, Retrieved
from server.deadlines import Deadline
from server.elements import NO_ELEMENTS
from server.encoding import encode_list
from server.merging import Selection
from server.metrics import Metrics
from server.metrics_catalogue import FilterMode
from server.passing import PassingCache, PassingRows
from server.probing import Probe
from server.retrieval import Medoid, Retrieval, tier
from storage.pins.filters import Filter
from storage.pins.port import PinView
from storage.pins.scoring import exact_search_among

Spread = tuple[float, float] | None
Found = dict[int, Retrieved]  # by the medoid's row


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterPolicy:
    """When which way is taken. Costs were measured by benchmarks.filtering, one core, 256 dimensions.

    Attributes:
        mild_share: From this selectivity on, unfiltered lists are fetched wider; below, those serve that are
            cached.
        over_fetch: So many times as many as the share asks for.
        widest: No unfiltered list is fetched wider than this for a filter's sake.
        reach: efSearch is so many times the pins that must be met.
        exact_row_us: To fetch one passing vector for exact search, for all queries together.
        exact_cosine_us: To compare it with one query.
        graph_step_us: Of one more efSearch.
    """

    mild_share: float = 0.2
    over_fetch: float = 1.3
    widest: int = 1_600
    reach: float = 2.0
    exact_row_us: float = 0.4
    exact_cosine_us: float = 0.05
    graph_step_us: float = 4.5

    def prefers_graph(self, ef_search: NDArray[np.int64], n_passing: int) -> bool:
        """Whether walking the graph for each query costs less than comparing all that pass with all."""
        exact_us = n_passing * (self.exact_row_us + self.exact_cosine_us * len(ef_search))
        return float(ef_search.sum()) * self.graph_step_us < exact_us


class FilteredRetrieval:
    """Fetches lists of passing pins of one artefact version.

    Args:
        pins: The artefact.
        retrieval: The unfiltered lists.
        ef_search: HNSW's least efSearch.
        metrics: Counts the ways taken.
        policy: When which way is taken.
    """

    def __init__(
        self,
        pins: PinView,
        retrieval: Retrieval,
        *,
        ef_search: int,
        metrics: Metrics,
        policy: FilterPolicy = FilterPolicy(),
    ) -> None:
        self._pins = pins
        self._retrieval = retrieval
        self._ef_search = ef_search
        self._metrics = metrics
        self._policy = policy
        self._known = PassingCache(pins, metrics)
        self._probe = Probe(pins)

    def passing(self, asked: Filter) -> PassingRows:
        """The rows that pass."""
        return self._known.passing(asked)

    def fetch(
        self,
        medoids: Sequence[Medoid],
        passing: PassingRows,
        *,
        at_least: int,
        with_spread: bool,
        deadline: Deadline,
    ) -> list[Retrieved]:
        """The lists of some medoids, of passing pins only and not serialised yet, in the order given.

        Args:
            medoids: Distinct.
            passing: Who passes.
            at_least: How many candidates a list should hold; it has fewer only when fewer pass.
            with_spread: Each list needs its medoid's spread, which is that of its unfiltered list.
            deadline: Checked before each way is tried.
        """
        k = tier(at_least)
        lists = self._unfiltered(medoids, passing, k, with_spread, deadline)
        found = {row: cut for row, each in lists.items() if (cut := _passing_part(each, passing, k))}
        self._metrics.count_filtered(FilterMode.OVER_FETCH, len(found))
        left = [row for _, row in medoids if row not in found]
        if left:
            spreads = {row: each.candidates.spread for row, each in lists.items()}
            found |= self._searched(left, passing, k, spreads, deadline)
        return [found[row] for _, row in medoids]

    def encoded(
        self, medoids: Sequence[Medoid], retrieved: Sequence[Retrieved], selection: Selection
    ) -> tuple[list[Retrieved], Selection]:
        """Lists of the selected candidates only, serialised, and the selection among them."""
        positions = np.empty(len(selection), np.int64)
        lists = []
        for at, ((pin_id, _), each) in enumerate(zip(medoids, retrieved, strict=True)):
            is_from = selection.lists == at
            chosen = selection.positions[is_from]
            positions[is_from] = np.arange(len(chosen))
            lists.append(Retrieved(self._serialised(pin_id, each.candidates, chosen), each.cache_hit))
        return lists, Selection(selection.lists, positions)

    def _serialised(self, pin_id: str, found: CandidateList, chosen: NDArray[np.int64]) -> CandidateList:
        rows, scores = found.rows[chosen], found.scores[chosen]
        pin_ids = self._pins.encoded_ids(rows)
        return encode_list(
            rows,
            pin_ids,
            scores,
            medoid_pin_id=pin_id,
            wanted=len(rows),
            spread=found.spread,
            lowered=found.lowered,
        )

    def _unfiltered(
        self,
        medoids: Sequence[Medoid],
        passing: PassingRows,
        k: int,
        with_spread: bool,
        deadline: Deadline,
    ) -> Found:
        """Lists that may hold enough; searched for only where that is promising, or a spread is wanted."""
        at_least = SPREAD_OVER if with_spread else 0
        if passing.count and passing.share >= self._policy.mild_share:
            enough = int(self._policy.over_fetch * k / passing.share)
            at_least = max(at_least, min(enough, self._policy.widest))
        if not at_least:
            return self._retrieval.cached(medoids)
        lists = self._retrieval.fetch(medoids, at_least=at_least, deadline=deadline)
        return {row: each for (_, row), each in zip(medoids, lists, strict=True)}

    def _searched(
        self, rows: list[int], passing: PassingRows, k: int, spreads: dict[int, Spread], deadline: Deadline
    ) -> Found:
        """Of each medoid's row, by the graph where that is cheaper and met enough, else exactly."""
        deadline.check("retrieve")
        with self._metrics.stage("search"):
            lists = self._by_graph(rows, passing, k) if passing.count > k else {}
            self._metrics.count_filtered(FilterMode.GRAPH, len(lists))
            left = [row for row in rows if row not in lists]
            if left:
                deadline.check("retrieve")
                lists |= self._exact(left, passing, k)
                self._metrics.count_filtered(FilterMode.EXACT, len(left))
        return {
            row: Retrieved(_unserialised(found, scores, k, spreads.get(row)), cache_hit=False)
            for row, (scores, found) in lists.items()
        }

    def _by_graph(
        self, rows: list[int], passing: PassingRows, k: int
    ) -> dict[int, tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """What the graph found of those medoids for which it went far enough.

        It goes far enough when the worst pin found is nearer than the efSearch-th of the pool: all that pass
        and are nearer have been met then.
        """
        queries = self._pins.embeddings[np.array(rows)]
        probed = self._probe.look(queries)
        reach = (self._policy.reach * probed.reach(passing, k)).astype(np.int64)
        ef_search = np.clip(reach, max(self._ef_search, k), passing.n_indexed)
        if not self._policy.prefers_graph(ef_search, passing.count):
            return {}
        met = [
            self._pins.search_passing(query[np.newaxis], k, bitmap=passing.bitmap, ef_search=ef)
            for query, ef in zip(queries, ef_search.tolist(), strict=True)
        ]
        scores, found = (np.concatenate(parts) for parts in zip(*met, strict=True))
        went_far_enough = (found[:, -1] >= 0) & (probed.depth(scores[:, -1]) <= ef_search)
        return {rows[at]: (scores[at], found[at]) for at in np.flatnonzero(went_far_enough).tolist()}

    def _exact(
        self, rows: list[int], passing: PassingRows, k: int
    ) -> dict[int, tuple[NDArray[np.float32], NDArray[np.int64]]]:
        X = self._pins.embeddings
        scores, found = exact_search_among(X[np.array(rows)], X, passing.rows(), k)
        return dict(zip(rows, zip(scores, found, strict=True), strict=True))


def _passing_part(each: Retrieved, passing: PassingRows, k: int) -> Retrieved | None:
    """The first k of a list that pass; None when it holds fewer and others may pass further out."""
    candidates = each.candidates
    positions = np.flatnonzero(passing.among(candidates.rows))
    if len(positions) < min(k, passing.count):
        return None
    first = positions[:k]
    part = _unserialised(candidates.rows[first], candidates.scores[first], k, candidates.spread)
    return Retrieved(replace(part, lowered=candidates.lowered), each.cache_hit)


def _unserialised(
    rows: NDArray[np.integer],
    scores: NDArray[np.float32],
    wanted: int,
    spread: Spread,
) -> CandidateList:
    """A list whose few selected candidates will be serialised in the end."""
    return CandidateList(
        rows=rows.astype(np.int32, copy=False),
        scores=scores,
        elements=NO_ELEMENTS,
        wanted=wanted,
        spread=spread,
    )
