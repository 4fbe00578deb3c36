"""Profiles in memory: the fakes that ship, and the ports read at their plainest."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storage.errors import NoVersionError
from storage.profiles.encoding import (
    EncodedUser,
    decode_profile,
    decode_seen,
    decode_user,
    encode_online,
    encode_profile,
    encode_seen,
)
from storage.profiles.records import OnlineProfile, Profile, StoredUser
from storage.profiles.store import BatchDescription, BatchManifest, BatchVersion, PublishedBatch
from storage.retention import Collected, Kept, Pruned, reasons_to_keep

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

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        """Everything of one user; `held` itself when nothing has changed."""
        batch, online, seen = self.batch(user_id), self.online(user_id), self._seen.get(user_id)
        return decode_user(
            user_id,
            None if batch is None else encode_profile(batch),
            None if online is None else encode_online(online),
            None if seen is None else encode_seen(seen),
            held,
        )

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


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch as it was published."""

    users: tuple[EncodedUser, ...]
    popular: tuple[str, ...]
    manifest: BatchManifest


class InMemoryBatches:
    """A BatchPublisher; what it publishes is read through `open_reader`."""

    def __init__(self) -> None:
        self._batches: dict[str, _Batch] = {}
        self._live = ""

    def publish(
        self, users: Iterable[EncodedUser], popular: Sequence[str], manifest: Callable[[], BatchManifest]
    ) -> PublishedBatch:
        """Keep a batch and make it live."""
        users = tuple(users)
        user_ids = [user.user_id for user in users]
        if user_ids != sorted(set(user_ids)):
            raise ValueError("users must come in ascending order, each once")
        batch = _Batch(users, tuple(popular), manifest())
        already_live = batch == self._batches.get(self._live)
        if not already_live:
            self._live = f"{int(max(self._batches, default=0)) + 1:06d}"
            self._batches[self._live] = batch
        return PublishedBatch(version=self._live, place="memory", already_live=already_live)

    def versions(self) -> list[BatchVersion]:
        """Every batch, oldest first.

        Raises:
            NoVersionError: None was published.
        """
        self._require(self._live)
        return [
            BatchVersion(
                name=name,
                is_current=name == self._live,
                description=replace(batch.manifest.description, version=name),
                n_bytes=sum(len(user.profile or b"") + len(user.seen or b"") for user in batch.users),
                problem="",
            )
            for name, batch in self._batches.items()
        ]

    def make_current(self, version: str) -> None:
        """Make a batch live that is there already.

        Raises:
            NoVersionError: It is not there.
        """
        self._require(version)
        self._live = version

    def roll_back(self) -> str:
        """Make the batch before the live one live.

        Raises:
            NoVersionError: There is none before it.
        """
        older = self._older()
        if not older:
            raise NoVersionError(f"no batch is older than the live one, {self._live!r}")
        self._live = older[-1]
        return self._live

    def prune(self, keep: int) -> Pruned:
        """Forget old batches; none is in use, because readers have their own copies.

        Raises:
            NoVersionError: None is live.
        """
        self._require(self._live)
        target = next(reversed(self._older()), None)
        reasons = reasons_to_keep(self.versions(), keep, target)
        collected = [
            Collected(each.name, each.n_bytes) for each in self.versions() if each.name not in reasons
        ]
        for each in collected:
            del self._batches[each.name]
        return Pruned(tuple(collected), tuple(Kept(name, reasons[name]) for name in self._batches))

    def _older(self) -> list[str]:
        return [name for name in self._batches if name < self._live]

    def open_reader(self) -> InMemoryProfiles:
        """Read the live batch, without online records.

        Raises:
            NoVersionError: None was published.
        """
        batch = self._require(self._live)
        return InMemoryProfiles(
            replace(batch.manifest.description, version=self._live),
            profiles=[decode_profile(user.profile, user.user_id) for user in batch.users if user.profile],
            seen={user.user_id: decode_seen(user.seen, user.user_id) for user in batch.users if user.seen},
            popular=batch.popular,
        )

    def _require(self, version: str) -> _Batch:
        if version not in self._batches:
            there = ", ".join(self._batches) or "none"
            raise NoVersionError(f"memory holds no version {version!r}. Versions there: {there}.")
        return self._batches[version]
