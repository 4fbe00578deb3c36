"""The ports of the profile store: to read users, to publish batches, to write online records."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.parameters import Parameters
from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedRecordError
from storage.profiles.encoding import EncodedUser
from storage.profiles.newest import Newest
from storage.profiles.records import OnlineProfile, Profile, StoredUser, Tombstone
from storage.retention import Pruned


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDescription:
    """What the live batch profiles are.

    Attributes:
        version: The published version's name.
        embedding_space: The space of every profile here.
        parameters: The model's parameters the profiles were computed with.
        parameters_version: `version` of the model file.
        computed_at_s: The cut, Unix seconds UTC.
        actions_until_s: The watermark W, Unix seconds UTC.
        n_users: Users with a profile.
    """

    version: str
    embedding_space: EmbeddingSpace
    parameters: Parameters
    parameters_version: str
    computed_at_s: int
    actions_until_s: int
    n_users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchManifest:
    """What a batch says of itself once all its users are known.

    Attributes:
        description: What readers need; its version is the store's to give.
        details: What only people look at, by names of its own: JSON values, in a fixed order.
    """

    description: BatchDescription
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedBatch:
    """What came of publishing a batch.

    Attributes:
        version: The live version's name.
        place: Where it is, for people.
        already_live: The same batch was live before, so nothing was written.
    """

    version: str
    place: str
    already_live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchVersion:
    """One published batch as a list shows it.

    Attributes:
        name: The version's name.
        is_current: It is the live one.
        description: What it is; None when that cannot be read.
        n_bytes: Its size; 0 when that cannot be read.
        problem: Why it cannot be read; empty when it can.
    """

    name: str
    is_current: bool
    description: BatchDescription | None
    n_bytes: int
    problem: str


class BatchPublisher(Protocol):
    """Publishes whole batches: readers that open later see the live one.

    Every method may raise PublishError or ProfileStoreError; what is live then still is.
    """

    def publish(
        self, users: Iterable[EncodedUser], popular: Sequence[str], manifest: Callable[[], BatchManifest]
    ) -> PublishedBatch:
        """Write a batch and make it live, whole or not at all.

        Args:
            users: In ascending order of user id, each once.
            popular: The window's most acted-on pins, most acted-on first.
            manifest: Asked for when all users are written. What it or `users` raises stops the batch.

        Raises:
            ValueError: The users come in another order.
            PublishError, EmbeddingSpaceMismatchError: It may not follow the live one; see `succession`.
        """
        ...

    def versions(self) -> list[BatchVersion]:
        """Every batch that is still there, oldest first.

        Raises:
            NoVersionError: None is.
        """
        ...

    def make_current(self, version: str) -> None:
        """Make a batch live that is there already: a rollback, or a step forward again.

        Raises:
            NoVersionError: It is not there.
            DamagedArtefactError: It cannot be used.
        """
        ...

    def roll_back(self) -> str:
        """Make the batch before the live one live; returns its version.

        Raises:
            NoVersionError: There is none before it.
        """
        ...

    def prune(self, keep: int) -> Pruned:
        """Collect old batches, but never the live one, the one to roll back to, or one in use.

        Args:
            keep: The newest so many are kept, too; 1 at least.

        Raises:
            NoVersionError: None is live.
        """
        ...


class Tombstones(Protocol):
    """Who asked to be forgotten. Every method may raise StoreUnavailableError or DamagedRecordError."""

    def tombstones(self, after: int = 0) -> list[Tombstone]:
        """One a user, in the order in which the store heard of them. Who is forgotten again moves to the end.

        Args:
            after: Only those later than the one of this number.
        """
        ...

    def forgotten(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        """Until when each of these users is forgotten, Unix seconds UTC; without those who are not."""
        ...

    def close(self) -> None:
        """Free what is held; it cannot be used afterwards."""
        ...


class ProfileReader(Protocol):
    """Reads users, without what is forgotten. Safe for any number of threads.

    Every method may raise StoreUnavailableError or DamagedRecordError.
    """

    def describe(self) -> BatchDescription:
        """The live batch profiles."""
        ...

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        """Batch profile, newest actions and seen pins in one round trip; none of an unknown user.

        Args:
            user_id: Opaque.
            held: What an earlier `read` of this user gave here. It is given back itself, and nothing is
                parsed again, when what is stored has not changed; its stamp is all that is looked at.
        """
        ...

    def read_each(
        self, asked: Sequence[tuple[str, StoredUser | None]]
    ) -> list[StoredUser | DamagedRecordError]:
        """What `read` gives of each of some users, all in one round trip.

        Args:
            asked: Users, and what is held of each.

        Returns:
            In the order asked; in place of one whose record is damaged what `read` would raise.
        """
        ...

    def revision(self) -> Hashable | None:
        """What is another as soon as a `read` of anybody may give something else; None: nobody can say.

        It looks at no user: where it is as before, what was read since it was asked for is as it is stored.
        """
        ...

    def batch(self, user_id: str) -> Profile | None:
        """The user's batch profile, or None for an unknown user."""
        ...

    def seen(self, user_id: str) -> NDArray[np.uint64]:
        """uint64 [n], sorted: xxh3-64 of the user's pins of the window; empty for an unknown user."""
        ...

    def online(self, user_id: str) -> OnlineProfile | None:
        """The user's newest actions, or None."""
        ...

    def popular(self) -> tuple[str, ...]:
        """The window's most acted-on pins, most acted-on first; empty when the batch wrote none."""
        ...

    def tombstones(self, after: int = 0) -> list[Tombstone]:
        """As those of Tombstones."""
        ...

    def newest_tombstone(self) -> int:
        """The number of the last one; 0 before the first."""
        ...

    def close(self) -> None:
        """Free what the reader holds; it cannot be used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a writer has come in what it reads, moved on together with the records that came of it.

    Attributes:
        before: What the store must hold; None: nothing yet.
        after: What it holds from then on.
    """

    before: str | None
    after: str


class OnlineWriter(Protocol):
    """Writes online records. Every method may raise the ProfileStoreErrors."""

    def put(self, profile: OnlineProfile) -> None:
        """Store the record; when this returns it survives a crash of the process."""
        ...

    def get(self, user_id: str) -> OnlineProfile | None:
        """The stored record, or None."""
        ...

    def forget(self, user_id: str, until_s: int) -> None:
        """Store the user's tombstone; when this returns it survives a crash of the process.

        Nothing that they did up to then is read any more, in whatever batch it stands: a batch's records say
        which tombstone they were made with. What can be removed is. A tombstone earlier than the stored one
        changes nothing.

        Args:
            user_id: Opaque.
            until_s: Unix seconds UTC.
        """
        ...

    def forgotten(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        """Until when each of these users is forgotten, Unix seconds UTC; without those who are not."""
        ...

    def newest(self, user_ids: Sequence[str]) -> Newest:
        """The newest actions of some users; of those without a record nothing."""
        ...

    def mark(self, name: str) -> str | None:
        """What the store holds under a mark's name, or None."""
        ...

    def commit(self, profiles: Sequence[OnlineProfile], marks: Mapping[str, Mark]) -> None:
        """Store records and move marks on: all of it or nothing, and it survives a crash once this returns.

        Args:
            profiles: At most one a user.
            marks: By name, 1 to 400 bytes of UTF-8.

        Raises:
            OvertakenError: A mark is no longer what it was: somebody else has gone on from there.
        """
        ...

    def close(self) -> None:
        """Free what the writer holds."""
        ...
