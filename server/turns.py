"""The merge of lists that take turns, by whole slices: what the general merge gives, where that is simple.

A list's first candidates are nearly always all in the answer: nobody excluded them, and no other list holds
them. One sort shows whether that is so. `None` sends whoever asks to the general merge (server.merging).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from server.candidate_cache import CandidateList
from server.elements import empty_like, joined, put

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
    n: int,
    min_score: float | None,
    blocked: NDArray[np.bool_] | None,
) -> Turns | None:
    """The merge, or None where it takes more than slices.

    Args:
        lists: In order of importance; candidates stand for themselves.
        excluded: int32 [x], representative rows.
        n: How many candidates are wanted, as many from each list.
        min_score: Least cosine, None for no bound.
        blocked: bool [n_pins], None where nobody is.
    """
    turns = first_of(lists, n)
    if turns is None:
        return None
    first = [each.rows[places] for each, places in zip(lists, turns.places, strict=True)]
    together = np.concatenate([*first, excluded])
    together.sort()
    shared = together[1:][together[1:] == together[:-1]]
    if len(shared) or blocked is not None:
        turns = around(shared, lists, np.concatenate(first), together, n=n, blocked=blocked)
    return None if turns is None else _unless_too_far(lists, turns, min_score)


def first_of(lists: Sequence[CandidateList], n: int) -> Turns | None:
    """The first of each list behind the medoid itself, which nobody is shown; None where one has too few."""
    budget = -(-n // len(lists))
    begins = [int(each.begins_with_itself) for each in lists]
    if min([len(each.rows) - begin for each, begin in zip(lists, begins, strict=True)]) < budget:
        return None
    return _slices(tuple(begins), n)


@lru_cache(maxsize=1_024)
def _slices(begins: tuple[int, ...], n: int) -> Turns:
    budget = -(-n // len(begins))
    return Turns(tuple([slice(begin, begin + budget) for begin in begins]), n)


def around(
    shared: NDArray[np.int32],
    lists: Sequence[CandidateList],
    first: NDArray[np.int32],
    together: NDArray[np.int32],
    *,
    n: int,
    blocked: NDArray[np.bool_] | None,
) -> Turns | None:
    """Turns around what is excluded: each list gives its next candidates in place of those.

    Args:
        shared: int32, the rows that stand twice among all those together.
        lists: In order of importance.
        first: int32 [lists x budget], the rows of what `first_of` gives.
        together: int32, ascending: those and whatever is excluded.
        n: How many candidates are wanted.
        blocked: bool [n_pins], None where nobody is.

    Returns:
        None where one list has too few, or two share a pin that is not excluded.
    """
    is_at = first == shared[:, np.newaxis]
    if (np.count_nonzero(is_at, axis=1) > 1).any():
        return None
    goes = is_at.any(axis=0)
    if blocked is not None:
        goes |= blocked[first]
    places: list[Places] = []
    taken: set[int] = set()
    for each, lost in zip(lists, goes.reshape(len(lists), -1), strict=True):
        begin, end = int(each.begins_with_itself), each.begins_with_itself + len(lost)
        n_lost = int(np.count_nonzero(lost))
        if not n_lost:
            places.append(slice(begin, end))
            continue
        found = _next(each.rows[end:], n_lost, first, together, blocked)
        if found is None or not taken.isdisjoint(rows := each.rows[end + found].tolist()):
            return None
        taken.update(rows)
        places.append(np.concatenate(((~lost).nonzero()[0] + begin, found + end)))
    return Turns(tuple(places), n)


def _next(
    rows: NDArray[np.int32],
    n: int,
    first: NDArray[np.int32],
    together: NDArray[np.int32],
    blocked: NDArray[np.bool_] | None,
) -> NDArray[np.int64] | None:
    """The first n places of rows that may come back; None where there are fewer, or another list has one."""
    is_free = together.take(together.searchsorted(rows), mode="clip") != rows
    if blocked is not None:
        is_free &= ~blocked[rows]
    places = is_free.nonzero()[0][:n]
    if len(places) < n:
        return None
    passed = rows[: places[-1]][~is_free[: places[-1]]]
    return None if len(passed) and (first == passed[:, np.newaxis]).any() else places


def _unless_too_far(lists: Sequence[CandidateList], turns: Turns, min_score: float | None) -> Turns | None:
    """The selection, unless its furthest candidates are too far from their medoids."""
    if min_score is None:
        return turns
    last = [each.scores[of][-1] for each, of in zip(lists, turns.places, strict=True)]
    return turns if min(last) >= min_score else None
