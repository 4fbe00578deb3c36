"""The LRU of candidate lists, keyed on artefact version and medoid pin id, in real bytes.

A list is cached unfiltered and over-fetched, so it serves every user who shares the medoid (Section 4 of the
paper: retrieval is cached per medoid, which is why medoids are pins and not centroids).
"""

import sys
import threading
from copy import copy
from dataclasses import dataclass

import cachetools
import numpy as np
from numpy.typing import NDArray

# Measured with tracemalloc: the entry's own objects (key, strings, array headers, links of the LRU).
OVERHEAD_BYTES = 900

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class CandidateList:
    """The pins nearest to one medoid, nearest first, already serialised; immutable.

    Attributes:
        rows: int64 [k], rows of the artefact.
        scores: float32 [k], cosines to the medoid, descending.
        blob: The k serialised elements of `repeated Candidate candidates = 1`, one after the other.
        offsets: uint32 [k + 1]: element i is blob[offsets[i]:offsets[i + 1]].
        wanted: How many were asked of the index: fewer rows mean that the pool has no more.
        spread: The medoid's T and log Z of the fused merge (model.fusing); None for a list that was not asked
            for as many pins as they depend on.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    blob: bytes
    offsets: NDArray[np.uint32]
    wanted: int
    spread: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, k: int) -> "CandidateList":
        """The list as it would be had only k been asked for; it shares the bytes of this one."""
        if self.wanted <= k:
            return self
        return CandidateList(
            rows=self.rows[:k],
            scores=self.scores[:k],
            blob=self.blob,
            offsets=self.offsets[: k + 1],
            wanted=k,
            spread=self.spread,
        )

    @property
    def is_whole_pool(self) -> bool:
        """Whether the index has nothing further to give."""
        return len(self.rows) < self.wanted

    @property
    def size_bytes(self) -> int:
        """What the list costs in memory."""
        arrays = self.rows.nbytes + self.scores.nbytes + self.offsets.nbytes
        return arrays + sys.getsizeof(self.blob) + OVERHEAD_BYTES


class CandidateCache:
    """A least-recently-used cache with a budget in bytes; safe for any number of threads.

    Args:
        budget_bytes: The sum of all entries' real bytes stays below this.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._entries: cachetools.LRUCache[Key, CandidateList] = cachetools.LRUCache(
            maxsize=budget_bytes, getsizeof=lambda entry: entry.size_bytes
        )
        # cachetools is not thread-safe: the lock covers get and put, never a search.
        self._lock = threading.Lock()

    def get(self, key: Key, at_least: int) -> CandidateList | None:
        """The entry, when it holds `at_least` candidates or all there are."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is None or (entry.wanted < at_least and not entry.is_whole_pool):
            return None
        return entry

    def put(self, key: Key, entry: CandidateList) -> None:
        """Keep the entry unless a wider one is there; one larger than the whole budget is not kept."""
        with self._lock:
            present = self._entries.get(key)
            is_wider = present is None or present.wanted < entry.wanted
            if is_wider and entry.size_bytes <= self._entries.maxsize:
                self._entries[key] = entry

    def hottest(self, version: str) -> list[tuple[str, int]]:
        """The medoids of a version that were asked for last, latest first, and how many candidates of each.

        As many as take half of the budget: the lists of another version have room beside them.
        """
        with self._lock:
            entries = copy(self._entries)
        found, room_bytes = [], entries.maxsize / 2
        for (of_version, pin_id), entry in reversed([entries.popitem() for _ in range(len(entries))]):
            room_bytes -= entry.size_bytes
            if of_version == version and room_bytes >= 0:
                found.append((pin_id, entry.wanted))
        return found

    def forget(self, version: str) -> None:
        """Drop all lists of a version."""
        with self._lock:
            for key in [key for key in self._entries if key[0] == version]:
                del self._entries[key]

    @property
    def size_bytes(self) -> int:
        """Real bytes in use."""
        return int(self._entries.currsize)

    def __len__(self) -> int:
        return len(self._entries)
