"""The merge of lists that take turns, by whole slices: what the general merge gives, where that is simple.

A list's first candidates are nearly always all in the answer: nobody excluded them, and no other list holds
them. One sort shows whether that is so. `None` sends whoever asks to the general merge (server.merging).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from model.merging import shared_rows
from server.candidate_cache import CandidateList
from server.elements import empty_like, joined, put

# With more than so many in the way, the general merge is the faster one.
_MOST_SHARED = 100

Places = slice | NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Turns:
    """A selection in which lists take turns, each giving as many as the others, until n are taken.

    Attributes:
        places: Of each list, the positions it gives.
        n: How many candidates, at most all of those.
    """

    places: tuple[Places, ...]
    n: int

    def __len__(self) -> int:
        return self.n

    @cached_property
    def lists(self) -> NDArray[np.int64]:
        """int64 [n], the list each candidate comes from."""
        return np.arange(self.n) % len(self.places)

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """int64 [n], its position in that list."""
        each = [np.arange(of.start, of.stop) if isinstance(of, slice) else of for of in self.places]
        return np.stack(each, axis=1).ravel()[: self.n]

    def taken_from(self, n_lists: int) -> NDArray[np.int64]:
        """int64 [n_lists]: how many candidates each list gave."""
        return np.bincount(self.lists, minlength=n_lists)

    def elements(self, lists: Sequence[CandidateList]) -> bytes:
        """The serialised candidates, in order."""
        width = len(self.places)
        all_elements = [each.elements for each in lists]
        room = empty_like(all_elements, width * -(-self.n // width))
        for at, (elements, places) in enumerate(zip(all_elements, self.places, strict=True)):
            put(room, slice(at, None, width), elements[places])
        return joined(room[: self.n])


def by_turns(
    lists: Sequence[CandidateList],
    excluded: NDArray[np.int32],
    *,
    budget: int,
    n: int,
    min_score: float | None,
    blocked: NDArray[np.bool_] | None,
) -> Turns | None:
    """The merge, or None where it takes more than slices.

    Args:
        lists: In order of importance; candidates stand for themselves.
        excluded: int32 [x], representative rows.
        budget: Of each list: the lists' budgets together are n, or the next multiple of their number.
        n: How many candidates are wanted.
        min_score: Least cosine, None for no bound.
        blocked: bool [n_pins], None where nobody is.
    """
    # Nobody is shown the medoid itself.
    begins = [int(each.begins_with_itself) for each in lists]
    if any(len(each) < begin + budget for each, begin in zip(lists, begins, strict=True)):
        return None
    slices = tuple([slice(begin, begin + budget) for begin in begins])
    first = [each.rows[places] for each, places in zip(lists, slices, strict=True)]
    shared = shared_rows([*first, excluded])
    if not len(shared) and (blocked is None or not blocked[np.concatenate(first)].any()):
        return _unless_too_far(lists, Turns(slices, n), min_score)
    if not _are_among(shared, excluded).all():
        # Two lists share a pin that is not excluded.
        return None
    places = _without(lists, excluded, budget, blocked)
    return None if places is None else _unless_too_far(lists, Turns(places, n), min_score)


def _without(
    lists: Sequence[CandidateList],
    excluded: NDArray[np.int32],
    budget: int,
    blocked: NDArray[np.bool_] | None,
) -> tuple[Places, ...] | None:
    """The first `budget` places of each list that are not excluded; None where one has fewer, or two meet."""
    each = [of_list.rows for of_list in lists]
    shared = shared_rows([*each, excluded])
    if len(shared) > _MOST_SHARED:
        return None
    rows, column = np.concatenate(each), shared[:, np.newaxis]
    is_excluded = _are_among(shared, excluded)
    is_at = rows == column
    goes = is_at[is_excluded].any(axis=0)
    if blocked is not None:
        goes |= blocked[rows]
    places = _first_that_stay(goes, list(map(len, lists)), budget)
    if places is None or is_excluded.all():
        return places
    taken = np.zeros(len(rows), np.bool_)
    for begin, of_list in zip(_begins(lists), places, strict=True):
        taken[begin + of_list] = True
    is_met = (is_at[~is_excluded] & taken).sum(axis=1) > 1
    return None if is_met.any() else places


def _are_among(rows: NDArray[np.integer], others: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of a few rows are among others, in any order: bool [n]."""
    found: NDArray[np.bool_] = (others == rows[:, np.newaxis]).any(axis=1)
    return found


def _first_that_stay(
    goes: NDArray[np.bool_], lengths: Sequence[int], budget: int
) -> tuple[NDArray[np.int64], ...] | None:
    """The first `budget` positions of each list, of those one after the other, that do not go."""
    places, begin = [], 0
    for length in lengths:
        of_list = (~goes[begin : begin + length]).nonzero()[0][:budget]
        if len(of_list) < budget:
            return None
        places.append(of_list)
        begin += length
    return tuple(places)


def _begins(lists: Sequence[CandidateList]) -> list[int]:
    return [0, *accumulate(map(len, lists[:-1]))]


def _unless_too_far(lists: Sequence[CandidateList], turns: Turns, min_score: float | None) -> Turns | None:
    """The selection, unless its furthest candidates are too far from their medoids."""
    if min_score is None:
        return turns
    last = [each.scores[of][-1] for each, of in zip(lists, turns.places, strict=True)]
    return turns if min(last) >= min_score else None
