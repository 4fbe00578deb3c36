"""Users for requests: parsed profiles that are kept, and the store asked whether they still hold."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from pinnersage.v1 import recommender_pb2 as pb
from server.late_profiles import allowed_now
from server.metrics_catalogue import ProfileUse
from server.profile_cache import Entry, Key, ProfileCache
from server.profiles import ProfileSource, UserProfile
from server.recency import under_decay
from server.served_profiles import ServedProfile, StoodFor
from server.sight import Lookout, Sight
from storage.errors import DamagedRecordError, StoreUnavailableError
from storage.profiles.records import StoredUser

FRESH_S = 0.5
STALE_S = 3_600.0

_NOTHING_SEEN = np.empty(0, np.uint64)


class ServedProfiles:
    """Users for requests, from the cache while that is true.

    What was parsed less than half a second ago is taken as it is, and later as long as the store, looked at
    once for all users, says that nothing of anybody has changed. Where something has, or the store cannot
    tell, it is asked about the user, and the parsed profile stays when nothing of theirs has changed. When
    the store does not answer, it is used for up to an hour, flagged, and without what was blocked meanwhile
    and, once others are added to the pins, without added pins; a user that the store no longer knows is
    forgotten at once.

    Args:
        source: Parses them for one view of pins and one batch.
        cache: Shared with whoever served before: the artefact's own rows keep their meaning.
        clock: Seconds that only grow.
    """

    def __init__(
        self, source: ProfileSource, cache: ProfileCache, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._count = source.metrics.count_profile
        self._cache = cache
        self._clock = clock
        self._lookout = Lookout(source)

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
        now = self._clock()
        sight = self._lookout.at(now)
        # As `_key_of` has it: a call of it would cost every answer as much as finding the entry.
        key = user_id if lambda_per_day is None else (user_id, lambda_per_day)
        entry = self._cache.get(key)
        if entry is not None and (entry.sight is sight or _is_fresh(entry, sight, now)):
            self._count(ProfileUse.FRESH)
            return entry.profile
        held = _held(entry, sight)
        try:
            stored = self._source.reader.read(user_id, held)
        except StoreUnavailableError as error:
            return self._kept_or_raise(entry, sight, now, error)
        if entry is not None and stored is held:
            entry.sight, entry.checked_s = sight, now
            self._count(ProfileUse.UNCHANGED)
            return entry.profile
        return self._parsed(key, stored, sight, now_s, now)

    def get_each(
        self, asked: Sequence[tuple[str, float | None]], now_s: int
    ) -> list[ServedProfile | DamagedRecordError | None]:
        """What `get` gives of each of some users; in place of a damaged record what `get` would raise.

        The clock is read once for all of them, and the store is asked once.

        Args:
            asked: The users, each with the decay in place of the model's, if there is one.
            now_s: Unix seconds UTC.

        Raises:
            StoreUnavailableError: As `get`, of any of them.
        """
        now = self._clock()
        sight = self._lookout.at(now)
        keys = [_key_of(*each) for each in asked]
        entries = [self._cache.get(key) for key in keys]
        old = [
            at
            for at, entry in enumerate(entries)
            if entry is None or not (entry.sight is sight or _is_fresh(entry, sight, now))
        ]
        self._count(ProfileUse.FRESH, len(keys) - len(old))
        found: list[ServedProfile | DamagedRecordError | None]
        found = [None if entry is None else entry.profile for entry in entries]
        if not old:
            return found
        held = {at: _held(entries[at], sight) for at in old}
        try:
            stored = self._source.reader.read_each([(asked[at][0], held[at]) for at in old])
        except StoreUnavailableError as error:
            for at in old:
                found[at] = self._kept_or_raise(entries[at], sight, now, error)
            return found
        n_unchanged = 0
        for at, of_user in zip(old, stored, strict=True):
            entry = entries[at]
            if entry is not None and of_user is held[at]:
                entry.sight, entry.checked_s = sight, now
                n_unchanged += 1
            elif isinstance(of_user, DamagedRecordError):
                found[at] = of_user
            else:
                found[at] = self._parsed(keys[at], of_user, sight, now_s, now)
        self._count(ProfileUse.UNCHANGED, n_unchanged)
        return found

    def kept(self, user_id: str, lambda_per_day: float | None = None) -> ServedProfile | None:
        """The user as the last answer had them, if that is kept; asks no store, and counts nothing."""
        entry = self._cache.get(_key_of(user_id, lambda_per_day))
        return None if entry is None or entry.sight.over is not self._lookout.over else entry.profile

    def served(self, profile: UserProfile, lambda_per_day: float | None = None) -> ServedProfile:
        """The small form of a profile, with another decay of importance where one is given."""
        model = self._source.batch.parameters.lambda_per_day
        if lambda_per_day is not None:
            profile = under_decay(profile, lambda_per_day, in_place_of=model)
        stood_for = StoodFor.of(*self._source.representatives(profile))
        return ServedProfile.of(profile, stood_for, model if lambda_per_day is None else lambda_per_day)

    def _parsed(
        self, key: Key, stored: StoredUser, sight: Sight, now_s: int, now: float
    ) -> ServedProfile | None:
        if stored.is_unknown:
            self._cache.remove(key)
            self._count(ProfileUse.UNKNOWN)
            return None
        self._count(ProfileUse.PARSED)
        lambda_per_day = None if isinstance(key, str) else key[1]
        profile = self.served(self._source.profile_of(stored, now_s), lambda_per_day)
        held = StoredUser(batch=None, online=None, seen=_NOTHING_SEEN, stamp=stored.stamp)
        self._cache.put(key, Entry(profile, held, sight, now))
        return profile

    def _kept_or_raise(
        self, entry: Entry | None, sight: Sight, now: float, error: StoreUnavailableError
    ) -> ServedProfile:
        """What is kept of a user while the store does not answer."""
        if entry is None or not _may_be_used_late(entry, sight, now):
            raise error
        self._count(ProfileUse.STALE)
        return self._late(entry, sight)

    def _late(self, entry: Entry, sight: Sight) -> ServedProfile:
        profile, is_of_these_pins = entry.profile, entry.sight.pins_version == sight.pins_version
        if not is_of_these_pins or profile.blocked is not sight.blocked:
            n_rows = self._source.pins.n_pins if is_of_these_pins else self._source.n_lasting_rows
            profile = allowed_now(profile, self._source, sight.blocked, n_rows=n_rows)
        return profile.flagged(pb.DEGRADATION_STALE_PROFILE)


def _key_of(user_id: str, lambda_per_day: float | None) -> Key:
    # Of the most by far there is no other object to be made, and later to be met in memory.
    return user_id if lambda_per_day is None else (user_id, lambda_per_day)


def _is_fresh(entry: Entry, sight: Sight, now: float) -> bool:
    return entry.sight.is_like(sight) and now - entry.checked_s < FRESH_S


def _held(entry: Entry | None, sight: Sight) -> StoredUser | None:
    """What need not be parsed again unless the store has changed it."""
    return entry.held if entry is not None and entry.sight.is_like(sight) else None


def _may_be_used_late(entry: Entry, sight: Sight, now: float) -> bool:
    # Added pins may be others since: see _late.
    is_of_this_artefact = entry.sight.artefact_version == sight.artefact_version
    # When its sight was last seen again, that said so of all users.
    return is_of_this_artefact and now - max(entry.checked_s, entry.sight.looked_s) < STALE_S
