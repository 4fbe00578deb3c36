"""A record survives the way to bytes and back, and a damaged one is never believed."""

import struct
from collections.abc import Callable
from dataclasses import replace

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.interests import Interests, Representatives
from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedRecordError
from storage.profiles.encoding import (
    decode_online,
    decode_popular,
    decode_profile,
    decode_seen,
    encode_online,
    encode_popular,
    encode_profile,
    encode_seen,
)
from storage.profiles.records import OnlineProfile, Profile
from storage.v1 import profile_pb2
from tests.storage.profiles.people import online, profile, same

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
times = st.integers(-(2**62), 2**62)
numbers = st.floats(0, 1e12)


@st.composite
def some_interests(draw: st.DrawFn) -> Interests:
    medoids = draw(st.lists(ids, max_size=5))
    c = len(medoids)
    pins = draw(st.lists(ids, max_size=5)) if c else []
    r = len(pins)
    return Interests(
        medoid_pin_ids=tuple(medoids),
        importances=np.array(draw(st.lists(numbers, min_size=c, max_size=c)), np.float64),
        sizes=np.array(draw(st.lists(st.integers(1, 2_000), min_size=c, max_size=c)), np.int64),
        last_action_times_s=np.array(draw(st.lists(times, min_size=c, max_size=c)), np.int64),
        computed_at_s=draw(times),
        representatives=Representatives(
            pin_ids=tuple(pins),
            weights=np.array(draw(st.lists(numbers, min_size=r, max_size=r)), np.float64),
            interests=np.array(
                draw(st.lists(st.integers(0, max(c - 1, 0)), min_size=r, max_size=r)), np.int64
            ),
        ),
    )


spaces = st.builds(EmbeddingSpace, ids, st.integers(1, 4_096))
profiles = st.builds(
    Profile,
    user_id=ids,
    embedding_space=spaces,
    parameters_version=ids,
    interests=some_interests(),
    actions_until_s=times,
)


@st.composite
def online_profiles(draw: st.DrawFn) -> OnlineProfile:
    pins = draw(st.lists(ids, max_size=5))
    a = len(pins)
    return OnlineProfile(
        user_id=draw(ids),
        embedding_space=draw(spaces),
        parameters_version=draw(ids),
        pin_ids=tuple(pins),
        times_s=np.array(draw(st.lists(times, min_size=a, max_size=a)), np.int64),
        weights=np.array(draw(st.lists(numbers, min_size=a, max_size=a)), np.float64),
        actions_after_s=draw(times),
        interests=draw(some_interests()),
    )


@given(profiles)
def test_a_profile_comes_back_the_same(record: Profile) -> None:
    """Every field, to the bit."""
    assert same(decode_profile(encode_profile(record), record.user_id), record)


@given(online_profiles())
def test_an_online_record_comes_back_the_same(record: OnlineProfile) -> None:
    """Every field, to the bit."""
    assert same(decode_online(encode_online(record), record.user_id), record)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_seen_hashes_come_back_sorted_and_distinct(hashes: list[int]) -> None:
    """Whatever order they were given in."""
    seen = decode_seen(encode_seen(np.array(hashes, np.uint64)), "85123A")
    assert seen.tolist() == sorted(set(hashes))


@given(st.lists(ids))
def test_popular_pins_come_back_in_order(pin_ids: list[str]) -> None:
    """Order and repetition are the writer's business."""
    assert decode_popular(encode_popular(pin_ids)) == tuple(pin_ids)


def test_a_value_is_the_checksum_and_then_the_protobuf() -> None:
    """What protos/storage/v1/profile.proto says, so that another language can read it."""
    value = encode_seen(np.array([7], np.uint64))
    record = profile_pb2.Seen(pin_id_hashes=struct.pack("<Q", 7)).SerializeToString()

    assert value == struct.pack("<I", google_crc32c.value(record)) + record


def test_equal_records_give_equal_bytes() -> None:
    """The batch's bytes depend on its input alone."""
    assert encode_profile(profile("85123A", "cat-1")) == encode_profile(profile("85123A", "cat-1"))
    assert encode_online(online("85123A", "cat-1")) == encode_online(online("85123A", "cat-1"))


