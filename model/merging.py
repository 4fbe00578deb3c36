"""One list of candidates from the lists of the sampled interests."""

from collections.abc import Sequence
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
    rows, present = _side_by_side(lists)
    taken = _first_places(rows, present)
    while (spent := _first_beyond(budget, taken)) is not None and _n_before(spent, taken) < max_candidates:
        present[spent[0] :, spent[1]] = False
        taken = _first_places(rows, present)
    positions, of_list = np.nonzero(taken)
    return Merged(lists=of_list[:max_candidates], positions=positions[:max_candidates])


def _side_by_side(
    lists: Sequence[NDArray[np.integer]],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The lists as columns, int64 [longest, n], and where they have elements: row by row is rank by rank."""
    lengths = np.array([len(rows) for rows in lists], np.int64)
    present = np.arange(lengths.max(initial=0))[:, None] < lengths
    rows = np.zeros(present.shape, np.int64)
    for column, of_list in enumerate(lists):
        rows[: len(of_list), column] = of_list
    return rows, present


def _first_places(rows: NDArray[np.int64], present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where each distinct row stands first, reading rank by rank."""
    places = np.flatnonzero(present)
    _, first = np.unique(rows.ravel()[places], return_index=True)
    taken = np.zeros(rows.shape, np.bool_)
    taken.ravel()[places[first]] = True
    return taken


def _first_beyond(budget: int, taken: NDArray[np.bool_]) -> tuple[int, int] | None:
    """The first place (rank, list) that is beyond its list's budget. What stands before it is settled."""
    beyond = taken & (np.cumsum(taken, axis=0) > budget)
    if not beyond.any():
        return None
    rank, of_list = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
    return int(rank), int(of_list)


def _n_before(place: tuple[int, int], taken: NDArray[np.bool_]) -> int:
    """How many rows are taken before this place."""
    rank, of_list = place
    return int(np.count_nonzero(taken[:rank]) + np.count_nonzero(taken[rank, :of_list]))
