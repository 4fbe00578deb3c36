"""The LRU of candidate lists, keyed on artefact version and medoid, in real bytes.

A list is cached unfiltered and over-fetched, so it serves every user who shares the medoid (Section 4 of the
paper: retrieval is cached per medoid, which is why medoids are pins and not centroids).
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from server import elements
from server.elements import Elements
from storage.compiled import compiled

_turns = compiled("server._turns")

# Measured with tracemalloc: the entry's own objects (key, strings, array headers, links of the LRU).
OVERHEAD_BYTES = 900

# The shortest field of a pin id of 128 bytes.
_LONG_MEDOID = 131

# 20,000 lists of a version that was replaced take 50 ms: of that nobody waits for more than a little.
_DROPPED_AT_ONCE = 64
_BREATH_S = 0.001

Key = tuple[str, int | str]
"""The artefact's version, and the medoid: its row, or its pin id where rows of pins change."""


# Not frozen: see server.validation.Options.
@dataclass(slots=True, kw_only=True, eq=False)
class CandidateList:
    """The pins nearest to one medoid, nearest first, already serialised; immutable.

    Attributes:
        rows: int32 [k], rows of the artefact.
        scores: float32 [k], cosines to the medoid, descending.
        elements: k serialised elements of `repeated Candidate candidates = 1`; none in a list whose few
            selected candidates are serialised in the end.
        wanted: How many were asked of the index: fewer rows mean that the pool has no more.
        medoid: The serialised field `SampledInterest.medoid_pin_id`; empty for a fallback.
        spread: The medoid's T and log Z of the fused merge (model.fusing); None for a list that was not asked
            for as many pins as they depend on.
        lowered: It was searched for under pressure, with a lower efSearch.
        ranked: Where the arrays lie, for the compiled merge; None where it was not compiled.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    elements: Elements
    wanted: int
    medoid: bytes = b""
    spread: tuple[float, float] | None = None
    lowered: bool = False
    ranked: object = field(init=False, default=None)

    def __post_init__(self) -> None:
        if _turns is not None:
            self.ranked = _turns.Ranked(self.rows, self.scores, self.elements)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def medoid_pin_id(self) -> str:
        """The medoid; empty for a fallback."""
        return pin_id_of(self.medoid)

    def first(self, k: int) -> "CandidateList":
        """The list as it would be had only k been asked for; it shares the bytes of this one."""
        if self.wanted <= k:
            return self
        return CandidateList(
            rows=self.rows[:k],
            scores=self.scores[:k],
            elements=self.elements[:k],
            wanted=k,
            medoid=self.medoid,
            spread=self.spread,
            lowered=self.lowered,
        )

    @property
    def is_whole_pool(self) -> bool:
        """Whether the index has nothing further to give."""
        return len(self.rows) < self.wanted

    @property
    def size_bytes(self) -> int:
        """What the list costs in memory."""
        return self.rows.nbytes + self.scores.nbytes + elements.size_bytes(self.elements) + OVERHEAD_BYTES


def pin_id_of(medoid: bytes) -> str:
    """The pin id in a serialised field `medoid_pin_id`; empty where there is none."""
    # After the field's tag and the length: two bytes from 128 on, the longest there is.
    return medoid[2 if len(medoid) < _LONG_MEDOID else 3 :].decode()


class CandidateCache:
    """A least-recently-used cache with a budget in bytes; safe for any number of threads.

    Args:
        budget_bytes: The sum of all entries' real bytes stays below this.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._entries: OrderedDict[Key, tuple[CandidateList, int]] = OrderedDict()
        self._size_bytes = 0
        # It covers get and put, never a search.
        self._lock = threading.Lock()

    def get(self, key: Key, at_least: int) -> CandidateList | None:
        """The entry, when it holds `at_least` candidates or all there are."""
        return self.get_all((key,), at_least)[0]

    def get_all(
        self, keys: Sequence[Key], at_least: int, *, also_lowered: bool = False
    ) -> list[CandidateList | None]:
        """The entry of each key, as `get` has it; those of a lower efSearch only where they will do."""
        found: list[CandidateList | None] = []
        entries = self._entries
        with self._lock:
            for key in keys:
                kept = entries.get(key)
                if kept is None:
                    found.append(None)
                    continue
                entries.move_to_end(key)
                candidates = kept[0]
                serves = candidates.wanted >= at_least or candidates.is_whole_pool
                if candidates.lowered and not also_lowered:
                    serves = False
                found.append(candidates if serves else None)
        return found

    def put(self, key: Key, entry: CandidateList) -> None:
        """Keep the entry unless one is there that serves as well; one larger than the budget is not kept."""
        size_bytes = entry.size_bytes
        with self._lock:
            present = self._entries.get(key)
            if size_bytes <= self._budget_bytes and (present is None or _serves_more(entry, present[0])):
                self._put(key, entry, size_bytes)

    def _put(self, key: Key, entry: CandidateList, size_bytes: int) -> None:
        _, before = self._entries.pop(key, (None, 0))
        self._size_bytes += size_bytes - before
        while self._size_bytes > self._budget_bytes:
            _, (_, freed) = self._entries.popitem(last=False)
            self._size_bytes -= freed
        self._entries[key] = entry, size_bytes

    def hottest(self, version: str) -> dict[bytes, int]:
        """The medoids of a version that were asked for last, latest first, and how many candidates of each.

        As many as take half of the budget: the lists of another version have room beside them. Medoids are
        serialised, see `pin_id_of`.
        """
        # There may be tens of thousands: nothing is made for each that the garbage collector would look at.
        with self._lock:
            keys, entries = list(self._entries), list(self._entries.values())
        found, room_bytes = {}, self._budget_bytes / 2
        for (of_version, _), (candidates, taken_bytes) in zip(reversed(keys), reversed(entries), strict=True):
            room_bytes -= taken_bytes
            if room_bytes < 0:
                break
            if of_version == version:
                found[candidates.medoid] = candidates.wanted
        return found

    def forget(self, version: str) -> None:
        """Drop all lists of a version, a few at a time: calls go on beside it."""
        with self._lock:
            keys = list(self._entries)
        of_version = [key for key in keys if key[0] == version]
        for at in range(0, len(of_version), _DROPPED_AT_ONCE):
            self._drop(of_version[at : at + _DROPPED_AT_ONCE])
            time.sleep(_BREATH_S)

    def _drop(self, keys: Sequence[Key]) -> None:
        with self._lock:
            dropped = [self._entries.pop(key) for key in keys if key in self._entries]
            self._size_bytes -= sum([size_bytes for _, size_bytes in dropped])
        # Their memory is freed here, when nobody waits for the lock.
        del dropped

    @property
    def size_bytes(self) -> int:
        """Real bytes in use."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._entries)


def _serves_more(entry: CandidateList, present: CandidateList) -> bool:
    """Whether some call is served by the entry and not by what is there."""
    return entry.wanted > present.wanted or (present.lowered and not entry.lowered)
