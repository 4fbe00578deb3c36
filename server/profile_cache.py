"""Parsed profiles, kept: an LRU with a budget in bytes, and the store asked again every half second."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from pinnersage.v1 import recommender_pb2 as pb
from server.metrics_catalogue import ProfileUse
from server.profiles import ProfileSource, UserProfile
from server.recency import under_decay
from server.served_profiles import ServedProfile, StoodFor
from server.takedown import BlockedRows
from storage.errors import DamagedRecordError, StoreUnavailableError
from storage.profiles.records import StoredUser

FRESH_S = 0.5
STALE_S = 3_600.0
# No read of the store takes as long.
ON_THE_WAY_S = 60.0
NEVER_S = -math.inf

# Measured with tracemalloc: an entry's own objects (key, records, array headers, links of the LRU).
_OVERHEAD_BYTES = 1_050
_NOTHING_SEEN = np.empty(0, np.uint64)

Key = tuple[str, float | None]
"""A user, and the decay in place of the model's, if there is one."""


@dataclass(slots=True, eq=False)
class _Entry:
    """What is kept of a user.

    Attributes:
        profile: Parsed.
        held: Stands for what it was parsed from.
        parsed_over: Which pins and which batch: not themselves, so that they can be given back.
        artefact_version: Of those pins.
        checked_s: When the store last said that it is still so.
    """

    profile: ServedProfile
    held: StoredUser
    parsed_over: object
    artefact_version: str
    checked_s: float