VALUES: dict[str, tuple[bytes, Callable[[bytes], object], str]] = {
    "profile": (
        encode_profile(profile("85123A", "cat-1", "car-2")),
        lambda value: decode_profile(value, "85123A"),
        "damaged record, batch profile of user '85123A': ",
    ),
    "seen": (
        encode_seen(np.array([7, 8], np.uint64)),
        lambda value: decode_seen(value, "85123A"),
        "damaged record, seen pins of user '85123A': ",
    ),
    "popular": (encode_popular(["cat-1"]), decode_popular, "damaged record, popular pins: "),
    "online": (
        encode_online(online("85123A", "cat-1")),
        lambda value: decode_online(value, "85123A"),
        "damaged record, online record of user '85123A': ",
    ),
}


@pytest.mark.parametrize("kind", VALUES)
def test_no_flipped_bit_is_believed(kind: str) -> None:
    """Every single bit of every kind of value: the error names the user."""
    value, decode, message = VALUES[kind]
    for bit in range(8 * len(value)):
        flipped = bytearray(value)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedRecordError, match=message):
            decode(bytes(flipped))


@pytest.mark.parametrize("kind", VALUES)
def test_no_truncated_value_is_believed(kind: str) -> None:
    """Every length short of the whole, zero included."""
    value, decode, message = VALUES[kind]
    for length in range(len(value)):
        with pytest.raises(DamagedRecordError, match=message):
            decode(value[:length])


def sealed(record: bytes) -> bytes:
    return struct.pack("<I", google_crc32c.value(record)) + record


def test_another_users_record_is_not_believed() -> None:
    """A value under the wrong key has a good checksum; its owner gives it away."""
    with pytest.raises(DamagedRecordError, match="profile of user 'ann': it is user 'ben''s"):
        decode_profile(encode_profile(profile("ben", "cat-1")), "ann")
    with pytest.raises(DamagedRecordError, match="online record of user 'ann': it is user 'ben''s"):
        decode_online(encode_online(online("ben", "cat-1")), "ann")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"\xff\xff", "Error parsing message"),
        (
            profile_pb2.Profile(user_id="ann", medoid_pin_ids=["cat-1"]).SerializeToString(),
            "do not fit together",
        ),
    ],
)
def test_a_profile_that_makes_no_sense_is_not_believed(record: bytes, reason: str) -> None:
    """Written by something else, though with a checksum of its own."""
    with pytest.raises(DamagedRecordError, match=f"batch profile of user 'ann': .*{reason}"):
        decode_profile(sealed(record), "ann")


def test_a_record_without_representatives_is_stood_for_by_its_medoids() -> None:
    """What an earlier version wrote is read: every medoid, with its importance."""
    message = profile_pb2.Profile.FromString(encode_profile(profile("ann", "cat-1", "car-2"))[4:])
    for field in ("representative_pin_ids", "representative_weights", "representative_interests"):
        message.ClearField(field)
    stood_for = decode_profile(sealed(message.SerializeToString()), "ann").interests.representatives

    assert stood_for.pin_ids == ("cat-1", "car-2")
    assert stood_for.weights.tolist() == [1.0, 0.5]
    assert stood_for.interests.tolist() == [0, 1]


def test_a_representative_of_no_interest_is_not_believed() -> None:
    """One interest, and a pin that stands for a second."""
    message = profile_pb2.Profile.FromString(encode_profile(profile("ann", "cat-1"))[4:])
    message.representative_interests[:] = [1]
    with pytest.raises(DamagedRecordError, match="representatives of interests 1 to 1, among 1"):
        decode_profile(sealed(message.SerializeToString()), "ann")


def test_online_actions_that_do_not_fit_together_are_not_believed() -> None:
    """Two pins, one time."""
    record = profile_pb2.OnlineProfile(user_id="ann", pin_ids=["cat-1", "cat-2"], times_s=[1], weights=[1, 1])
    with pytest.raises(DamagedRecordError, match="2 pins, 1 times and 2 weights"):
        decode_online(sealed(record.SerializeToString()), "ann")


def test_seen_hashes_that_end_in_the_middle_are_not_believed() -> None:
    """Nine bytes are no whole number of hashes."""
    record = profile_pb2.Seen(pin_id_hashes=b"123456789").SerializeToString()
    with pytest.raises(DamagedRecordError, match="seen pins of user 'ann'"):
        decode_seen(sealed(record), "ann")


def test_a_profile_without_an_interest_is_a_record() -> None:
    """Nothing but the frame of it: no array is invented."""
    empty = replace(profile("ann"), actions_until_s=0)
    assert same(decode_profile(encode_profile(empty), "ann"), empty)
