"""Which candidates pass a filter: a bitmap by row, counted exactly, kept for the next request."""

import threading
from dataclasses import dataclass

import cachetools
import numpy as np
from numpy.typing import NDArray

from server.metrics import Metrics
from storage.pins.filters import Filter
from storage.pins.port import PinView

BUDGET_BYTES = 64_000_000
# The key, the record, the array's header, the links of the LRU.
_OVERHEAD_BYTES = 600


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassingRows:
    """The candidates that pass; immutable.

    Attributes:
        bitmap: uint8 [ceil(n_rows / 8)], as storage.pins.port has it.
        count: How many pass.
        n_rows: No row from here on is a candidate.
        n_indexed: How many candidates there are.
    """

    bitmap: NDArray[np.uint8]
    count: int
    n_rows: int
    n_indexed: int

    @classmethod
    def of(cls, passes: NDArray[np.bool_], n_indexed: int | None = None) -> "PassingRows":
        """From bool [n_rows]; where no number of candidates is given all rows are."""
        bitmap = np.packbits(passes, bitorder="little")
        bitmap.flags.writeable = False
        return cls(
            bitmap=bitmap,
            count=int(np.count_nonzero(passes)),
            n_rows=len(passes),
            n_indexed=len(passes) if n_indexed is None else n_indexed,
        )

    @property
    def share(self) -> float:
        """The selectivity, 0 to 1."""
        return self.count / max(self.n_indexed, 1)

    def among(self, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which of some rows pass: bool [n]. One that is no candidate does not."""
        known = rows < self.n_rows
        places = np.where(known, rows, 0)
        bits: NDArray[np.uint8] = self.bitmap[places >> 3] >> (places & 7).astype(np.uint8)
        return known & (bits & 1).astype(np.bool_)

    def rows(self) -> NDArray[np.int64]:
        """int64 [count]: all of them, ascending."""
        return np.flatnonzero(np.unpackbits(self.bitmap, count=self.n_rows, bitorder="little"))


class PassingCache:
    """Bitmaps of one artefact by filter, the least recently used go first; for any number of threads.

    Args:
        pins: The artefact.
        metrics: Counts look-ups, times what is computed.
        budget_bytes: Of all bitmaps; one that is larger is computed anew each time.
    """

    def __init__(self, pins: PinView, metrics: Metrics, budget_bytes: int = BUDGET_BYTES) -> None:
        self._pins = pins
        self._metrics = metrics
        self._entries: cachetools.LRUCache[bytes, PassingRows] = cachetools.LRUCache(
            maxsize=budget_bytes, getsizeof=lambda entry: entry.bitmap.nbytes + _OVERHEAD_BYTES
        )
        # cachetools is not thread-safe: the lock covers get and put, never a computation.
        self._lock = threading.Lock()

    def passing(self, asked: Filter) -> PassingRows:
        """The rows that pass, for columns that were validated."""
        key = asked.digest
        with self._lock:
            found = self._entries.get(key)
        self._metrics.count_filter(known=found is not None)
        return self._computed(key, asked) if found is None else found

    def _computed(self, key: bytes, asked: Filter) -> PassingRows:
        with self._metrics.stage("filter"):
            passing = PassingRows.of(self._pins.columns.passing(asked), self._pins.n_indexed)
        with self._lock:
            if passing.bitmap.nbytes + _OVERHEAD_BYTES <= self._entries.maxsize:
                self._entries[key] = passing
        return passing

    @property
    def size_bytes(self) -> int:
        """Bytes in use."""
        return int(self._entries.currsize)