class ProfileCache:
    """Parsed profiles, the least recently used go first; safe for any number of threads.

    Args:
        budget_bytes: The sum of all entries stays below this; 0 keeps nothing.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._size_bytes = 0
        # Who was forgotten lately, and when.
        self._forgotten: dict[str, float] = {}
        # It covers get and put, never a read of the store.
        self._lock = threading.Lock()

    def get(self, key: Key) -> _Entry | None:
        """The entry, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
        return entry

    def get_each(self, keys: Sequence[Key]) -> list[_Entry | None]:
        """The entry of each key, or None."""
        entries = self._entries
        with self._lock:
            found = [entries.get(key) for key in keys]
            for key, entry in zip(keys, found, strict=True):
                if entry is not None:
                    entries.move_to_end(key)
        return found

    def put(self, key: Key, entry: _Entry) -> None:
        """Keep the entry in place of an earlier one; not if it was read before the user was forgotten."""
        with self._lock:
            self._remove(key)
            if self._forgotten and self._forgotten.get(key[0], NEVER_S) >= entry.checked_s:
                return
            self._entries[key] = entry
            self._size_bytes += _size_bytes(entry)
            while self._size_bytes > self.budget_bytes:
                self._remove(next(iter(self._entries)))

    def remove(self, key: Key) -> None:
        """Drop the entry."""
        with self._lock:
            self._remove(key)

    def forget(self, user_ids: Set[str], now_s: float) -> None:
        """Drop all entries of these users, those still on their way included.

        Args:
            user_ids: Whom the store says to forget.
            now_s: By the clock that entries were checked by.
        """
        with self._lock:
            recent = {each: at_s for each, at_s in self._forgotten.items() if now_s - at_s < ON_THE_WAY_S}
            self._forgotten = recent | dict.fromkeys(user_ids, now_s)
            for key in [key for key in self._entries if key[0] in user_ids]:
                self._remove(key)

    def clear(self) -> None:
        """Drop all entries."""
        with self._lock:
            self._entries.clear()
            self._size_bytes = 0

    def _remove(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size_bytes -= _size_bytes(entry)

    @property
    def size_bytes(self) -> int:
        """Bytes in use."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._entries)


def _size_bytes(entry: _Entry) -> int:
    return entry.profile.n_bytes + _OVERHEAD_BYTES


class ServedProfiles:
    """Users for requests, from the cache while that is true.

    What was parsed less than half a second ago is taken as it is. Later the store is asked, and the parsed
    profile stays when nothing has changed. When the store does not answer, it is used for up to an hour, and
    flagged; a user that the store no longer knows is forgotten at once.

    Args:
        source: Parses them for one view of pins and one batch.
        cache: Shared with whoever served before: rows of one artefact keep their meaning.
        clock: Seconds that only grow.
    """

    def __init__(
        self, source: ProfileSource, cache: ProfileCache, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._count = source.metrics.count_profile
        self._over = object()
        self._cache = cache
        self._clock = clock

    def get(self, user_id: str, now_s: int, lambda_per_day: float | None = None) -> ServedProfile | None:
        """The user, or None when the store knows nothing of them.

        Args:
            user_id: Opaque.
            now_s: Unix seconds UTC.
            lambda_per_day: Decay of importance, in place of the model's.

        Raises:
            StoreUnavailableError: The store does not answer, and nothing recent enough is kept.
            DamagedRecordError: What is stored cannot be trusted.
        """
        key, now, blocked = (user_id, lambda_per_day), self._clock(), self._source.blocked()
        entry = self._cache.get(key)
        held = None
        if entry is not None and entry.parsed_over is self._over and entry.profile.blocked is blocked:
            if now - entry.checked_s < FRESH_S:
                self._count(ProfileUse.FRESH)
                return entry.profile
            held = entry.held
        try:
            stored = self._source.reader.read(user_id, held)
        except StoreUnavailableError as error:
            return self._kept_or_raise(entry, now, blocked, error)
        if entry is not None and stored is held:
            entry.checked_s = now
            self._count(ProfileUse.UNCHANGED)
            return entry.profile
        return self._parsed(key, stored, now_s, now)

    def get_each(self, keys: Sequence[Key], now_s: int) -> list[ServedProfile | DamagedRecordError | None]:
        """What `get` gives of each of some users; in place of a damaged record what `get` would raise.

        The clock is read once for all of them, and the store is asked once.

        Args:
            keys: The users, each with the decay in place of the model's, if there is one.
            now_s: Unix seconds UTC.

        Raises:
            StoreUnavailableError: As `get`, of any of them.
        """
        now, blocked = self._clock(), self._source.blocked()
        entries = self._cache.get_each(keys)
        over = self._over
        held = [
            entry.held
            if entry is not None and entry.parsed_over is over and entry.profile.blocked is blocked
            else None
            for entry in entries
        ]
        old = [
            at
            for at, (entry, of_entry) in enumerate(zip(entries, held, strict=True))
            if entry is None or of_entry is None or now - entry.checked_s >= FRESH_S
        ]
        self._count(ProfileUse.FRESH, len(keys) - len(old))
        found: list[ServedProfile | DamagedRecordError | None]
        found = [None if entry is None else entry.profile for entry in entries]
        try:
            stored = self._source.reader.read_each([(keys[at][0], held[at]) for at in old]) if old else []
        except StoreUnavailableError as error:
            for at in old:
                found[at] = self._kept_or_raise(entries[at], now, blocked, error)
            return found
        n_unchanged = 0
        for at, of_user in zip(old, stored, strict=True):
            entry = entries[at]
            if entry is not None and of_user is held[at]:
                entry.checked_s = now
                n_unchanged += 1
            elif isinstance(of_user, DamagedRecordError):
                found[at] = of_user
            else:
                found[at] = self._parsed(keys[at], of_user, now_s, now)
        self._count(ProfileUse.UNCHANGED, n_unchanged)
        return found

    def kept(self, user_id: str, lambda_per_day: float | None = None) -> ServedProfile | None:
        """The user as the last answer had them, if that is kept; asks no store, and counts nothing."""
        entry = self._cache.get((user_id, lambda_per_day))
        return None if entry is None or entry.parsed_over is not self._over else entry.profile

    def served(self, profile: UserProfile, lambda_per_day: float | None = None) -> ServedProfile:
        """The small form of a profile, with another decay of importance where one is given."""
        model = self._source.batch.parameters.lambda_per_day
        if lambda_per_day is not None:
            profile = under_decay(profile, lambda_per_day, in_place_of=model)
        stood_for = StoodFor.of(*self._source.representatives(profile))
        return ServedProfile.of(profile, stood_for, model if lambda_per_day is None else lambda_per_day)

    def _parsed(self, key: Key, stored: StoredUser, now_s: int, now: float) -> ServedProfile | None:
        if stored.is_unknown:
            self._cache.remove(key)
            self._count(ProfileUse.UNKNOWN)
            return None
        self._count(ProfileUse.PARSED)
        profile = self.served(self._source.profile_of(stored, now_s), key[1])
        held = StoredUser(batch=None, online=None, seen=_NOTHING_SEEN, stamp=stored.stamp)
        self._cache.put(key, _Entry(profile, held, self._over, self._source.artefact_version, now))
        return profile

    def _kept_or_raise(
        self, entry: _Entry | None, now: float, blocked: BlockedRows, error: StoreUnavailableError
    ) -> ServedProfile:
        """What is kept of a user while the store does not answer."""
        if entry is None or not self._may_be_used_late(entry, now):
            raise error
        self._count(ProfileUse.STALE)
        return _late(entry.profile, blocked)

    def _may_be_used_late(self, entry: _Entry, now: float) -> bool:
        is_of_this_artefact = entry.artefact_version == self._source.artefact_version
        return is_of_this_artefact and now - entry.checked_s < STALE_S


def _late(profile: ServedProfile, blocked: BlockedRows) -> ServedProfile:
    if profile.blocked is not blocked:
        profile = profile.without_blocked(blocked)
    return profile.flagged(pb.DEGRADATION_STALE_PROFILE)
