"""The merge stage: drop what the user must not see from each list, interleave the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model.exclusion import not_excluded
from model.merging import Merged, interleave_within
from server.candidate_lists import CandidateList
from server.elements import empty_like, joined, side_by_side
from server.passing import PassingRows
from server.takedown import NO_ROWS_BLOCKED, BlockedRows
from storage.compiled import compiled

_turns = compiled("server._turns")

Excluded: TypeAlias = tuple[NDArray[np.int32], ...]


class Selected(Protocol):
    """The candidates that make an answer, in order."""

    def __len__(self) -> int:
        """How many they are."""

    def taken_from(self, n_lists: int) -> Sequence[int]:
        """How many of them each list gave."""

    def elements(self, lists: Sequence[CandidateList]) -> bytes:
        """Serialised."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Which candidates make the answer, by their places: a Selected.

    Attributes:
        lists: int64 [n], the list each candidate comes from.
        positions: int64 [n], its position in that list.
    """

    lists: NDArray[np.int64]
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lists)

    @classmethod
    def among(cls, allowed: Sequence[NDArray[np.int64]], merged: Merged) -> "Selection":
        """From positions among what each list may give, back to positions in the lists."""
        starts = np.cumsum([0, *(len(each) for each in allowed)])
        return cls(merged.lists, np.concatenate(allowed)[starts[merged.lists] + merged.positions])

    def taken_from(self, n_lists: int) -> Sequence[int]:
        """How many candidates each list gave."""
        given: list[int] = np.bincount(self.lists, minlength=n_lists).tolist()
        return given

    def elements(self, lists: Sequence[CandidateList]) -> bytes:
        """The serialised candidates, in order."""
        if not len(self):
            return b""
        # List by list, however many there are: nothing is copied that is not taken.
        by_list = np.argsort(self.lists, kind="stable")
        ends = np.cumsum(self.taken_from(len(lists)))[:-1]
        positions = np.split(self.positions[by_list], ends)
        taken = [each.elements[at] for each, at in zip(lists, positions, strict=True) if len(at)]
        room = empty_like(taken, len(self))
        room[by_list] = side_by_side(taken)
        return joined(room)


# Not frozen: see server.validation.Options.
@dataclass(slots=True, eq=False)
class Filters:
    """What may not come back.

    Attributes:
        representatives: int32 [n_pins], of the artefact.
        excluded: int32 arrays of representative rows: a near-duplicate never returns as its twin. The
            medoids of all lists are among them.
        min_score: Least cosine, None for no bound.
        blocked: What nobody may be shown.
        passing: The only ones that may come back, None for all.
    """

    representatives: NDArray[np.int32]
    excluded: Excluded
    min_score: float | None
    blocked: BlockedRows = NO_ROWS_BLOCKED
    passing: PassingRows | None = None

    def allowed_in_each(self, lists: Sequence[CandidateList]) -> list[NDArray[np.int64]]:
        """The positions of each list that may come back, in order."""
        rows = np.concatenate([each.rows for each in lists])
        excluded = np.concatenate(self.excluded).astype(np.int64)
        keep = not_excluded(rows, self.representatives, excluded)
        if self.blocked.mask is not None:
            keep &= ~self.blocked.mask[rows]
        if self.passing is not None:
            keep &= self.passing.among(rows)
        if self.min_score is not None:
            keep &= np.concatenate([each.scores for each in lists]) >= self.min_score
        # np.split takes several times as long.
        ends = list(accumulate(map(len, lists)))
        return [keep[begin:end].nonzero()[0] for begin, end in pairwise([0, *ends])]

    def n_blocked(self, lists: Sequence[CandidateList]) -> int:
        """How many candidates of the lists are dropped because nobody may be shown them."""
        if self.blocked.mask is None or not lists:
            return 0
        return int(np.count_nonzero(self.blocked.mask[np.concatenate([each.rows for each in lists])]))

    def may_find_more(self, candidates: CandidateList) -> bool:
        """Whether a longer list could hold further candidates that pass."""
        if candidates.is_whole_pool:
            return False
        return self.min_score is None or bool(candidates.scores[-1] >= self.min_score)


def merge(
    lists: tuple[CandidateList, ...], filters: Filters, *, budgets: tuple[int, ...], max_candidates: int
) -> Selected:
    """What `merge_any` gives: by the compiled loop, where there is one and lists are serialised.

    The arguments are those of `merge_any`.
    """
    if _turns is None or filters.passing is not None:
        return merge_any(lists, filters, budgets=budgets, max_candidates=max_candidates)
    taken: Selected = _turns.take_turns(
        lists, filters.excluded, budgets, max_candidates, filters.min_score, filters.blocked.mask
    )
    return taken


def merge_any(
    lists: Sequence[CandidateList], filters: Filters, *, budgets: Sequence[int], max_candidates: int
) -> Selection:
    """Interleave what may come back by rank, lists in the order given, first occurrence wins.

    Args:
        lists: One per sampled interest, in order of importance.
        filters: What may not come back.
        budgets: At most so many from each list.
        max_candidates: At most so many in all.
    """
    allowed = filters.allowed_in_each(lists)
    rows = [each.rows[positions] for each, positions in zip(lists, allowed, strict=True)]
    merged = interleave_within(rows, budgets=budgets, max_candidates=max_candidates)
    return Selection.among(allowed, merged)
