"""From pin id to row by binary search in a sorted table of hashes, and never to the wrong one."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from storage.hashes import hash_ids
from storage.pins.port import NO_ROW

HashIds = Callable[[Sequence[str]], NDArray[np.uint64]]

# Four hashes in a bucket or fewer, and a table of their starts of one byte for each hash.
_BITS_WITHIN = 2
_WIDEST = 64


def id_table(pin_ids: Sequence[str], *, hash_ids: HashIds = hash_ids) -> NDArray[np.uint64]:
    """uint64 [2, n]: the sorted hash of every id, and its row; equal hashes by row."""
    hashes = hash_ids(pin_ids)
    order = np.argsort(hashes, kind="stable")
    return np.stack([hashes[order], order.astype(np.uint64)])


class _Buckets:
    """Where the hashes of each leading bits begin: a few of them are read, all at once, in place of a search.

    A binary search in millions reads its last ten places one after the other, each from far memory.

    Args:
        starts: int32 [2 ** bits + 1], the place of the first hash with these leading bits.
        widest: The most hashes that have the same.
    """

    def __init__(self, starts: NDArray[np.int32], widest: int) -> None:
        self._starts = starts
        self._shift = np.uint64(64 - (len(starts) - 1).bit_length() + 1)
        self._within = np.arange(widest, dtype=np.int32)

    @classmethod
    def of(cls, hashes: NDArray[np.uint64]) -> "_Buckets | None":
        """Of sorted hashes; None where they are few, or do not spread as hashes should."""
        bits = len(hashes).bit_length() - _BITS_WITHIN
        if bits < 1 or len(hashes) > np.iinfo(np.int32).max:
            return None
        firsts = np.arange(2**bits, dtype=np.uint64) << np.uint64(64 - bits)
        starts = np.append(hashes.searchsorted(firsts), len(hashes)).astype(np.int32)
        widest = int(np.diff(starts).max())
        return cls(starts, widest) if widest <= _WIDEST else None

    def rows_of(
        self, asked: NDArray[np.uint64], hashes: NDArray[np.uint64], rows: NDArray[np.uint64]
    ) -> NDArray[np.int64]:
        """int64 [n]: the first row of each hash asked for, NO_ROW for unknown ones."""
        begins = self._starts.take((asked >> self._shift).astype(np.intp))
        # What is read beyond a bucket's end are the next one's: no equal hash is among them.
        is_it = hashes.take(begins[:, np.newaxis] + self._within, mode="clip") == asked[:, np.newaxis]
        which = is_it.argmax(axis=1)
        found: NDArray[np.int64] = rows.take(begins + which, mode="clip").astype(np.int64)
        found[~is_it[np.arange(len(asked)), which]] = NO_ROW
        return found


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
        self._buckets = _Buckets.of(self._hashes)

    def rows(self, pin_ids: Sequence[str]) -> NDArray[np.int64]:
        """int64 [n]: the row of each id, NO_ROW for unknown ones."""
        hashes = self._hash_ids(pin_ids)
        rows = self.rows_of_hashes(hashes)
        known = np.flatnonzero(rows != NO_ROW)
        confirmed = self._pin_ids_at(rows[known])
        if confirmed == list(pin_ids):
            return rows
        for at, found in zip(known.tolist(), confirmed, strict=True):
            if found != pin_ids[at]:
                rows[at] = self._row_among_equal_hashes(pin_ids[at], hashes[at])
        return rows

    def rows_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n]: the first row of each hash, NO_ROW for unknown ones."""
        if self._buckets is not None:
            return self._buckets.rows_of(hashes, self._hashes, self._rows)
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
