"""From pin id to row by binary search in a sorted table of hashes, and never to the wrong one."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from storage.hashes import hash_ids
from storage.pins.port import NO_ROW

HashIds = Callable[[Sequence[str]], NDArray[np.uint64]]


def id_table(pin_ids: Sequence[str], *, hash_ids: HashIds = hash_ids) -> NDArray[np.uint64]:
    """uint64 [2, n]: the sorted hash of every id, and its row; equal hashes by row."""
    hashes = hash_ids(pin_ids)
    order = np.argsort(hashes, kind="stable")
    return np.stack([hashes[order], order.astype(np.uint64)])


class IdLookup:
    """Finds rows by id in the table of `id_table`. A hit is confirmed by comparing the id itself.

    Args:
        table: uint64 [2, n].
        pin_ids_at: The ids of rows.
        hash_ids: What the table was made with.
    """

    def __init__(
        self,
        table: NDArray[np.uint64],
        pin_ids_at: Callable[[NDArray[np.int64]], list[str]],
        *,
        hash_ids: HashIds = hash_ids,
    ) -> None:
        self._hashes, self._rows = table
        self._pin_ids_at = pin_ids_at
        self._hash_ids = hash_ids

    def rows(self, pin_ids: Sequence[str]) -> NDArray[np.int64]:
        """int64 [n]: the row of each id, NO_ROW for unknown ones."""
        hashes = self._hash_ids(pin_ids)
        rows = self.rows_of_hashes(hashes)
        known = np.flatnonzero(rows != NO_ROW)
        for at, found in zip(known.tolist(), self._pin_ids_at(rows[known]), strict=True):
            if found != pin_ids[at]:
                rows[at] = self._row_among_equal_hashes(pin_ids[at], hashes[at])
        return rows

    def rows_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n]: the first row of each hash, NO_ROW for unknown ones."""
        # Beyond the last hash is the last one: not the one that was looked for.
        places = self._hashes.searchsorted(hashes)
        rows: NDArray[np.int64] = self._rows.take(places, mode="clip").astype(np.int64)
        rows[self._hashes.take(places, mode="clip") != hashes] = NO_ROW
        return rows

    def _row_among_equal_hashes(self, pin_id: str, key: np.uint64) -> int:
        first, last = np.searchsorted(self._hashes, key, "left"), np.searchsorted(self._hashes, key, "right")
        rows = self._rows[first:last].astype(np.int64)
        for row, found in zip(rows.tolist(), self._pin_ids_at(rows), strict=True):
            if found == pin_id:
                return int(row)
        return NO_ROW
