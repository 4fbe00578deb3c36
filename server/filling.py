"""Retrieve and merge until the answer is full: lists that exclusions leave short are fetched wider."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.fusing import SPREAD_OVER
from server.candidate_lists import CandidateList, Retrieved
from server.deadlines import Deadline
from server.filtering import FilteredRetrieval
from server.fusing import Fusion
from server.merging import Filters, Selected, Selection, merge
from server.metrics import Metrics
from server.retrieval import TIERS, Medoid, Retrieval, tier
from storage.pins.port import PinView


# Not frozen: see server.validation.Options.
@dataclass(slots=True)
class Filled:
    """Lists, and which of their candidates make the answer.

    Attributes:
        retrieved: One for each medoid, in their order.
        lists: The candidates of each.
        selection: From their candidates.
    """

    retrieved: Sequence[Retrieved]
    lists: tuple[CandidateList, ...]
    selection: Selected


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filling:
    """Fills answers from the lists of one artefact version.

    Attributes:
        pins: The artefact.
        retrieval: Fetches lists.
        filtering: Fetches those of filtered requests.
        metrics: Times the stages, counts what came.
    """

    pins: PinView
    retrieval: Retrieval
    filtering: FilteredRetrieval
    metrics: Metrics

    def by_turns(
        self,
        rows: Sequence[int],
        filters: Filters,
        budgets: tuple[int, ...],
        max_candidates: int,
        deadline: Deadline,
    ) -> Filled:
        """The medoids' lists by turns.

        Args:
            rows: Distinct rows of the medoids, most important first.
            filters: What may not come back.
            budgets: The most that each list gives.
            max_candidates: The most altogether.
            deadline: Checked before anything is searched.
        """
        retrieved = self._retrieve(rows, max(budgets), filters, deadline)
        while True:
            lists = tuple([each.candidates for each in retrieved])
            with self.metrics.stage("merge"):
                selection = merge(lists, filters, budgets=budgets, max_candidates=max_candidates)
            n = len(selection)
            if n == max_candidates or not (short := _short_lists(lists, selection, filters, budgets)):
                return self._filled(rows, Filled(retrieved, lists, selection), filters, max_candidates)
            at_least = 1 + max(lists[at].wanted for at in short)
            wider = self._retrieve([rows[at] for at in short], at_least, filters, deadline)
            for at, each in zip(short, wider, strict=True):
                retrieved[at] = _wider(retrieved[at], each)

    def fused(self, fusion: Fusion, filters: Filters, max_candidates: int, deadline: Deadline) -> Filled:
        """All lists fused; when exclusions left the answer short, all are fetched wider.

        Lists are cut to one length, however long those are that the cache happens to hold.
        """
        rows = fusion.stood_for.rows.tolist()
        k = tier(max_candidates)
        retrieved = self._retrieve(rows, max(k, SPREAD_OVER), filters, deadline, with_spread=True)
        while True:
            deadline.check("fuse")
            lists = tuple([each.candidates.first(k) for each in retrieved])
            with self.metrics.stage("fuse"):
                selection = fusion.fuse(lists, filters, max_candidates=max_candidates)
            is_full = len(selection) == max_candidates
            if is_full or k == TIERS[-1] or not any(map(filters.may_find_more, lists)):
                return self._filled(rows, Filled(retrieved, lists, selection), filters, max_candidates)
            k = tier(k + 1)
            if k > SPREAD_OVER:
                further = self._retrieve(rows, k, filters, deadline, with_spread=True)
                retrieved = list(map(_wider, retrieved, further))

    def _retrieve(
        self,
        rows: Sequence[int],
        at_least: int,
        filters: Filters,
        deadline: Deadline,
        *,
        with_spread: bool = False,
    ) -> list[Retrieved]:
        with self.metrics.stage("retrieve"):
            if filters.passing is not None:
                return self.filtering.fetch(
                    self._medoids(rows),
                    filters.passing,
                    at_least=at_least,
                    with_spread=with_spread,
                    deadline=deadline,
                )
            cached = self.retrieval.all_cached(rows, at_least=at_least)
            if cached is not None:
                return cached
            return self.retrieval.fetch(self._medoids(rows), at_least=at_least, deadline=deadline)

    def _medoids(self, rows: Sequence[int]) -> list[Medoid]:
        return list(zip(self.pins.pin_ids(np.array(rows, np.int64)), rows, strict=True))

    def _filled(self, rows: Sequence[int], filled: Filled, filters: Filters, max_candidates: int) -> Filled:
        """Counted, and serialised: lists of filtered requests have no bytes yet."""
        selection = filled.selection
        self.metrics.count_candidates(len(selection), max_candidates)
        if filters.blocked.mask is not None:
            self.metrics.count_blocked(filters.n_blocked(filled.lists))
        if filters.passing is None or not isinstance(selection, Selection):
            return filled
        retrieved, selection = self.filtering.encoded(self._medoids(rows), filled.retrieved, selection)
        return Filled(retrieved, tuple([each.candidates for each in retrieved]), selection)


def _wider(first: Retrieved, wider: Retrieved) -> Retrieved:
    """The wider list; whether it was in the cache is what the call's first look found."""
    return Retrieved(wider.candidates, first.cache_hit)


def _short_lists(
    lists: Sequence[CandidateList],
    selection: Selected,
    filters: Filters,
    budgets: Sequence[int],
) -> list[int]:
    """The lists that gave less than their budget, and may hold more."""
    taken = selection.taken_from(len(lists))
    return [
        at
        for at, each in enumerate(lists)
        if taken[at] < budgets[at] and each.wanted < TIERS[-1] and filters.may_find_more(each)
    ]
