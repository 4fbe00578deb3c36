"""The merge by whole slices for many users in one go: one sort shows who has something in the way."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from server.candidate_cache import CandidateList
from server.turns import Turns


def turns_of_each(
    users: Sequence[Sequence[CandidateList] | None],
    seen: Sequence[NDArray[np.int32]],
    excluded: NDArray[np.int32],
    *,
    n: int,
    blocked: NDArray[np.bool_] | None,
) -> list[Turns | None]:
    """What server.turns makes of each user's lists; None where that takes more than whole slices of them.

    Args:
        users: The lists of each, as many of one user as of any other, in order of importance; None where they
            are not there. Candidates stand for themselves.
        seen: int32, what each of them has seen, by representative, each once.
        excluded: int32 [x], representative rows that are excluded for all of them, each once.
        n: How many candidates each of them wants.
        blocked: bool [n_pins], None where nobody is.
    """
    turns = [None if lists is None else _first_of(lists, n) for lists in users]
    simple = [
        (at, lists, of) for at, (lists, of) in enumerate(zip(users, turns, strict=True)) if lists and of
    ]
    if not simple:
        return turns
    first = _first_rows([(lists, of) for _, lists, of in simple])
    in_the_way = _in_the_way(first, [seen[at] for at, _, _ in simple], excluded, blocked)
    for place in np.flatnonzero(in_the_way).tolist():
        turns[simple[place][0]] = None
    return turns


def _first_of(lists: Sequence[CandidateList], n: int) -> Turns | None:
    """The first of each list behind the medoid itself, which nobody is shown; None where one has too few."""
    budget = -(-n // len(lists))
    begins = [int(each.begins_with_itself) for each in lists]
    if min([len(each.rows) - begin for each, begin in zip(lists, begins, strict=True)]) < budget:
        return None
    return Turns(tuple([slice(begin, begin + budget) for begin in begins]), n)


def _first_rows(users: Sequence[tuple[Sequence[CandidateList], Turns]]) -> NDArray[np.int32]:
    """int32 [users, lists x budget]: the rows of those."""
    rows = [each.rows[of] for lists, turns in users for each, of in zip(lists, turns.places, strict=True)]
    return np.concatenate(rows).reshape(len(users), -1)


def _in_the_way(
    first: NDArray[np.int32],
    seen: Sequence[NDArray[np.int32]],
    excluded: NDArray[np.int32],
    blocked: NDArray[np.bool_] | None,
) -> NDArray[np.bool_]:
    """Which users have a row in several places, of the first and of what may not come back: bool [users]."""
    n_seen = np.array([len(each) for each in seen])
    places = np.arange(n_seen.max())
    together = np.empty((len(first), first.shape[1] + len(excluded) + len(places)), np.int32)
    of_lists, of_all, of_each = np.split(together, (first.shape[1], first.shape[1] + len(excluded)), axis=1)
    of_lists[:], of_all[:] = first, excluded
    # Where somebody has seen less than another: rows that no pin has, each once.
    of_each[:] = -1 - places
    of_each[places < n_seen[:, np.newaxis]] = np.concatenate(seen)
    together.sort(axis=1)
    found: NDArray[np.bool_] = (together[:, 1:] == together[:, :-1]).any(axis=1)
    return found if blocked is None else found | blocked[first].any(axis=1)
