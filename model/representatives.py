"""Several medoids for an important interest: which of a user's pins to search with, when a few may be used.

The paper's Section 5 names this as future work. Pure functions on arrays, the same to the bit whatever the
machine, the number of its threads, or the users that are worked on together.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from model.clusters import Members, members_of
from model.facilities import Crowds, facilities

CosinesWithin = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""The cosines between pins of the same row: from int64 [b, k], pins, to float32 [b, k, k]."""

_ELEMENTS_AT_A_TIME = 1 << 18
_ELEMENTS_A_VECTOR = 256
"""About; it only decides how many clusters are worked on together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChosenPins:
    """Pins that stand for a user, or for several.

    Attributes:
        indices: int64 [q], indices into the pins.
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
    """Up to n pins of one user: each important cluster's medoid, and more pins of the most important ones.

    A cluster's first representative is its medoid. Each further one is the pin that most raises the cluster's
    weighted similarity to its nearest representative (model.facilities).

    Args:
        cosines: float32 [m, m], between pins.
        labels: int64 [m], each pin's cluster, 0 to c - 1, none empty.
        medoids: int64 [c], each cluster's medoid, an index.
        weights: float64 [m], each pin's share of its cluster's importance, 0 or more.
        n: The most there may be.

    Returns:
        The heaviest first, ties in the order of pins.
    """
    members = members_of(labels)
    seats = seats_of(weight_of_each(labels, weights), members.sizes, n)
    chosen = choose_seated(
        lambda pins: cosines[pins[:, :, np.newaxis], pins[:, np.newaxis, :]], members, medoids, weights, seats
    )
    order = np.lexsort((chosen.indices, -chosen.weights))
    return ChosenPins(indices=chosen.indices[order], weights=chosen.weights[order])


def choose_seated(
    within: CosinesWithin,
    members: Members,
    medoids: NDArray[np.int64],
    weights: NDArray[np.float64],
    seats: NDArray[np.int64],
) -> ChosenPins:
    """So many pins of each cluster, whosever it is.

    Args:
        within: Asked for clusters with more than one seat only.
        members: The c clusters.
        medoids: int64 [c].
        weights: float64 [m], as in `representatives`.
        seats: int64 [c], none more than its cluster has pins.

    Returns:
        In no order.
    """
    alone, is_full = np.flatnonzero(seats == 1), seats == members.sizes
    parts = [ChosenPins(indices=medoids[alone], weights=_totals(members, alone, weights))]
    several = (np.flatnonzero((seats > 1) & of_them) for of_them in (is_full, ~is_full))
    for clusters in chain.from_iterable(_alike(each, members.sizes) for each in several):
        pins = _side_by_side(members, clusters)
        sizes, n_seats = members.sizes[clusters], seats[clusters]
        found = facilities(
            Crowds(
                cosines=within(pins),
                weights=np.where(np.arange(pins.shape[1]) < sizes[:, None], weights[pins], 0),
                sizes=sizes,
                firsts=(pins == medoids[clusters, None]).argmax(axis=1),
                seats=n_seats,
            )
        )
        is_taken = np.arange(found.chosen.shape[1]) < n_seats[:, None]
        indices = np.take_along_axis(pins, found.chosen, axis=1)
        parts.append(ChosenPins(indices=indices[is_taken], weights=found.weights[is_taken]))
    return ChosenPins(
        indices=np.concatenate([part.indices for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
    )


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
    if n >= sizes.sum():
        return sizes
    c = len(importances)
    seats = np.zeros(c, np.int64)
    seats[np.argsort(-importances, kind="stable")[:n]] = 1
    if n <= c:
        return seats
    # A cluster's claims to its second seat, its third, ...: they fall, so the largest of all are the next.
    n_claims = np.minimum(sizes - 1, n - c)
    of, firsts = np.repeat(np.arange(c), n_claims), np.repeat(np.cumsum(n_claims) - n_claims, n_claims)
    claims = importances[of] / (np.arange(len(of)) - firsts + 1.5)
    return seats + np.bincount(of[np.argsort(-claims, kind="stable")[: n - c]], minlength=c)


def weight_of_each(labels: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [c]: the pins' weights, summed cluster by cluster."""
    return np.bincount(labels, weights).astype(np.float64, copy=False)


def _totals(
    members: Members, clusters: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """All the weight of each cluster; summed as numpy sums one array, which bincount does not."""
    totals = weights[members.order[members.starts[clusters]]]
    for at in np.flatnonzero(members.sizes[clusters] > 1):
        totals[at] = weights[members.of(clusters[at])].sum()
    return totals


def _alike(clusters: NDArray[np.int64], sizes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The clusters in groups of nearly the same size: side by side little room is wasted."""
    clusters = clusters[np.argsort(-sizes[clusters], kind="stable")]
    start = 0
    while start < len(clusters):
        k = int(sizes[clusters[start]])
        n_fit = max(1, _ELEMENTS_AT_A_TIME // (k * (k + _ELEMENTS_A_VECTOR)))
        n_alike = int(np.count_nonzero(sizes[clusters[start:]] > k // 4))
        yield clusters[start : start + min(n_fit, n_alike)]
        start += min(n_fit, n_alike)


def _side_by_side(members: Members, clusters: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 [b, k]: each cluster's pins, ascending; a smaller one's last pin fills its row."""
    sizes = members.sizes[clusters, None]
    places = np.minimum(np.arange(sizes.max()), sizes - 1)
    return members.order[members.starts[clusters, None] + places]
