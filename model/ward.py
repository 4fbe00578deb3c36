"""Ward's clustering of one user's pins with a distance threshold (Algorithm 1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.distances import Widened, condensed_distances, widen

_ROUNDING = 1e-12
"""Relative. The square of a rounded root can miss the paper's d by an ulp: 2.0000000000000004 for 2."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dendrogram:
    """The merges that turn m points into one cluster.

    Attributes:
        n_points: m.
        merges: float64 [m - 1, 4], ascending in column 2. As in scipy, row i makes cluster m + i: the two
            clusters merged, their distance d, the points in the new cluster. d is the paper's, a **squared**
            Euclidean distance under the recurrence of eq. 1; scipy's column 2 is its root.
    """

    n_points: int
    merges: NDArray[np.float64]

    @property
    def heights(self) -> NDArray[np.float64]:
        """float64 [m - 1]: the squared distances at which clusters merge, ascending."""
        return self.merges[:, 2]


def ward_dendrogram(points: NDArray[np.float16]) -> Dendrogram:
    """Merge the closest two clusters until one is left (Algorithm 1 up to its last loop; eq. 1).

    Takes O(m^2) time and 8 m^2 bytes of memory, 200 MB for 5,000 points: the condensed distances, which
    fastcluster copies once.

    Args:
        points: float16 [m, d], unit vectors. The order decides between tied distances.

    Raises:
        InvalidInputError: Not a float16 matrix of unit vectors.
    """
    return dendrogram_of(widen(points))


def dendrogram_of(points: Widened) -> Dendrogram:
    """`ward_dendrogram` of vectors that are widened already."""
    if len(points) < 2:
        return Dendrogram(n_points=len(points), merges=np.empty((0, 4)))
    # Here, not above: it imports scipy, which whoever only wants a threshold would wait for.
    import fastcluster  # noqa: PLC0415

    distances = condensed_distances(points)
    # fastcluster takes and gives roots, and squares them again for Ward.
    np.sqrt(distances, out=distances)
    merges: NDArray[np.float64] = fastcluster.linkage(distances, method="ward", preserve_input=False)
    merges[:, 2] **= 2
    return Dendrogram(n_points=len(points), merges=merges)


def threshold(alpha: float) -> float:
    """The largest computed height that counts as at most alpha."""
    return alpha * (1 + _ROUNDING)


def n_merges_at(heights: NDArray[np.float64], alpha: float) -> int:
    """How many of the ascending squared heights are at most alpha: m minus the number of clusters."""
    return int(np.searchsorted(heights, threshold(alpha), side="right"))


def cut(dendrogram: Dendrogram, alpha: float) -> NDArray[np.int64]:
    """The clusters left when only merges with d <= alpha happen.

    Algorithm 1's last loop emits merged clusters only; a point that no merge reached is a cluster of one
    here.

    Returns:
        int64 [m]: each point's cluster, numbered 0 to c - 1: points on their own, then by their last merge.
    """
    m, n_merges = dendrogram.n_points, n_merges_at(dendrogram.heights, alpha)
    # Lists: most users are small, and a call of numpy takes longer than all of their merges.
    above = list(range(m + n_merges))
    for made, pair in enumerate(dendrogram.merges[:n_merges, :2].astype(np.int64).tolist(), start=m):
        for merged in pair:
            above[merged] = made
    # What is made of a node has a higher number: from the top down, one step leads to the end.
    for node in reversed(range(m + n_merges)):
        above[node] = above[above[node]]
    label_of = {topmost: label for label, topmost in enumerate(sorted(set(above[:m])))}
    return np.array([label_of[topmost] for topmost in above[:m]], np.int64)
