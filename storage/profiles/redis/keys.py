"""What lies under which key; docs/profiles.md shows the same as a table.

A batch's users lie in hashes, many in each, so that a batch expires, is counted and is collected by its
65,536 hashes instead of by its users.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from storage.hashes import hash_id

N_BUCKETS = 65_536
"""Never changes: readers find users by it. 400 million users are 6,000 in each."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one prefix."""

    prefix: str

    @property
    def live(self) -> str:
        """Hash: the live version, its watermark, and the generation, which a rollback moves on."""
        return f"{self.prefix}:live"

    @property
    def versions(self) -> str:
        """Hash: a version's name -> its manifest as JSON."""
        return f"{self.prefix}:versions"

    @property
    def sequence(self) -> str:
        """The number of the last batch that was begun."""
        return f"{self.prefix}:sequence"

    @property
    def leases(self) -> str:
        """Sorted set: a version's name and one of its readers -> until when it holds on to it."""
        return f"{self.prefix}:leases"

    def bucket(self, number: int, bucket: int) -> str:
        """Hash: `p:` + user id -> profile; `s:` + user id -> seen pins."""
        return f"{self.prefix}:b:{number:06}:{bucket:04x}"

    def buckets(self, number: int) -> Iterator[str]:
        """All that a batch may have."""
        return (self.bucket(number, bucket) for bucket in range(N_BUCKETS))

    def popular(self, number: int) -> str:
        """A batch's popular pins."""
        return f"{self.prefix}:b:{number:06}:popular"

    @property
    def unlisted(self) -> str:
        """Sorted set: the number of a batch that stays, and is no version -> since when; 0: it is to go."""
        return f"{self.prefix}:unlisted"

    @property
    def forgotten(self) -> str:
        """Hash: a user who asked to be forgotten -> until when, Unix seconds."""
        return f"{self.prefix}:forgotten"

    @property
    def tombstones(self) -> str:
        """Sorted set: the same users -> the number of their tombstone."""
        return f"{self.prefix}:tombstones"

    def online(self, user_id: str) -> bytes:
        """A user's newest actions."""
        return f"{self.prefix}:o:".encode() + user_id.encode()

    def mark(self, name: str) -> bytes:
        """How far a writer of online records has come."""
        return f"{self.prefix}:m:{name}".encode()


def bucket_of(user_id: str) -> int:
    """Which of a batch's hashes holds a user."""
    return hash_id(user_id) % N_BUCKETS


def profile_field(user_id: str) -> bytes:
    """A user's batch profile, in their bucket."""
    return b"p:" + user_id.encode()


def seen_field(user_id: str) -> bytes:
    """A user's seen pins, in their bucket."""
    return b"s:" + user_id.encode()


def number_of(version: str) -> int:
    """The number in a version's name."""
    return int(version.partition("-")[0])
