"""What a user must not be shown again: pins, by the representative of their group of near-duplicates.

Excluding by representative keeps a saved pin from coming back as its near-identical twin.
"""

import numpy as np
from numpy.typing import NDArray

_NO_ROW = -1
_LOW_BITS = 0xFFFF


def representative_rows(rows: NDArray[np.int64], representatives: NDArray[np.int32]) -> NDArray[np.int64]:
    """The rows to exclude for these pins.

    Args:
        rows: int64 [r], rows of the pins; -1 (unknown pin) is passed over.
        representatives: int32 [n_pins], the row that stands for each row, or -1.

    Returns:
        int64, unique, ascending, without -1.
    """
    groups = np.sort(representatives[rows[rows != _NO_ROW]])
    # A third of what np.unique takes.
    is_next = groups != _NO_ROW
    is_next[1:] &= groups[1:] != groups[:-1]
    found: NDArray[np.int64] = groups[is_next].astype(np.int64)
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
        groups = representatives[rows]
        suspects = np.flatnonzero(_seen_like(excluded)[groups & _LOW_BITS])
        ascending, suspected = np.sort(excluded), groups[suspects]
        found = ascending.take(np.searchsorted(ascending, suspected), mode="clip") == suspected
        stays[suspects[found]] = False
    return stays


def _seen_like(excluded: NDArray[np.int64]) -> NDArray[np.bool_]:
    """By the low bits of a row, bool [65,536]: whether it may be excluded. Few other rows look so."""
    table = np.zeros(_LOW_BITS + 1, np.bool_)
    table[excluded & _LOW_BITS] = True
    return table
