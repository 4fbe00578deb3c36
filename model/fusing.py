"""One list from the lists of several pins, by a score that knows them all, and a tail that is fair to each.

Pure functions on arrays.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError
from model.merging import Merged, interleave
from model.sampling import probabilities

_ABSENT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class FusePolicy:
    """How lists become one.

    Attributes:
        n_representatives: Lists at most.
        temperature: Of the score. Towards 0 only the nearest representative counts, towards infinity all do,
            as in an average.
        fused_share: The part of the answer taken by score; the rest is interleaved from the lists.
    """

    n_representatives: int = 20
    temperature: float = 1.0
    fused_share: float = 0.7

    def __post_init__(self) -> None:
        if self.n_representatives < 1:
            raise InvalidInputError(f"n_representatives must be 1 or more, got {self.n_representatives}")
        if not 0 < self.temperature < math.inf:
            raise InvalidInputError(f"temperature must be a positive number, got {self.temperature}")
        if not 0 <= self.fused_share <= 1:
            raise InvalidInputError(f"fused_share must be 0 to 1, got {self.fused_share}")


def contributions(
    cosines: NDArray[np.float32], weights: NDArray[np.float64], temperature: float
) -> NDArray[np.float32]:
    """What each representative adds to the score of each pin: w_i exp((cos_i - 1) / T).

    Args:
        cosines: float32 [q, u], of each representative to each pin.
        weights: float64 [q], 0 or more; only their ratios matter.
        temperature: T, positive.

    Returns:
        float32 [q, u].
    """
    parts = cosines - np.float32(1)
    parts /= np.float32(temperature)
    np.exp(parts, out=parts)
    parts *= probabilities(weights).astype(np.float32)[:, np.newaxis]
    return parts


def fused_scores(
    cosines: NDArray[np.float32], weights: NDArray[np.float64], temperature: float
) -> NDArray[np.float32]:
    """How near each pin is to all representatives together: the sum of their contributions.

    Returns:
        float32 [u], at most 1.
    """
    scores: NDArray[np.float32] = contributions(cosines, weights, temperature).sum(axis=0)
    return scores


def union(lists: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """The distinct rows of all lists, int64 [u], ascending; and each list as places among them."""
    rows, places = np.unique(np.concatenate(lists).astype(np.int64), return_inverse=True)
    return rows, np.split(places, np.cumsum([len(of_list) for of_list in lists])[:-1])


def fuse(
    lists: Sequence[NDArray[np.int64]], scores: NDArray[np.float32], *, fused_share: float, n: int
) -> NDArray[np.int64]:
    """The best by score, then the lists interleaved without them.

    Args:
        lists: Places in `scores`, nearest first; the lists in order of importance.
        scores: float32 [u], of the union of the lists; ties go to the first.
        fused_share: The part of n that is taken by score.
        n: The most altogether.

    Returns:
        int64, distinct places, best first; fewer than n only when the lists hold no more.
    """
    head = _best(scores, round(fused_share * n))
    wanted = min(n, len(scores)) - len(head)
    if wanted < 1:
        return head
    is_left = np.ones(len(scores), np.bool_)
    is_left[head] = False
    return np.concatenate([head, _by_turns([of_list[is_left[of_list]] for of_list in lists], wanted)])


def traced(
    lists: Sequence[NDArray[np.int64]], parts: NDArray[np.float32], answer: NDArray[np.int64]
) -> Merged:
    """Where each candidate of an answer comes from: of the lists that hold it, the one that counts most.

    Args:
        lists: Places, as given to `fuse`; q of them.
        parts: float32 [q, n], what each list's representative adds to each candidate's score; of equal ones
            the first counts most.
        answer: int64 [n], places that some list holds.
    """
    slot_of = np.full(1 + max(of_list.max(initial=0) for of_list in lists), _ABSENT)
    slot_of[answer] = np.arange(len(answer))
    slots = slot_of[np.concatenate(lists)]
    lengths = [len(of_list) for of_list in lists]
    list_of = np.repeat(np.arange(len(lists)), lengths)
    position_of = np.concatenate([np.arange(length) for length in lengths])
    asked = np.flatnonzero(slots != _ABSENT)
    found = np.full(parts.shape, _ABSENT)
    found[list_of[asked], slots[asked]] = position_of[asked]
    most = np.argmax(np.where(found == _ABSENT, np.float32(-1), parts), axis=0)
    return Merged(lists=most, positions=found[most, np.arange(len(answer))])


def _by_turns(lists: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """The first n of the lists interleaved, which hold so many: from no more of each than it takes."""
    depth = -(-n // len(lists))
    while True:
        tops = [of_list[:depth] for of_list in lists]
        merged = interleave(tops, budget=depth, max_candidates=n)
        if len(merged.lists) == n:
            starts = np.cumsum([0, *(len(of_list) for of_list in tops)])
            return np.concatenate(tops)[starts[merged.lists] + merged.positions]
        depth *= 2


def _best(scores: NDArray[np.float32], n: int) -> NDArray[np.int64]:
    """The places of the n highest scores, best first, ties to the first: without sorting all of them."""
    if n < 1:
        return np.empty(0, np.int64)
    if n < len(scores):
        least = np.partition(scores, -n)[-n]
        among = np.flatnonzero(scores >= least)
    else:
        among = np.arange(len(scores))
    return among[np.argsort(-scores[among], kind="stable")[:n]]
