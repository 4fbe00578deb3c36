"""Which titles make the pool: whole labels, so that a smaller world has fewer topics, not thinner ones."""

import numpy as np
from numpy.typing import NDArray

_FEWEST_LABELS = 2


def pool_rows(
    labels: NDArray[np.int64], is_usable: NDArray[np.bool_], n: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The rows of about `n` usable titles, ascending: those of labels in random order, until `n` are reached.

    Args:
        labels: int64, each title's label.
        is_usable: bool, whether a title may be in a pool.
        n: How many; all usable ones where there are fewer. The last label is taken whole, and there are at
            least two.
        generator: For the order; a smaller pool is a part of every larger one of the same seed.
    """
    names, sizes = np.unique(labels[is_usable], return_counts=True)
    order = generator.permutation(len(names))
    n_labels = max(_FEWEST_LABELS, int(np.searchsorted(np.cumsum(sizes[order]), n)) + 1)
    return np.flatnonzero(is_usable & np.isin(labels, names[order[:n_labels]]))
