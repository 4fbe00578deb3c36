"""The pin that stands for a cluster: the nearest to all of its pins together (eq. 2), without rounding."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.clusters import Members, members_of
from model.distances import Widened, widen
from model.errors import InvalidInputError

MAX_CLUSTER_SIZE = 8_000
"""A cost is at most 4 n (squared) norms in units of 2^-48: 8,000 x 4 x 1.02 x 2^48 < 2^63."""

_UNITS_PER_ONE = 2.0**24
"""Every float16 of magnitude at most 1 is a whole number of these units."""

_POINTS_AT_A_TIME = 256
_PAIR = 2

_ROUNDING_A_TERM = 2.0**-50
"""Two costs of a cluster of n lose less than (d + 2) n of these in float64, together."""


def medoids(
    points: NDArray[np.float16], labels: NDArray[np.int64], preference: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The medoid of each cluster (eq. 2).

    Args:
        points: float16 [m, d], unit vectors.
        labels: int64 [m], each point's cluster, 0 to c - 1, none empty.
        preference: int64 [m]; of points with the same cost the one with the smallest preference wins.

    Returns:
        int64 [c]: the index of each cluster's medoid in `points`.

    Raises:
        InvalidInputError: Arrays that do not fit together, an empty cluster, one above MAX_CLUSTER_SIZE.
    """
    if not (len(points) == len(labels) == len(preference)):
        raise InvalidInputError(
            f"{len(points)} points, {len(labels)} labels, {len(preference)} preferences: they do not fit"
        )
    return medoids_of(widen(points), members_of(labels), preference)


def medoids_of(points: Widened, members: Members, preference: NDArray[np.int64]) -> NDArray[np.int64]:
    """`medoids` of vectors that are widened already, in O(m d) through each cluster's sum S.

    Raises:
        InvalidInputError: An empty cluster, or one above MAX_CLUSTER_SIZE.
    """
    _check(members)
    # Of a pair both cost the same, so it is for the preference to decide.
    first = members.order[members.starts]
    second = members.order[members.starts + (members.sizes > 1)]
    found = np.where(preference[first] <= preference[second], first, second)
    others = members.sizes > _PAIR
    if others.any():
        found[others] = _medoids_of_others(points, members.where(others), preference)
    return found


def _medoids_of_others(points: Widened, members: Members, preference: NDArray[np.int64]) -> NDArray[np.int64]:
    # A few at a time: what is gathered stays in the core's cache.
    edges = [*_first_of_each(members.starts // _POINTS_AT_A_TIME).tolist(), len(members)]
    return np.concatenate([_medoids(points, members.span(*span), preference) for span in pairwise(edges)])


def _medoids(points: Widened, members: Members, preference: NDArray[np.int64]) -> NDArray[np.int64]:
    """Within a cluster sum_j |x_j|^2 is the same for all, so n |x_i|^2 - 2 x_i . S decides.

    In float64 that leaves the few points within its rounding of the least; whole numbers decide between
    those, exactly, so a tie is a real one whatever the order of summation.
    """
    X, n = points.X[members.order], np.repeat(members.sizes, members.sizes)
    # Sums of at most 8,000 whole numbers of 2^-24 are exact in float64.
    sums = np.add.reduceat(X, members.starts, axis=0)
    products = np.einsum("ij,ij->i", X, np.repeat(sums, members.sizes, axis=0))
    rounded = n * points.norms[members.order] - 2 * products
    least = np.repeat(np.minimum.reduceat(rounded, members.starts), members.sizes)
    near = np.flatnonzero(rounded <= least + n * ((X.shape[1] + 2) * _ROUNDING_A_TERM))
    clusters, indices = np.repeat(np.arange(len(members)), members.sizes)[near], members.order[near]
    costs = exact_costs(X[near], sums[clusters], n[near])
    best_first = np.lexsort((preference[indices], costs, clusters))
    return indices[best_first[_first_of_each(clusters[best_first])]]


def exact_costs(
    X: NDArray[np.float64], sums: NDArray[np.float64], sizes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The sum of squared distances from points to all points of their cluster, less sum_j |x_j|^2.

    n |x_i|^2 - 2 x_i . S. Intermediate values may wrap around; the result fits (MAX_CLUSTER_SIZE), and
    arithmetic modulo 2^64 finds it all the same.

    Args:
        X: float64 [k, d], float16 unit vectors widened.
        sums: float64 [k, d], S of each one's cluster.
        sizes: int64 [k], n of each one's cluster.

    Returns:
        int64 [k], in units of 2^-48.
    """
    x, s = ((each * _UNITS_PER_ONE).astype(np.int64) for each in (X, sums))
    costs: NDArray[np.int64] = sizes * np.einsum("ij,ij->i", x, x) - 2 * np.einsum("ij,ij->i", x, s)
    return costs


def _first_of_each(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each new value begins."""
    return np.flatnonzero(np.diff(ascending, prepend=-1))


def _check(members: Members) -> None:
    if not members.sizes.all():
        raise InvalidInputError(f"cluster {int(np.argmin(members.sizes))} has no points")
    if members.sizes.max(initial=0) > MAX_CLUSTER_SIZE:
        raise InvalidInputError(
            f"a cluster of {members.sizes.max()} pins: medoid costs are exact up to {MAX_CLUSTER_SIZE}. "
            "Cap the actions a user, or calibrate a smaller alpha."
        )
