"""A batch's records into a Redis, thousands of commands in flight at a time."""

import hashlib
import struct
from collections.abc import Iterable

from storage.errors import PublishError
from storage.profiles.encoding import EncodedUser
from storage.profiles.redis.keys import Keys, bucket_of, profile_field, seen_field
from storage.profiles.redis.link import Command, Link

STAGING_S = 86_400
"""What a killed publisher leaves is gone after a day."""

_COMMANDS_AT_A_TIME = 1_000
_BYTES_AT_A_TIME = 1 << 22
_KEYS_AT_A_TIME = 1_000
_LENGTHS = struct.Struct("<iii")
_MODULUS = 1 << 256

# One step: no key is there that does not expire, not even of what is written late or in part.
_WRITE = """
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return redis.call('EXPIRE', KEYS[1], ARGV[1])
"""


class Digest:
    """Of records in any order, by any number of writers: the SHA-256 of each, added up.

    Attributes:
        value: The sum, modulo 2^256.
    """

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def note(self, *values: bytes | None) -> None:
        """Add one record, of at most three values."""
        lengths = [-1 if value is None else len(value) for value in values]
        record = hashlib.sha256(_LENGTHS.pack(*(*lengths, -1, -1)[: _LENGTHS.size // 4]))
        for value in values:
            record.update(value or b"")
        self.value = (self.value + int.from_bytes(record.digest())) % _MODULUS

    def add(self, other: "Digest") -> None:
        """Add another's records."""
        self.value = (self.value + other.value) % _MODULUS

    def hex(self) -> str:
        """As text."""
        return f"{self.value:064x}"


class Loader:
    """Writes one batch under a number of its own; until `keep` all of it is going to expire.

    Args:
        link: The store.
        keys: Its keys.
        number: The batch's, never given before.

    Attributes:
        number: The batch's.
        n_bytes: Of the values written.
    """

    def __init__(self, link: Link, keys: Keys, number: int) -> None:
        self._link, self._keys, self.number = link, keys, number
        self._written: set[str] = set()
        self._waiting: list[Command] = []
        self._bytes_waiting = 0
        self._digest = Digest()
        self._newest: str | None = None
        self.n_bytes = 0

    @property
    def n_keys(self) -> int:
        """How many keys were written."""
        return len(self._written)

    @property
    def sha256(self) -> str:
        """The digest of everything added."""
        return self._digest.hex()

    def add(self, user: EncodedUser) -> None:
        """Write a user, now or soon.

        Raises:
            ValueError: Not in ascending order of user id, each once.
        """
        if self._newest is not None and user.user_id <= self._newest:
            raise ValueError(f"users must come in ascending order, each once: not so {user.user_id!r}")
        self._newest = user.user_id
        if fields := fields_of(user):
            key = self._keys.bucket(self.number, bucket_of(user.user_id))
            self._send(key, ("EVAL", _WRITE, 1, key, STAGING_S, *fields), user.profile, user.seen)
        self._digest.note(user.user_id.encode(), user.profile, user.seen)

    def add_popular(self, value: bytes) -> None:
        """Write the popular pins, now or soon."""
        key = self._keys.popular(self.number)
        self._send(key, ("SET", key, value, "EX", STAGING_S), value)
        self._digest.note(value)

    def keep(self) -> None:
        """Let nothing of it expire any more.

        Raises:
            PublishError: Some of it is gone already.
        """
        self._flush()
        keep(self._link, self._written, self.n_keys)

    def drop(self) -> None:
        """Take everything away that was written."""
        self._waiting.clear()
        unlink(self._link, list(self._written))

    def _send(self, key: str, command: Command, *values: bytes | None) -> None:
        self._waiting.append(command)
        self._written.add(key)
        n_bytes = sum(len(value) for value in values if value is not None)
        self.n_bytes += n_bytes
        self._bytes_waiting += n_bytes
        if len(self._waiting) >= _COMMANDS_AT_A_TIME or self._bytes_waiting >= _BYTES_AT_A_TIME:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._link.ask(*self._waiting)
        self._waiting.clear()
        self._bytes_waiting = 0


def fields_of(user: EncodedUser) -> list[bytes]:
    """What lies in the user's bucket of them: fields and values in turns."""
    fields: list[bytes] = []
    if user.profile is not None:
        fields += profile_field(user.user_id), user.profile
    if user.seen is not None:
        fields += seen_field(user.user_id), user.seen
    return fields


def keep(link: Link, keys: Iterable[str], n_written: int) -> None:
    """Let no key expire any more; so many of them were written.

    Raises:
        PublishError: Some are gone already.
    """
    kept = _sum(link, [("PERSIST", key) for key in keys])
    if kept < n_written:
        raise PublishError(
            f"{link.address} lost {n_written - kept:,} of the {n_written:,} keys written: they expired or "
            "were evicted. Set its maxmemory-policy to noeviction, or give it more memory."
        )


def unlink(link: Link, keys: list[str]) -> None:
    """Take keys away; those that are not there do not matter."""
    for start in range(0, len(keys), _KEYS_AT_A_TIME):
        link.ask(("UNLINK", *keys[start : start + _KEYS_AT_A_TIME]))


def n_existing(link: Link, keys: list[str]) -> int:
    """How many of the keys are there."""
    chunks = [keys[start : start + _KEYS_AT_A_TIME] for start in range(0, len(keys), _KEYS_AT_A_TIME)]
    return _sum(link, [("EXISTS", *chunk) for chunk in chunks])


def _sum(link: Link, commands: list[Command]) -> int:
    """The sum of what the commands answer, numbers all of them."""
    total = 0
    for start in range(0, len(commands), _COMMANDS_AT_A_TIME):
        replies = link.ask(*commands[start : start + _COMMANDS_AT_A_TIME])
        total += sum(reply for reply in replies if isinstance(reply, int))
    return total
