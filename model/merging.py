"""One list of candidates from the lists of the sampled interests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Merged:
    """Where each of the n merged candidates comes from, best first.

    Attributes:
        lists: int64 [n], which of the lists.
        positions: int64 [n], where in that list.
    """

    lists: NDArray[np.int64]
    positions: NDArray[np.int64]


def interleave(lists: Sequence[NDArray[np.integer]], *, budget: int, max_candidates: int) -> Merged:
    """Interleave ranked lists: every list's first, every list's second, and so on.

    A row in several places is taken at the first of them. A list gives at most `budget` rows; a row that it
    lost to an earlier place costs it nothing, so it refills from its tail. What a list holds beyond its
    budget is not taken, and so leaves the row to the other lists.

    Args:
        lists: Rows of candidates, nearest first; the lists in order of importance.
        budget: The most that one list gives.
        max_candidates: The most altogether.

    Raises:
        InvalidInputError: A budget or a number of candidates below 1.
    """
    if budget < 1 or max_candidates < 1:
        raise InvalidInputError(f"budget and max_candidates must be 1 or more: {budget}, {max_candidates}")
    return interleave_within(lists, budgets=(budget,) * len(lists), max_candidates=max_candidates)


def interleave_within(
    lists: Sequence[NDArray[np.integer]], *, budgets: Sequence[int], max_candidates: int
) -> Merged:
    """The same where each list has a budget of its own.

    Nearly all rows stand in one place only and are taken as their turn comes; the others are walked through
    rank by rank, and that tells which are lost.

    Args:
        lists: As `interleave` has them.
        budgets: The most that each list gives, 1 or more.
        max_candidates: The most altogether.
    """
    width, lost = len(lists), _lost(lists, budgets)
    given = [
        _first(len(of_list), of_lost, budget) * width + number
        for number, (of_list, of_lost, budget) in enumerate(zip(lists, lost, budgets, strict=True))
    ]
    places = np.concatenate([np.empty(0, np.int64), *given])
    places.sort()
    positions, of_list = np.divmod(places[:max_candidates], max(width, 1))
    return Merged(lists=of_list, positions=positions)


def shared_rows(several: Sequence[NDArray[np.integer]]) -> NDArray[np.integer]:
    """The rows that stand in several places, ascending: once for each place but the first."""
    together = np.concatenate(several)
    together.sort()
    shared: NDArray[np.integer] = together[1:][together[1:] == together[:-1]]
    return shared


def _lost(lists: Sequence[NDArray[np.integer]], budgets: Sequence[int]) -> list[list[int]]:
    """The positions of each list, ascending, whose row was taken at an earlier place.

    A place is come to while its list has budget left: all before it in the list were taken, but for the lost.
    """
    lost: list[list[int]] = [[] for _ in lists]
    taken: set[int] = set()
    for row, position, number in _shared_places(lists):
        if position - len(lost[number]) >= budgets[number]:
            continue
        if row in taken:
            lost[number].append(position)
        taken.add(row)
    return lost


def _shared_places(lists: Sequence[NDArray[np.integer]]) -> Iterator[tuple[int, int, int]]:
    """Row, position and list of all rows that stand in several places, rank by rank, list by list."""
    if not len(lists) or not len(shared := shared_rows(lists)):
        return iter(())
    rows = np.concatenate(lists)
    at = np.flatnonzero(shared.take(shared.searchsorted(rows), mode="clip") == rows)
    ends = np.cumsum([len(of_list) for of_list in lists])
    numbers = ends.searchsorted(at, side="right")
    positions = at - np.concatenate(([0], ends))[numbers]
    in_turn = np.lexsort((numbers, positions))
    return zip(
        rows[at][in_turn].tolist(), positions[in_turn].tolist(), numbers[in_turn].tolist(), strict=True
    )


def _first(length: int, lost: Sequence[int], budget: int) -> NDArray[np.int64]:
    """The first `budget` positions of a list that are not lost."""
    if not lost:
        return np.arange(min(length, budget))
    stays = np.ones(length, np.bool_)
    stays[lost] = False
    return np.flatnonzero(stays)[:budget]
