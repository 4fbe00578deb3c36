"""Profiles in memory: the fake that ships, and the ports read at their plainest."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from storage.profiles.records import OnlineProfile, Profile
from storage.profiles.store import BatchDescription

_NOTHING_SEEN: Mapping[str, NDArray[np.uint64]] = {}


class InMemoryProfiles:
    """A ProfileReader and an OnlineWriter over the same dictionaries: what is put is read at once.

    Args:
        description: What `describe` answers; `n_users` need not match.
        profiles: The batch profiles, at most one a user.
        seen: Of each user, xxh3-64 of their pins in any order (storage.hashes.hash_ids).
        popular: The window's most acted-on pins, most acted-on first.
        online: Online records, at most one a user.
    """

    def __init__(
        self,
        description: BatchDescription,
        *,
        profiles: Iterable[Profile] = (),
        seen: Mapping[str, NDArray[np.uint64]] = _NOTHING_SEEN,
        popular: Iterable[str] = (),
        online: Iterable[OnlineProfile] = (),
    ) -> None:
        self._description = description
        self._profiles = {profile.user_id: profile for profile in profiles}
        self._seen = {user_id: np.unique(hashes.astype(np.uint64)) for user_id, hashes in seen.items()}
        self._popular = tuple(popular)
        self._online = {profile.user_id: profile for profile in online}

    def describe(self) -> BatchDescription:
        """The description given."""
        return self._description

    def batch(self, user_id: str) -> Profile | None:
        """The user's batch profile, or None for an unknown user."""
        return self._profiles.get(user_id)

    def seen(self, user_id: str) -> NDArray[np.uint64]:
        """uint64 [n], sorted; empty for an unknown user."""
        return self._seen.get(user_id, np.empty(0, np.uint64))

    def online(self, user_id: str) -> OnlineProfile | None:
        """The user's newest actions, or None."""
        return self._online.get(user_id)

    def popular(self) -> tuple[str, ...]:
        """The popular pins given."""
        return self._popular

    def put(self, profile: OnlineProfile) -> None:
        """Store the record in place of an earlier one."""
        self._online[profile.user_id] = profile

    def get(self, user_id: str) -> OnlineProfile | None:
        """The stored record, or None."""
        return self._online.get(user_id)

    def close(self) -> None:
        """Nothing is held."""
