"""Profile records to bytes and back: a checksum (storage.profiles.checksums), then the serialised protobuf.

LMDB and disks flip bits silently, so every value carries its own checksum. Equal records give equal bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray

from model.errors import InvalidInputError
from model.interests import Interests, Representatives
from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedRecordError
from storage.profiles.checksums import CHECKSUM_BYTES, checksummed, content_of
from storage.profiles.newest import NewestAction
from storage.profiles.records import OnlineProfile, Profile, Tombstone
from storage.v1 import profile_pb2

MessageT = TypeVar("MessageT", bound=Message)
RecordT = TypeVar("RecordT")

_HASH = np.dtype("<u8")
# Longer lengths take two bytes in a protobuf.
_ONE_BYTE_LENGTH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedUser:
    """What a batch stores of one user, in whatever store.

    Attributes:
        user_id: Opaque, at most 128 bytes of UTF-8.
        profile: None for a user who acted, but in no way that makes an interest.
        seen: The pins never to be recommended to them; None for a user without any.
    """

    user_id: str
    profile: bytes | None
    seen: bytes | None


def encode_profile(profile: Profile) -> bytes:
    """The value stored for a batch profile."""
    return _sealed(_profile_message(profile))


def decode_profile(value: bytes, user_id: str) -> Profile:
    """The batch profile in `value`.

    Raises:
        DamagedRecordError: The value is damaged, or is another user's.
    """
    return _opened(value, profile_pb2.Profile, _profile, f"batch profile of user {user_id!r}", user_id)


def encode_seen(hashes: NDArray[np.uint64], forgotten_until_s: int = 0) -> bytes:
    """The value stored for a user's seen pins: sorted distinct hashes.

    Args:
        hashes: uint64 [n], xxh3-64 of pin ids, in any order.
        forgotten_until_s: As in Profile.
    """
    content = np.unique(hashes).astype(_HASH).tobytes()
    return _sealed(profile_pb2.Seen(pin_id_hashes=content, forgotten_until_s=forgotten_until_s))


def decode_seen(value: bytes, user_id: str, until_s: int | None = None) -> NDArray[np.uint64]:
    """The hashes in `value`, uint64 [n], sorted.

    Args:
        value: As stored.
        user_id: Whose it is.
        until_s: Their tombstone's: what does not know of it holds no hash.

    Raises:
        DamagedRecordError: The value is damaged.
    """
    read = partial(_seen_hashes, until_s=until_s)
    return _opened(value, profile_pb2.Seen, read, f"seen pins of user {user_id!r}")


def encode_popular(pin_ids: Sequence[str]) -> bytes:
    """The value stored for the window's most acted-on pins, in the order given."""
    return _sealed(profile_pb2.Popular(pin_ids=pin_ids))


def decode_popular(value: bytes) -> tuple[str, ...]:
    """The pins in `value`, most acted-on first.

    Raises:
        DamagedRecordError: The value is damaged.
    """
    return _opened(value, profile_pb2.Popular, lambda message: tuple(message.pin_ids), "popular pins")


def encode_online(profile: OnlineProfile) -> bytes:
    """The value stored for a user's newest actions."""
    return _sealed(
        profile_pb2.OnlineProfile(
            user_id=profile.user_id,
            embedding_space=_space_message(profile.embedding_space),
            parameters_version=profile.parameters_version,
            pin_ids=profile.pin_ids,
            times_s=profile.times_s.tolist(),
            weights=profile.weights.tolist(),
            actions_after_s=profile.actions_after_s,
            interests=_interests_message(profile.interests),
            event_hashes=profile.event_hashes.tolist(),
        )
    )


def decode_online(value: bytes, user_id: str) -> OnlineProfile:
    """The online record in `value`.

    Raises:
        DamagedRecordError: The value is damaged, or is another user's.
    """
    what = f"online record of user {user_id!r}"
    return _opened(value, profile_pb2.OnlineProfile, _online_profile, what, user_id)


def decode_newest(value: bytes, user_id: str) -> list[NewestAction]:
    """The newest actions alone of the online record in `value`: a fraction of the work.

    Raises:
        DamagedRecordError: The value is damaged, or is another user's.
    """
    what = f"online record of user {user_id!r}"
    return _opened(value, profile_pb2.OnlineProfile, _newest_actions, what, user_id)


def encode_tombstone(tombstone: Tombstone) -> bytes:
    """The value stored for a tombstone."""
    return _sealed(
        profile_pb2.Tombstone(
            user_id=tombstone.user_id, until_s=tombstone.until_s, sequence=tombstone.sequence
        )
    )


def decode_tombstone(value: bytes, user_id: str | None = None) -> Tombstone:
    """The tombstone in `value`.

    Args:
        value: As stored.
        user_id: Whose it is; None: whoever's.

    Raises:
        DamagedRecordError: The value is damaged, or is another user's.
    """
    what = "a tombstone" if user_id is None else f"tombstone of user {user_id!r}"
    return _opened(value, profile_pb2.Tombstone, _tombstone, what, user_id)


