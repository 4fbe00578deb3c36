"""Profiles in memory: the fakes that ship, and the ports read at their plainest."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedRecordError, NoVersionError, OvertakenError
from storage.profiles.encoding import EncodedUser, encode_online, encode_profile, encode_seen
from storage.profiles.forgetting import decode_user, since_forgotten
from storage.profiles.newest import Newest, actions_of
from storage.profiles.records import OnlineProfile, Profile, StoredUser, Tombstone
from storage.profiles.store import BatchDescription, BatchManifest, BatchVersion, Mark, PublishedBatch
from storage.profiles.succession import UNASKED, Permit, require_follows
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
        encoded: More users of the batch, as it stores them.
    """

    def __init__(
        self,
        description: BatchDescription,
        *,
        profiles: Iterable[Profile] = (),
        seen: Mapping[str, NDArray[np.uint64]] = _NOTHING_SEEN,
        popular: Iterable[str] = (),
        online: Iterable[OnlineProfile] = (),
        encoded: Iterable[EncodedUser] = (),
    ) -> None:
        self._description = description
        self._profiles = {profile.user_id: encode_profile(profile) for profile in profiles}
        self._seen = {user_id: encode_seen(hashes) for user_id, hashes in seen.items()}
        for user in encoded:
            if user.profile is not None:
                self._profiles[user.user_id] = user.profile
            if user.seen is not None:
                self._seen[user.user_id] = user.seen
        self._popular = tuple(popular)
        self._online = {profile.user_id: profile for profile in online}
        self._marks: dict[str, str] = {}
        self._tombstones: dict[str, Tombstone] = {}
        self._n_writes = 0

    def describe(self) -> BatchDescription:
        """The description given."""
        return self._description

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        """Everything of one user; `held` itself when nothing has changed."""
        online, tombstone = self._online.get(user_id), self._tombstones.get(user_id)
        return decode_user(
            user_id,
            self._profiles.get(user_id),
            None if online is None else encode_online(online),
            self._seen.get(user_id),
            None if tombstone is None else tombstone.until_s,
            held,
        )

    def read_each(
        self, asked: Sequence[tuple[str, StoredUser | None]]
    ) -> list[StoredUser | DamagedRecordError]:
        """What `read` gives of each, or the damage."""
        return [self._read_or_damage(*each) for each in asked]

    def _read_or_damage(self, user_id: str, held: StoredUser | None) -> StoredUser | DamagedRecordError:
        try:
            return self.read(user_id, held)
        except DamagedRecordError as error:
            return error

    def revision(self) -> Hashable | None:
        """How often something was written."""
        return self._n_writes

    def batch(self, user_id: str) -> Profile | None:
        """The user's batch profile, or None for an unknown user."""
        return self.read(user_id).batch

    def seen(self, user_id: str) -> NDArray[np.uint64]:
        """uint64 [n], sorted; empty for an unknown user."""
        return self.read(user_id).seen

    def online(self, user_id: str) -> OnlineProfile | None:
        """The user's newest actions, or None."""
        return self.read(user_id).online

    def tombstones(self, after: int = 0) -> list[Tombstone]:
        """Who was forgotten, in order; those later than the one numbered `after`."""
        later = (each for each in self._tombstones.values() if each.sequence > after)
        return sorted(later, key=lambda each: each.sequence)

    def newest_tombstone(self) -> int:
        """The number of the last one; 0 before the first."""
        return max((each.sequence for each in self._tombstones.values()), default=0)

    def popular(self) -> tuple[str, ...]:
        """The popular pins given."""
        return self._popular

    def put(self, profile: OnlineProfile) -> None:
        """Store the record in place of an earlier one."""
        self._online[profile.user_id] = profile
        self._n_writes += 1

    def get(self, user_id: str) -> OnlineProfile | None:
        """The stored record, or None."""
        return self._online.get(user_id)

    def forget(self, user_id: str, until_s: int) -> None:
        """Bury what the user did up to then."""
        before, online = self._tombstones.get(user_id), self._online.pop(user_id, None)
        if before is None or before.until_s < until_s:
            number = self.newest_tombstone() + 1
            self._tombstones[user_id] = Tombstone(user_id=user_id, until_s=until_s, sequence=number)
        if online is not None and (left := since_forgotten(online, until_s)) is not None:
            self._online[user_id] = left
        self._n_writes += 1

    def forgotten(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Until when each of these users is forgotten; without those who are not."""
        there = self._tombstones.keys() & set(user_ids)
        return {user_id: self._tombstones[user_id].until_s for user_id in there}

    def newest(self, user_ids: Sequence[str]) -> Newest:
        """The newest actions of some users."""
        there = {user_id: self._online[user_id] for user_id in user_ids if user_id in self._online}
        return Newest({user_id: actions_of(profile) for user_id, profile in there.items()}, ())

    def mark(self, name: str) -> str | None:
        """What is held under a mark's name, or None."""
        return self._marks.get(name)

    def commit(self, profiles: Sequence[OnlineProfile], marks: Mapping[str, Mark]) -> None:
        """Store records and move marks on."""
        if any(self._marks.get(name) != mark.before for name, mark in marks.items()):
            raise OvertakenError(
                "memory has other marks than this writer left: another has gone on from there"
            )
        self._online |= {profile.user_id: profile for profile in profiles}
        self._marks |= {name: mark.after for name, mark in marks.items()}
        self._n_writes += 1

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch as it was published."""

    users: tuple[EncodedUser, ...]
    popular: tuple[str, ...]
    manifest: BatchManifest


class InMemoryBatches:
    """A BatchPublisher; what it publishes is read through `open_reader`.

    Args:
        permit: What its batches may do to the live one; it may be set anew.
    """

    def __init__(self, permit: Permit = UNASKED) -> None:
        self._batches: dict[str, _Batch] = {}
        self._live = ""
        self.permit = permit

    def publish(
        self, users: Iterable[EncodedUser], popular: Sequence[str], manifest: Callable[[], BatchManifest]
    ) -> PublishedBatch:
        """Keep a batch and make it live."""
        users = tuple(users)
        user_ids = [user.user_id for user in users]
        if user_ids != sorted(set(user_ids)):
            raise ValueError("users must come in ascending order, each once")
        batch = _Batch(users, tuple(popular), manifest())
        live = self._batches[self._live].manifest.description if self._live else None
        require_follows(batch.manifest.description, live, self.permit, "memory")
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
            encoded=batch.users,
            popular=batch.popular,
        )

    def _require(self, version: str) -> _Batch:
        if version not in self._batches:
            there = ", ".join(self._batches) or "none"
            raise NoVersionError(f"memory holds no version {version!r}. Versions there: {there}.")
        return self._batches[version]
