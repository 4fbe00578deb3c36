"""The merge by whole slices for many users in one go: one sort shows who has something in the way."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from server.candidate_cache import CandidateList
from server.turns import Turns, around, first_of


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
    turns = [None if lists is None else first_of(lists, n) for lists in users]
    simple = [
        (at, lists, of) for at, (lists, of) in enumerate(zip(users, turns, strict=True)) if lists and of
    ]
    if not simple:
        return turns
    first = _first_rows([(lists, of) for _, lists, of in simple])
    together = _with_what_is_excluded(first, [seen[at] for at, _, _ in simple], excluded)
    together.sort(axis=1)
    is_shared = together[:, 1:] == together[:, :-1]
    in_the_way = is_shared.any(axis=1)
    if blocked is not None:
        in_the_way |= blocked[first].any(axis=1)
    for place in in_the_way.nonzero()[0].tolist():
        at, lists, _ = simple[place]
        shared = together[place, 1:][is_shared[place]]
        turns[at] = around(shared, lists, first[place], together[place], n=n, blocked=blocked)
    return turns


def _first_rows(users: Sequence[tuple[Sequence[CandidateList], Turns]]) -> NDArray[np.int32]:
    """int32 [users, lists x budget]: the rows of those."""
    rows = [each.rows[of] for lists, turns in users for each, of in zip(lists, turns.places, strict=True)]
    return np.concatenate(rows).reshape(len(users), -1)


def _with_what_is_excluded(
    first: NDArray[np.int32], seen: Sequence[NDArray[np.int32]], excluded: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Of each user the first rows, and all that may not come back: int32 [users, any]."""
    n_seen = np.array([len(each) for each in seen])
    places = np.arange(n_seen.max())
    together = np.empty((len(first), first.shape[1] + len(excluded) + len(places)), np.int32)
    ends = (first.shape[1], first.shape[1] + len(excluded))
    together[:, : ends[0]], together[:, ends[0] : ends[1]] = first, excluded
    of_each = together[:, ends[1] :]
    # Where somebody has seen less than another: rows that no pin has, each once.
    of_each[:] = -1 - places
    of_each[places < n_seen[:, np.newaxis]] = np.concatenate(seen)
    return together
