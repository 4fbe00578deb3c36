"""A batch that many processes write into one Redis: each whole buckets, and one of them makes it live.

A batch takes writes as long as its mark is there; every write looks for it in the same step. The mark
goes before the batch is kept or dropped. So a task that runs twice writes the same again, and one that was
given up is too late.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from storage.errors import PublishError
from storage.profiles.encoding import EncodedUser
from storage.profiles.redis.address import RedisAddress
from storage.profiles.redis.keys import Keys, bucket_of
from storage.profiles.redis.link import Command, Link
from storage.profiles.redis.loading import (
    STAGING_S,
    Digest,
    fields_of,
    keep,
    unlink,
)
from storage.profiles.redis.versions import Live

TIMEOUT_S = 30.0
"""Nobody waits for a single answer here, and thousands of commands share one."""

_FIELDS_AT_A_TIME = 1_000
_BUCKETS_AT_A_TIME = 500

# One step: no write comes between the mark's end and what is done then.
_WRITE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """A batch under way, as processes elsewhere need it.

    Attributes:
        address: The store.
        number: The batch's, never given before.
        live: What was live when it was begun.
    """

    address: RedisAddress
    number: int
    live: Live

    @property
    def mark(self) -> str:
        """The key that is there as long as the batch takes writes."""
        return f"{self.address.prefix}:b:{self.number:06}:open"


@dataclass(slots=True)
class Written:
    """What was written of a batch.

    Attributes:
        n_keys: Keys.
        n_bytes: Of their values.
        digest: Of the records, in any order.
    """

    n_keys: int = 0
    n_bytes: int = 0
    digest: Digest = field(default_factory=Digest)

    def add(self, other: "Written") -> None:
        """Count what another process wrote."""
        self.n_keys += other.n_keys
        self.n_bytes += other.n_bytes
        self.digest.add(other.digest)


def begin(link: Link, number: int, live: Live) -> StagedBatch:
    """Let a batch be written, for a day after its last write."""
    staged = StagedBatch(link.address, number, live)
    link.ask(("SET", staged.mark, "", "EX", STAGING_S))
    return staged


def write(staged: StagedBatch, users: Iterable[EncodedUser]) -> Written:
    """Write all users of some buckets; called twice with the same, it writes the same.

    Args:
        staged: The batch.
        users: In any order, all that the batch has in their buckets.

    Raises:
        PublishError: The batch is over: it was made live, or given up.
        ProfileStoreError: The store cannot be written to.
    """
    written, fields = Written(), dict[int, list[bytes]]()
    for user in users:
        written.digest.note(user.user_id.encode(), user.profile, user.seen)
        written.n_bytes += len(user.profile or b"") + len(user.seen or b"")
        if found := fields_of(user):
            fields.setdefault(bucket_of(user.user_id), []).extend(found)
    written.n_keys = len(fields)
    link = Link(staged.address, timeout_s=TIMEOUT_S)
    try:
        _send(link, staged, fields)
    finally:
        link.close()
    return written


class Gathered:
    """All that was written of a batch, in the hands of the one process that publishes it.

    Args:
        link: The store.
        staged: The batch.
        written: What was written of it, by all.

    Attributes:
        number: The batch's.
    """

    def __init__(self, link: Link, staged: StagedBatch, written: Written) -> None:
        self._link, self._staged, self._written = link, staged, written
        self._keys = Keys(staged.address.prefix)
        self.number = staged.number

    @property
    def n_keys(self) -> int:
        """How many keys were written."""
        return self._written.n_keys

    @property
    def n_bytes(self) -> int:
        """Of the values written."""
        return self._written.n_bytes

    @property
    def sha256(self) -> str:
        """The digest of everything written."""
        return self._written.digest.hex()

    def add_popular(self, value: bytes) -> None:
        """Write the popular pins."""
        self._link.ask(("SET", self._keys.popular(self.number), value, "EX", STAGING_S))
        self._written.n_keys += 1
        self._written.n_bytes += len(value)
        self._written.digest.note(value)

    def keep(self) -> None:
        """Take no more writes, and let nothing of the batch expire any more.

        Raises:
            PublishError: Some of it is gone already.
        """
        (was_open,) = self._link.ask(("DEL", self._staged.mark))
        if not was_open:
            raise PublishError(
                f"the batch in {self._link.address} is over: nothing was written for {STAGING_S:,} s, or it "
                "was given up. Publish again."
            )
        keep(self._link, self._all_keys(), self.n_keys)

    def drop(self) -> None:
        """Take no more writes, and everything away that was written."""
        self._link.ask(("DEL", self._staged.mark))
        unlink(self._link, list(self._all_keys()))

    def _all_keys(self) -> Iterator[str]:
        yield from self._keys.buckets(self.number)
        yield self._keys.popular(self.number)


def _send(link: Link, staged: StagedBatch, fields: Mapping[int, list[bytes]]) -> None:
    commands = [command for bucket, found in fields.items() for command in _commands(staged, bucket, found)]
    for start in range(0, len(commands), _BUCKETS_AT_A_TIME):
        if not all(link.ask(*commands[start : start + _BUCKETS_AT_A_TIME])):
            raise PublishError(
                f"batch {staged.number} in {staged.address} takes no more: it was given up, or made live "
                "with this part as another task wrote it"
            )


def _commands(staged: StagedBatch, bucket: int, fields: list[bytes]) -> Iterator[Command]:
    key = Keys(staged.address.prefix).bucket(staged.number, bucket)
    for start in range(0, len(fields), _FIELDS_AT_A_TIME):
        some = fields[start : start + _FIELDS_AT_A_TIME]
        yield "EVAL", _WRITE, 2, staged.mark, key, STAGING_S, *some
