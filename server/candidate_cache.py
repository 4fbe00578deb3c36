"""Candidate lists, kept by artefact version and medoid within a budget in real bytes.

A list is cached unfiltered and over-fetched, so it serves every user who shares the medoid (Section 4 of the
paper: retrieval is cached per medoid, which is why medoids are pins and not centroids).
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain

from server.candidate_lists import CandidateList, Retrieved
from server.sparing import whose_turn

# 20,000 lists of a version that was replaced take 50 ms: of that nobody waits for more than a little.
_DROPPED_AT_ONCE = 64
_BREATH_S = 0.001

# How often a list is asked for is counted as far as it tells the hottest from the others.
_MOST_USES = 7

Key = Hashable
"""A medoid: its row, or what else it is known by where rows of pins change; no tuple of one."""


@dataclass(slots=True, eq=False)
class _Kept(Retrieved):
    """A list in the cache, just as it is given to all who ask for it.

    Attributes:
        size_bytes: What it costs in memory.
        serves: The most candidates that may be asked of it; any number, when it has all there are.
        uses: How often it was asked for, less one each time that it was spared.
    """

    size_bytes: int
    serves: float
    uses: int = 0

    @classmethod
    def of(cls, candidates: CandidateList) -> "_Kept":
        serves = math.inf if candidates.is_whole_pool else candidates.wanted
        return cls(candidates, True, candidates.size_bytes, serves)


class _OfVersion:
    """The lists of one version; first comes the one whose turn it is to go.

    A medoid may have two: one of a lower efSearch has its own key, and is there as long as it serves more.
    """

    def __init__(self) -> None:
        self.lists: OrderedDict[Key, _Kept] = OrderedDict()
        self.size_bytes = 0

    def add(self, key: Key, kept: _Kept) -> None:
        self.lists[key] = kept
        self.size_bytes += kept.size_bytes

    def replaced_by(self, kept: _Kept, medoid: Key) -> list[Key] | None:
        """Which lists go when this one comes, first that of its own key; None when it serves nobody more."""
        beside = _of_lower_ef(medoid)
        if self._serves(medoid, kept.serves):
            return None
        if kept.candidates.lowered:
            return None if self._serves(beside, kept.serves) else [beside]
        lowered = self.lists.get(beside)
        return [medoid] if lowered is None or lowered.serves > kept.serves else [medoid, beside]

    def _serves(self, key: Key, at_least: float) -> bool:
        kept = self.lists.get(key)
        return kept is not None and kept.serves >= at_least

    def drop(self, key: Key) -> int:
        """Drop a list, if there is one; how often it was asked for."""
        kept = self.lists.pop(key, None)
        if kept is None:
            return 0
        self.size_bytes -= kept.size_bytes
        return kept.uses


class CandidateCache:
    """Lists within a budget in bytes, for any number of threads; about the least used go first.

    Each is spared for every time that it was asked for, see server.sparing. Room is made by the version with
    most bytes, so that one that is being warmed stays.

    Args:
        budget_bytes: The sum of all entries' real bytes stays below this.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._versions: dict[str, _OfVersion] = {}
        # Those whose lists are kept; None before any was dropped: all.
        self._expected: set[str] | None = None
        # It covers every change, never a look or a search.
        self._lock = threading.Lock()

    def get_all(self, version: str, medoids: Sequence[Key], at_least: int) -> list[Retrieved] | None:
        """The list of each medoid, with `at_least` candidates or all there are; None when one is missing.

        None of a lower efSearch.
        """
        of_version = self._versions.get(version)
        if of_version is None:
            return None
        found: list[Retrieved] = []
        lists = of_version.lists
        for medoid in medoids:
            kept = lists.get(medoid)
            if kept is None or kept.serves < at_least:
                return None
            # Read once: of two threads neither counts beyond the most.
            uses = kept.uses
            if uses < _MOST_USES:
                kept.uses = uses + 1
            found.append(kept)
        return found

    def get_each(
        self, version: str, medoids: Sequence[Key], at_least: int, *, also_lowered: bool = False
    ) -> list[CandidateList | None]:
        """What `get_all` looks for, or None in its place; of a lower efSearch only where that will do."""
        of_version = self._versions.get(version)
        if of_version is None:
            return [None] * len(medoids)
        found: list[CandidateList | None] = []
        lists = of_version.lists
        for medoid in medoids:
            kept = lists.get(medoid)
            if also_lowered and (kept is None or kept.serves < at_least):
                kept = lists.get(_of_lower_ef(medoid))
            if kept is None or kept.serves < at_least:
                found.append(None)
                continue
            uses = kept.uses
            if uses < _MOST_USES:
                kept.uses = uses + 1
            found.append(kept.candidates)
        return found

    def put(self, version: str, medoid: Key, candidates: CandidateList) -> None:
        """Keep the list unless one is there that serves as well; one larger than the budget is not kept.

        Nor is one of a version that was dropped, which a call still under way may have searched in.
        """
        kept = _Kept.of(candidates)
        if kept.size_bytes > self._budget_bytes:
            return
        with self._lock:
            if self._expected is not None and version not in self._expected:
                return
            of_version = self._versions.setdefault(version, _OfVersion())
            replaced = of_version.replaced_by(kept, medoid)
            if replaced is None:
                return
            for key in replaced:
                # The medoid is asked for as often as before, whatever its list.
                kept.uses = max(kept.uses, of_version.drop(key))
            self._make_room(kept.size_bytes)
            of_version.add(replaced[0], kept)

    def _make_room(self, n_bytes: int) -> None:
        while self.size_bytes + n_bytes > self._budget_bytes:
            largest = max(self._versions.values(), key=lambda each: each.size_bytes)
            largest.drop(whose_turn(largest.lists))

    def hottest(self, version: str) -> dict[bytes, int]:
        """The medoids of a version that are asked for most, hottest first, and how many candidates of each.

        As many as take half of the budget: the lists of another version have room beside them. Medoids are
        serialised, see `pin_id_of`.
        """
        with self._lock:
            of_version = self._versions.get(version)
            lists = [] if of_version is None else list(of_version.lists.values())
        # There may be very many: nothing is made for each that the garbage collector looks at, and a sort
        # would let nobody else work meanwhile.
        by_uses: list[list[_Kept]] = [[] for _ in range(_MOST_USES + 1)]
        for kept in lists:
            by_uses[kept.uses].append(kept)
        found: dict[bytes, int] = {}
        room_bytes = self._budget_bytes / 2
        for kept in chain.from_iterable(reversed(by_uses)):
            room_bytes -= kept.size_bytes
            if room_bytes < 0:
                break
            medoid, wanted = kept.candidates.medoid, kept.candidates.wanted
            found[medoid] = max(found.get(medoid, 0), wanted)
        return found

    def expect(self, version: str) -> None:
        """Keep lists of this version, too, although it may have been dropped before: it will be served."""
        with self._lock:
            if self._expected is not None:
                self._expected.add(version)

    def keep_only(self, version: str) -> None:
        """Drop the lists of all other versions, a few at a time, and keep no more: calls go on beside it."""
        with self._lock:
            self._expected = {version}
            others = [self._versions.pop(each) for each in list(self._versions) if each != version]
        for other in others:
            while other.lists:
                for _ in range(min(_DROPPED_AT_ONCE, len(other.lists))):
                    other.lists.popitem()
                time.sleep(_BREATH_S)

    @property
    def size_bytes(self) -> int:
        """Real bytes in use."""
        return sum([each.size_bytes for each in list(self._versions.values())])

    def __len__(self) -> int:
        return sum([len(each.lists) for each in list(self._versions.values())])


def _of_lower_ef(medoid: Key) -> Key:
    """The key of its list of a lower efSearch."""
    return (medoid,)