def is_online_record_of_another(user_id: bytes, value: bytes) -> bool:
    """Whether `value` is a whole online record, and says that it is not this user's.

    One that is not whole says nothing; whoever reads it hears that it is damaged.
    """
    # Their own id comes first in nearly all: field 1, its length in one byte, itself.
    n = len(user_id)
    if n < _ONE_BYTE_LENGTH and value.startswith(b"\n%c%b" % (n, user_id), CHECKSUM_BYTES):
        return False
    record = content_of(value)
    if record is None:
        return False
    try:
        return profile_pb2.OnlineProfile.FromString(record).user_id.encode() != user_id
    except DecodeError:
        return False


def _sealed(message: Message) -> bytes:
    return checksummed(message.SerializeToString(deterministic=True))


def _opened(
    value: bytes,
    message_type: type[MessageT],
    read: Callable[[MessageT], RecordT],
    what: str,
    user_id: str | None = None,
) -> RecordT:
    """Check the checksum, parse, check the owner, and turn the message into a record."""
    record = content_of(value)
    if record is None:
        raise DamagedRecordError(f"damaged record, {what}: its checksum does not match")
    try:
        message = message_type.FromString(record)
        owner = getattr(message, "user_id", None)
        if user_id is not None and owner != user_id:
            raise DamagedRecordError(f"damaged record, {what}: it is user {owner!r}'s")
        return read(message)
    except (DecodeError, InvalidInputError, ValueError) as error:
        raise DamagedRecordError(f"damaged record, {what}: {error}") from error


def _space_message(space: EmbeddingSpace) -> profile_pb2.EmbeddingSpace:
    return profile_pb2.EmbeddingSpace(name=space.name, dimension=space.dimension)


def _space(message: profile_pb2.EmbeddingSpace) -> EmbeddingSpace:
    return EmbeddingSpace(message.name, message.dimension)


def _interests_message(interests: Interests) -> profile_pb2.Profile:
    return profile_pb2.Profile(
        medoid_pin_ids=interests.medoid_pin_ids,
        importances=interests.importances.tolist(),
        sizes=interests.sizes.tolist(),
        last_action_times_s=interests.last_action_times_s.tolist(),
        computed_at_s=interests.computed_at_s,
        representative_pin_ids=interests.representatives.pin_ids,
        representative_weights=interests.representatives.weights.tolist(),
        representative_interests=interests.representatives.interests.tolist(),
    )


def _interests(message: profile_pb2.Profile) -> Interests:
    return Interests(
        medoid_pin_ids=tuple(message.medoid_pin_ids),
        importances=np.array(message.importances, np.float64),
        sizes=np.array(message.sizes, np.int64),
        last_action_times_s=np.array(message.last_action_times_s, np.int64),
        computed_at_s=message.computed_at_s,
        # A record of an earlier version has none: the medoids are then.
        representatives=Representatives(
            pin_ids=tuple(message.representative_pin_ids),
            weights=np.array(message.representative_weights, np.float64),
            interests=np.array(message.representative_interests, np.int64),
        ),
    )


def _profile_message(profile: Profile) -> profile_pb2.Profile:
    message = _interests_message(profile.interests)
    message.user_id = profile.user_id
    message.embedding_space.CopyFrom(_space_message(profile.embedding_space))
    message.parameters_version = profile.parameters_version
    message.actions_until_s = profile.actions_until_s
    message.forgotten_until_s = profile.forgotten_until_s
    return message


def _profile(message: profile_pb2.Profile) -> Profile:
    return Profile(
        user_id=message.user_id,
        embedding_space=_space(message.embedding_space),
        parameters_version=message.parameters_version,
        interests=_interests(message),
        actions_until_s=message.actions_until_s,
        forgotten_until_s=message.forgotten_until_s,
    )


def _newest_actions(message: profile_pb2.OnlineProfile) -> list[NewestAction]:
    _check_lengths(message)
    # Those of an earlier version have none.
    hashes = message.event_hashes or [0] * len(message.pin_ids)
    actions = zip(message.times_s, message.pin_ids, hashes, message.weights, strict=True)
    return [NewestAction._make(action) for action in actions]


def _check_lengths(message: profile_pb2.OnlineProfile) -> None:
    n_actions = len(message.pin_ids)
    if not (len(message.times_s) == len(message.weights) == n_actions):
        raise ValueError(
            f"it has {n_actions} pins, {len(message.times_s)} times and {len(message.weights)} weights"
        )
    if len(message.event_hashes) not in {0, n_actions}:
        raise ValueError(f"it has {n_actions} pins and {len(message.event_hashes)} hashes of events")


def _online_profile(message: profile_pb2.OnlineProfile) -> OnlineProfile:
    _check_lengths(message)
    return OnlineProfile(
        user_id=message.user_id,
        embedding_space=_space(message.embedding_space),
        parameters_version=message.parameters_version,
        pin_ids=tuple(message.pin_ids),
        times_s=np.array(message.times_s, np.int64),
        weights=np.array(message.weights, np.float64),
        actions_after_s=message.actions_after_s,
        interests=_interests(message.interests),
        event_hashes=np.array(message.event_hashes, np.uint64),
    )


def _tombstone(message: profile_pb2.Tombstone) -> Tombstone:
    return Tombstone(user_id=message.user_id, until_s=message.until_s, sequence=message.sequence)


def _seen_hashes(message: profile_pb2.Seen, until_s: int | None) -> NDArray[np.uint64]:
    if until_s is not None and message.forgotten_until_s < until_s:
        return np.empty(0, np.uint64)
    return np.frombuffer(message.pin_id_hashes, _HASH).astype(np.uint64, copy=False)
