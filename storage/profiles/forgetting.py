"""A user's stored values as one record, without what their tombstone reaches."""

import struct
from dataclasses import replace

import numpy as np

from model.interests import no_interests
from storage.errors import DamagedRecordError
from storage.profiles.checksums import CHECKSUM_BYTES
from storage.profiles.encoding import decode_online, decode_profile, decode_seen
from storage.profiles.records import OnlineProfile, Profile, StoredUser

_TIME = struct.Struct("<q")
_OF_NO_MODEL = ""

# In the stamp of a user in whose place nothing is.
_NO_VALUE = b"-" * (1 + CHECKSUM_BYTES)
_NOT_FORGOTTEN = b"-" * (1 + _TIME.size)
_NOTHING_BESIDE_BATCH = _NOT_FORGOTTEN + _NO_VALUE


def decode_user(  # noqa: PLR0917 - what is stored of one user
    user_id: str,
    batch: bytes | None,
    online: bytes | None,
    seen: bytes | None,
    until_s: int | None = None,
    held: StoredUser | None = None,
) -> StoredUser:
    """A user's values as one record; `held` itself when it was made of the same ones.

    Newest actions that are damaged are left out, and said to be: what the batch knows is good all the same.

    Args:
        user_id: Whose they are.
        batch: The batch profile.
        online: The newest actions.
        seen: The seen pins.
        until_s: Of the tombstone.
        held: What came of these before.

    Raises:
        DamagedRecordError: Another value is damaged, or is another user's.
    """
    stamp = _stamp_of(batch) + _stamp_of(seen) + stamp_beside_batch(online, until_s)
    if held is not None and held.stamp == stamp:
        return held
    decoded = StoredUser(
        batch=None if batch is None else unless_forgotten(decode_profile(batch, user_id), until_s),
        online=None,
        seen=np.empty(0, np.uint64) if seen is None else decode_seen(seen, user_id, until_s),
        stamp=stamp,
        forgotten_until_s=until_s,
    )
    if online is None:
        return decoded
    try:
        return replace(decoded, online=since_forgotten(decode_online(online, user_id), until_s))
    except DamagedRecordError:
        return replace(decoded, is_online_damaged=True)


def stamp_beside_batch(online: bytes | None, until_s: int | None) -> bytes:
    """The end of a user's stamp: that of all that changes while a batch is sealed."""
    if online is None and until_s is None:
        return _NOTHING_BESIDE_BATCH
    forgotten = _NOT_FORGOTTEN if until_s is None else b"+" + _TIME.pack(until_s)
    return forgotten + _stamp_of(online)


def unless_forgotten(profile: Profile, until_s: int | None) -> Profile | None:
    """The batch profile, if it was made with the tombstone in mind.

    Its watermark says nothing about that: a tombstone may come late, and an old batch may be live again.
    """
    return None if until_s is not None and profile.forgotten_until_s < until_s else profile


def since_forgotten(online: OnlineProfile, until_s: int | None) -> OnlineProfile | None:
    """The newest actions later than the tombstone; None when there are none."""
    if until_s is None:
        return online
    later = np.flatnonzero(online.times_s > until_s)
    if len(later) == len(online.times_s):
        return online
    if not len(later):
        return None
    return replace(
        online,
        pin_ids=tuple(online.pin_ids[at] for at in later),
        times_s=online.times_s[later],
        weights=online.weights[later],
        event_hashes=online.event_hashes[later],
        # Nobody takes these for the interests of the actions that are left.
        interests=no_interests(online.interests.computed_at_s),
        parameters_version=_OF_NO_MODEL,
    )


def _stamp_of(value: bytes | None) -> bytes:
    """A stored value's part of a user's stamp, 5 bytes: its checksum as it stands there."""
    return _NO_VALUE if value is None else (b"+" + value[:CHECKSUM_BYTES]).ljust(1 + CHECKSUM_BYTES)
