"""From pin id to row by binary search in a sorted table of hashes, and never to the wrong one."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from storage.compiled import compiled
from storage.hashes import hash_ids
from storage.pins.port import NO_ROW

_lookup = compiled("storage.pins._lookup")

HashIds = Callable[[Sequence[str]], NDArray[np.uint64]]

# Four hashes in a bucket or fewer, and a table of their starts of one byte for each hash.
_BITS_WITHIN = 2
_WIDEST = 64


def id_table(pin_ids: Sequence[str], *, hash_ids: HashIds = hash_ids) -> NDArray[np.uint64]:
    """uint64 [2, n]: the sorted hash of every id, and its row; equal hashes by row."""
    hashes = hash_ids(pin_ids)
    order = np.argsort(hashes, kind="stable")
    return np.stack([hashes[order], order.astype(np.uint64)])


class Buckets:
    """Where the hashes of each leading bits begin: a few of them are read, all at once, in place of a search.

    A binary search in millions reads its last ten places one after the other, each from far memory.

    storage.pins._lookup.Buckets, where it is compiled, does the same in one go.

    Args:
        starts: int32 [2 ** bits + 1], the place of the first hash with these leading bits.
        hashes: uint64 [n], ascending.
        rows: uint64 [n], of each hash.
        representatives: int32 [n], of each row.
    """

    def __init__(
        self,
        starts: NDArray[np.int32],
        hashes: NDArray[np.uint64],
        rows: NDArray[np.uint64],
        representatives: NDArray[np.int32],
    ) -> None:
        self._starts, self._hashes, self._rows, self._representatives = starts, hashes, rows, representatives
        self._shift = np.uint64(64 - (len(starts) - 1).bit_length() + 1)
        self._within = np.arange(np.diff(starts).max(), dtype=np.int32)

    def rows_of(self, asked: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n]: the first row of each hash asked for, NO_ROW for unknown ones."""
        begins = self._starts.take((asked >> self._shift).astype(np.intp))
        # What is read beyond a bucket's end are the next one's: no equal hash is among them.
        is_it = self._hashes.take(begins[:, np.newaxis] + self._within, mode="clip") == asked[:, np.newaxis]
        which = is_it.argmax(axis=1)
        found: NDArray[np.int64] = self._rows.take(begins + which, mode="clip").astype(np.int64)
        found[~is_it[np.arange(len(asked)), which]] = NO_ROW
        return found

    def representatives_of(self, asked: NDArray[np.uint64]) -> NDArray[np.int32]:
        """int32 [x]: the representatives of those rows, in order; unknown ones are left out."""
        return known_representatives(self.rows_of(asked), self._representatives)


def known_representatives(rows: NDArray[np.int64], representatives: NDArray[np.int32]) -> NDArray[np.int32]:
    """int32 [x]: the representatives of rows, in order; NO_ROW is left out."""
    known: NDArray[np.int32] = representatives.take(rows[rows != NO_ROW])
    return known


def _buckets(
    hashes: NDArray[np.uint64], rows: NDArray[np.uint64], representatives: NDArray[np.int32]
) -> Buckets | None:
    """Of ascending hashes; None where they are few, or do not spread as hashes should."""
    bits = len(hashes).bit_length() - _BITS_WITHIN
    if bits < 1 or len(hashes) > np.iinfo(np.int32).max:
        return None
    firsts = np.arange(2**bits, dtype=np.uint64) << np.uint64(64 - bits)
    starts = np.append(hashes.searchsorted(firsts), len(hashes)).astype(np.int32)
    if np.diff(starts).max() > _WIDEST:
        return None
    fastest: type[Buckets] = Buckets if _lookup is None else _lookup.Buckets
    return fastest(starts, hashes, rows, representatives)


class IdLookup:
    """Finds rows by id in the table of `id_table`. A hit is confirmed by comparing the id itself.

    Args:
        table: uint64 [2, n].
        representatives: int32 [n], of each row.
        pin_ids_at: The ids of rows.
        hash_ids: What the table was made with.
    """

    def __init__(
        self,
        table: NDArray[np.uint64],
        representatives: NDArray[np.int32],
        pin_ids_at: Callable[[NDArray[np.int64]], list[str]],
        *,
        hash_ids: HashIds = hash_ids,
    ) -> None:
        self._hashes, self._rows = table
        self._representatives = representatives
        self._pin_ids_at = pin_ids_at
        self._hash_ids = hash_ids
        self._buckets = _buckets(self._hashes, self._rows, representatives)

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
            return self._buckets.rows_of(hashes)
        # Beyond the last hash is the last one: not the one that was looked for.
        places = self._hashes.searchsorted(hashes)
        rows: NDArray[np.int64] = self._rows.take(places, mode="clip").astype(np.int64)
        rows[self._hashes.take(places, mode="clip") != hashes] = NO_ROW
        return rows

    def representatives_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """int32 [x]: the representatives of those rows, in order; unknown ones are left out."""
        if self._buckets is not None:
            return self._buckets.representatives_of(hashes)
        return known_representatives(self.rows_of_hashes(hashes), self._representatives)

    def _row_among_equal_hashes(self, pin_id: str, key: np.uint64) -> int:
        first, last = np.searchsorted(self._hashes, key, "left"), np.searchsorted(self._hashes, key, "right")
        rows = self._rows[first:last].astype(np.int64)
        for row, found in zip(rows.tolist(), self._pin_ids_at(rows), strict=True):
            if found == pin_id:
                return int(row)
        return NO_ROW
