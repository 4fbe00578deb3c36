"""The pin that stands for a cluster: the nearest to all of its pins together (eq. 2), without rounding."""

import numpy as np
from numpy.typing import NDArray

from model.distances import squared_norms
from model.errors import InvalidInputError

MAX_CLUSTER_SIZE = 8_000
"""A cost is at most 4 n (squared) norms in units of 2^-48: 8,000 x 4 x 1.02 x 2^48 < 2^63."""

_UNITS_PER_ONE = 2.0**24
"""Every float16 of magnitude at most 1 is a whole number of these units."""


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
    _check(points, labels, preference)
    best_first = np.lexsort((preference, medoid_costs(points, labels), labels))
    return best_first[_first_of_each(labels[best_first])]


def medoid_costs(points: NDArray[np.float16], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of squared distances from each point to all points of its cluster.

    In O(m d) through the cluster's sum S: sum_j |x_i - x_j|^2 = n |x_i|^2 + sum_j |x_j|^2 - 2 x_i . S. Whole
    numbers have no rounding, so a tie is a real one whatever the order of summation. Intermediate values may
    wrap around; the result fits (MAX_CLUSTER_SIZE), and arithmetic modulo 2^64 finds it all the same.

    Args:
        points: float16 [m, d], unit vectors.
        labels: int64 [m], each point's cluster, 0 to c - 1, none empty.

    Returns:
        int64 [m], in units of 2^-48.
    """
    X = (points.astype(np.float64) * _UNITS_PER_ONE).astype(np.int64)
    norms = np.einsum("ij,ij->i", X, X)
    by_cluster = np.argsort(labels, kind="stable")
    starts = _first_of_each(labels[by_cluster])
    sums = np.add.reduceat(X[by_cluster], starts, axis=0)
    norm_sums = np.add.reduceat(norms[by_cluster], starts)
    sizes = np.bincount(labels)
    products = np.einsum("ij,ij->i", X, sums[labels])
    costs: NDArray[np.int64] = sizes[labels] * norms + norm_sums[labels] - 2 * products
    return costs


def _first_of_each(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each new value begins."""
    return np.flatnonzero(np.diff(ascending, prepend=-1))


def _check(points: NDArray[np.float16], labels: NDArray[np.int64], preference: NDArray[np.int64]) -> None:
    squared_norms(points)
    if not (len(points) == len(labels) == len(preference)):
        raise InvalidInputError(
            f"{len(points)} points, {len(labels)} labels, {len(preference)} preferences: they do not fit"
        )
    sizes = np.bincount(labels)
    if not sizes.all():
        raise InvalidInputError(f"cluster {int(np.argmin(sizes))} has no points")
    if sizes.max(initial=0) > MAX_CLUSTER_SIZE:
        raise InvalidInputError(
            f"a cluster of {sizes.max()} pins: medoid costs are exact up to {MAX_CLUSTER_SIZE}. "
            "Cap the actions a user, or calibrate a smaller alpha."
        )
