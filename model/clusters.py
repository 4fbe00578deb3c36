"""Which points each cluster holds, whoever's they are: the clusters of many users stand side by side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Members:
    """The points of c clusters, none of them empty.

    Attributes:
        order: int64 [m], the points cluster by cluster, ascending within each.
        starts: int64 [c], where each cluster begins in `order`.
        sizes: int64 [c], points of each cluster.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sizes)

    def of(self, cluster: int) -> NDArray[np.int64]:
        """A cluster's points, ascending."""
        start = self.starts[cluster]
        return self.order[start : start + self.sizes[cluster]]

    def span(self, first: int, end: int) -> "Members":
        """The clusters first to end - 1, at least one."""
        start, sizes = self.starts[first], self.sizes[first:end]
        return Members(
            order=self.order[start : start + sizes.sum()], starts=self.starts[first:end] - start, sizes=sizes
        )

    def where(self, kept: NDArray[np.bool_]) -> "Members":
        """The clusters for which this is true."""
        return _laid_out(self.order[np.repeat(kept, self.sizes)], self.sizes[kept])


def members_of(labels: NDArray[np.int64]) -> Members:
    """The points of each cluster.

    Args:
        labels: int64 [m], each point's cluster, 0 to c - 1, none empty.
    """
    return _laid_out(np.argsort(labels, kind="stable"), np.bincount(labels))


def _laid_out(order: NDArray[np.int64], sizes: NDArray[np.int64]) -> Members:
    return Members(order=order, starts=np.cumsum(sizes) - sizes, sizes=sizes)
