"""Tombstones beside the online records: by user, to honour them, and in order, to hear of new ones.

A user's id is UTF-8, in which no byte is FC or FD: those two begin the keys here, after those of all users.
"""

import struct
from collections.abc import Sequence

from storage.errors import DamagedRecordError
from storage.profiles.encoding import decode_online, decode_tombstone, encode_online, encode_tombstone
from storage.profiles.forgetting import since_forgotten
from storage.profiles.lmdb.environments import Environment
from storage.profiles.records import Tombstone

_IN_ORDER, _BY_USER = b"\xfc", b"\xfd"
_SEQUENCE = struct.Struct(">Q")


def key_of_user(user_id: str) -> bytes:
    """Where a user's tombstone is."""
    return _BY_USER + user_id.encode()


def is_key(key: bytes) -> bool:
    """Whether a tombstone lies there."""
    return key.startswith((_IN_ORDER, _BY_USER))


def until_s_of(value: bytes | None, user_id: str) -> int | None:
    """What a stored tombstone says.

    Raises:
        DamagedRecordError: It is damaged.
    """
    return None if value is None else decode_tombstone(value, user_id).until_s


def until_s_of_each(environment: Environment, user_ids: Sequence[str]) -> dict[str, int]:
    """Of those of the users who have a tombstone.

    Raises:
        DamagedRecordError: One of them is damaged.
    """
    values = environment.get_each(*map(key_of_user, user_ids))
    found = zip(user_ids, map(until_s_of, values, user_ids), strict=True)
    return {user_id: until_s for user_id, until_s in found if until_s is not None}


def read(environment: Environment, after: int) -> list[Tombstone]:
    """Those later than the one numbered `after`, in order.

    Raises:
        DamagedRecordError: One of them is damaged.
    """
    return [decode_tombstone(value) for _, value in environment.range(_place_of(after + 1), _BY_USER)]


def newest(environment: Environment) -> int:
    """The number of the last tombstone; 0 before the first."""
    key = environment.last_key(_IN_ORDER, _BY_USER)
    return 0 if key is None else int(_SEQUENCE.unpack_from(key, len(_IN_ORDER))[0])


def bury(environment: Environment, user_id: str, until_s: int) -> None:
    """Store the tombstone, or keep a later one; of the online record, leave what is later still."""
    key = key_of_user(user_id)
    found, online = environment.get_both(key, user_id.encode())
    before = _readable(found, user_id)
    changes: dict[bytes, bytes | None] = {}
    if before is None or before.until_s < until_s:
        number = newest(environment) + 1
        value = encode_tombstone(Tombstone(user_id=user_id, until_s=until_s, sequence=number))
        changes |= {key: value, _place_of(number): value}
        if before is not None:
            changes[_place_of(before.sequence)] = None
    if online is not None:
        changes[user_id.encode()] = _left_of(online, user_id, until_s)
    environment.put_all(changes)


def is_misplaced(key: bytes, value: bytes) -> bool:
    """Whether a value, whole as it is, lies under a tombstone's key that is not its own."""
    try:
        tombstone = decode_tombstone(value)
    except DamagedRecordError:
        return False
    return key not in {key_of_user(tombstone.user_id), _place_of(tombstone.sequence)}


def _readable(value: bytes | None, user_id: str) -> Tombstone | None:
    """The stored tombstone; a damaged one keeps nobody from being forgotten again."""
    try:
        return None if value is None else decode_tombstone(value, user_id)
    except DamagedRecordError:
        return None


def _place_of(number: int) -> bytes:
    return _IN_ORDER + _SEQUENCE.pack(number)


def _left_of(online: bytes, user_id: str, until_s: int) -> bytes | None:
    """What is later than the tombstone; of a record that nobody can read, nothing."""
    try:
        left = since_forgotten(decode_online(online, user_id), until_s)
    except DamagedRecordError:
        return None
    return None if left is None else encode_online(left)
