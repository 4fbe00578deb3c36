"""Several medoids for an important interest: which of a user's pins to search with, when a few may be used.

The paper's Section 5 names this as future work. Pure functions on arrays, the same to the bit whatever the
machine or the number of its threads: nothing here is summed by a BLAS.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK_ROWS = 256

Within = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""The cosines between some of the user's pins: from int64 [k], indices, to float32 [k, k]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChosenPins:
    """The pins that stand for a user, heaviest first.

    Attributes:
        indices: int64 [q], indices into the user's pins.
        weights: float64 [q], the weight of the pins that each is nearest to, within its cluster.
    """

    indices: NDArray[np.int64]
    weights: NDArray[np.float64]


def representatives(
    cosines: NDArray[np.float32],
    labels: NDArray[np.int64],
    medoids: NDArray[np.int64],
    weights: NDArray[np.float64],
    n: int,
) -> ChosenPins:
    """`choose_representatives` where all cosines are there already: float32 [m, m]."""
    return choose_representatives(
        lambda members: cosines[np.ix_(members, members)], labels, medoids, weights, n
    )


def choose_representatives(
    within: Within,
    labels: NDArray[np.int64],
    medoids: NDArray[np.int64],
    weights: NDArray[np.float64],
    n: int,
) -> ChosenPins:
    """Up to n pins: each important cluster's medoid, and more pins of the most important ones.

    A cluster's first representative is its medoid. Each further one is the pin that most raises the cluster's
    weighted similarity to its nearest representative (greedy facility location); ties go to the first pin. A
    twin of a chosen one raises nothing: it comes last, weighs nothing, and may stand in for the other.

    Args:
        within: The cosines between pins; asked for clusters with more than one representative only.
        labels: int64 [m], each pin's cluster, 0 to c - 1, none empty.
        medoids: int64 [c], each cluster's medoid, an index.
        weights: float64 [m], each pin's share of its cluster's importance, 0 or more.
        n: The most there may be.
    """
    seats = seats_of(_sums(labels, weights, len(medoids)), np.bincount(labels), n)
    parts = [
        _of_cluster(within, np.flatnonzero(labels == label), int(medoids[label]), weights, int(seats[label]))
        for label in np.flatnonzero(seats)
    ]
    indices = np.concatenate([np.empty(0, np.int64), *(part.indices for part in parts)])
    importance = np.concatenate([np.empty(0), *(part.weights for part in parts)])
    order = np.lexsort((indices, -importance))
    return ChosenPins(indices=indices[order], weights=importance[order])


def seats_of(importances: NDArray[np.float64], sizes: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """How many of n representatives each cluster gets.

    One each to the most important clusters; what is left by importance / (seats + 1/2) (Webster's method),
    and never more than a cluster has pins.

    Args:
        importances: float64 [c], 0 or more.
        sizes: int64 [c], pins of each cluster.
        n: Seats to give, 1 or more.

    Returns:
        int64 [c], 0 for clusters beyond the n most important.
    """
    seats = np.zeros(len(importances), np.int64)
    seats[np.argsort(-importances, kind="stable")[:n]] = 1
    # Whoever has no seat has no claim either: the first seats took all there are.
    claims = [(-importances[i] / 1.5, int(i)) for i in np.flatnonzero(seats < sizes)]
    heapq.heapify(claims)
    for _ in range(min(n, int(sizes.sum())) - int(seats.sum())):
        _, i = heapq.heappop(claims)
        seats[i] += 1
        if seats[i] < sizes[i]:
            heapq.heappush(claims, (-importances[i] / (seats[i] + 0.5), i))
    return seats


def _of_cluster(
    within: Within, members: NDArray[np.int64], medoid: int, weights: NDArray[np.float64], n: int
) -> ChosenPins:
    """The n representatives of one cluster."""
    if n == 1:
        return ChosenPins(indices=np.array([medoid]), weights=weights[members].sum(keepdims=True))
    chosen, belongs_to = _facilities(
        within(members), int(np.flatnonzero(members == medoid)[0]), weights[members], n
    )
    return ChosenPins(indices=members[chosen], weights=_sums(belongs_to, weights[members], n))


def _facilities(
    cosines: NDArray[np.float32], first: int, weights: NDArray[np.float64], n: int
) -> tuple[list[int], NDArray[np.int64]]:
    """So many pins of a cluster, greedily from the first; and which of them each pin is nearest to."""
    chosen, nearest = [first], cosines[:, first]
    while len(chosen) < n:
        gains = _gains(cosines, nearest, weights)
        # Where only twins of the chosen are left, nothing gains, and none may be chosen twice.
        gains[chosen] = -1
        chosen.append(int(np.argmax(gains)))
        nearest = np.maximum(nearest, cosines[:, chosen[-1]])
    return chosen, np.argmax(cosines[:, chosen], axis=1)


def _gains(
    cosines: NDArray[np.float32], nearest: NDArray[np.float32], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much each pin as a further representative would raise the weighted similarity: float64 [m].

    In blocks: in the largest clusters three more matrices [m, m] would be hundreds of megabytes.
    """
    gains = np.zeros(len(cosines))
    for start in range(0, len(cosines), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        raised = np.maximum(cosines[block] - nearest[block, np.newaxis], 0)
        gains += (weights[block, np.newaxis] * raised).sum(axis=0)
    return gains


def _sums(labels: NDArray[np.int64], weights: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """float64 [n]: the weights of each label."""
    return np.bincount(labels, weights, minlength=n).astype(np.float64, copy=False)
