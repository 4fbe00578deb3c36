"""Which rows of the refined pool pass a filter: a bitmap, counted exactly, kept for the next request."""

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

_Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassingRows:
    """The indexed rows that pass; immutable.

    Attributes:
        bitmap: uint8 [ceil(n_indexed / 8)], as storage.pins.port has it.
        count: How many pass.
        n_indexed: Of how many; the first rows.
    """

    bitmap: NDArray[np.uint8]
    count: int
    n_indexed: int

    @classmethod
    def of(cls, passes: NDArray[np.bool_]) -> "PassingRows":
        """From bool [n_indexed]."""
        bitmap = np.packbits(passes, bitorder="little")
        bitmap.flags.writeable = False
        return cls(bitmap=bitmap, count=int(np.count_nonzero(passes)), n_indexed=len(passes))

    @property
    def share(self) -> float:
        """The selectivity, 0 to 1."""
        return self.count / max(self.n_indexed, 1)

    def among(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some rows pass: bool [n]. One that is not indexed does not."""
        known = rows < self.n_indexed
        places = np.where(known, rows, 0)
        bits: NDArray[np.uint8] = self.bitmap[places >> 3] >> (places & 7).astype(np.uint8)
        return known & (bits & 1).astype(np.bool_)

    def rows(self) -> NDArray[np.int64]:
        """int64 [count]: all of them, ascending."""
        return np.flatnonzero(np.unpackbits(self.bitmap, count=self.n_indexed, bitorder="little"))


class PassingCache:
    """Bitmaps by artefact version and filter, the least recently used go first; for any number of threads.

    Args:
        pins: The artefact.
        metrics: Counts look-ups, times what is computed.
        budget_bytes: Of all bitmaps; one that is larger is computed anew each time.
    """

    def __init__(self, pins: PinView, metrics: Metrics, budget_bytes: int = BUDGET_BYTES) -> None:
        self._pins = pins
        self._metrics = metrics
        self._entries: cachetools.LRUCache[_Key, PassingRows] = cachetools.LRUCache(
            maxsize=budget_bytes, getsizeof=lambda entry: entry.bitmap.nbytes + _OVERHEAD_BYTES
        )
        # cachetools is not thread-safe: the lock covers get and put, never a computation.
        self._lock = threading.Lock()

    def passing(self, asked: Filter) -> PassingRows:
        """The rows that pass, for columns that were validated."""
        key = self._pins.version, asked.digest
        with self._lock:
            found = self._entries.get(key)
        self._metrics.count_filter(known=found is not None)
        return self._computed(key, asked) if found is None else found

    def _computed(self, key: _Key, asked: Filter) -> PassingRows:
        with self._metrics.stage("filter"):
            passing = PassingRows.of(self._pins.columns.passing(asked))
        with self._lock:
            if passing.bitmap.nbytes + _OVERHEAD_BYTES <= self._entries.maxsize:
                self._entries[key] = passing
        return passing

    @property
    def size_bytes(self) -> int:
        """Bytes in use."""
        return int(self._entries.currsize)
