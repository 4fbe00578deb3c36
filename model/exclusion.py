"""What a user must not be shown again: pins, by the representative of their group of near-duplicates.

Excluding by representative keeps a saved pin from coming back as its near-identical twin.
"""

import numpy as np
from numpy.typing import NDArray

_NO_ROW = -1


def representative_rows(rows: NDArray[np.int64], representatives: NDArray[np.int32]) -> NDArray[np.int64]:
    """The rows to exclude for these pins.

    Args:
        rows: int64 [r], rows of the pins; -1 (unknown pin) is passed over.
        representatives: int32 [n_pins], the row that stands for each row, or -1.

    Returns:
        int64, unique, ascending, without -1.
    """
    groups = np.unique(representatives[rows[rows != _NO_ROW]])
    found: NDArray[np.int64] = groups[groups != _NO_ROW].astype(np.int64)
    return found


def not_excluded(
    rows: NDArray[np.integer], representatives: NDArray[np.int32], excluded: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which candidates stay.

    Args:
        rows: Integers [k], rows of the candidates; -1 (what FAISS fills a short list with) never stays.
        representatives: int32 [n_pins], the row that stands for each row, or -1.
        excluded: int64 [x], representative rows in any order.

    Returns:
        bool [k].
    """
    stays: NDArray[np.bool_] = rows != _NO_ROW
    if len(excluded):
        # np.isin sorts both together, which takes seven times as long.
        groups, ascending = representatives[rows], np.sort(excluded)
        stays &= ascending.take(np.searchsorted(ascending, groups), mode="clip") != groups
    return stays
