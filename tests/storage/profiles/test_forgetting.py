"""What every profile store promises of who asked to be forgotten: nothing of before ever comes back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from storage.errors import DamagedRecordError
from storage.hashes import hash_ids
from storage.profiles.encoding import EncodedUser, encode_profile, encode_seen
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.opening import (
    open_batch_publisher,
    open_online_writer,
    open_reader,
    open_tombstones,
)
from storage.profiles.records import OnlineProfile
from storage.profiles.redis.address import redis_address
from storage.profiles.redis.keys import Keys
from storage.profiles.redis.link import Command, Link, Reply
from storage.profiles.redis.tombstones import bury
from storage.profiles.store import BatchManifest, OnlineWriter, ProfileReader, Tombstones
from tests.storage.profiles.people import DESCRIPTION, WATERMARK_S, encoded, manifest, online, profile, same
from tests.storage.profiles.valkeys import Valkey

LATER_S = WATERMARK_S + 90
"""Between the first two actions of an online record, which are a minute apart."""


@dataclass(frozen=True)
class Store:
    """One store, open at both ends, and where only tombstones are asked for."""

    reader: ProfileReader
    writer: OnlineWriter
    tombstones: Tombstones


class MakeStore(Protocol):
    """Makes a store: who is forgotten first, and then the batch."""

    def __call__(self, users: Sequence[EncodedUser], **forgotten_until_s: int) -> Store: ...


def made_with_it(user_id: str, until_s: int, *medoids: str) -> EncodedUser:
    """A user as a batch stores them that knew of the tombstone."""
    return EncodedUser(
        user_id=user_id,
        profile=encode_profile(replace(profile(user_id, *medoids), forgotten_until_s=until_s)),
        seen=encode_seen(hash_ids(medoids), until_s),
    )


@pytest.fixture(params=["memory", "lmdb", "redis"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    made: list[Store] = []

    def make(users: Sequence[EncodedUser], **forgotten_until_s: int) -> Store:
        if request.param == "memory":
            memory = InMemoryProfiles(DESCRIPTION, encoded=users)
            forget_all(memory, forgotten_until_s)
            made.append(Store(memory, memory, memory))
        else:
            url = f"file://{tmp_path}" if request.param == "lmdb" else request.getfixturevalue("valkey").url()
            writer = open_online_writer(url)
            forget_all(writer, forgotten_until_s)
            open_batch_publisher(url).publish(users, [], manifest)
            made.append(Store(open_reader(url), writer, open_tombstones(url)))
        return made[-1]

    yield make
    for store in made:
        for end in (store.reader, store.writer, store.tombstones):
            end.close()


def forget_all(writer: OnlineWriter, until_s: Mapping[str, int]) -> None:
    for user_id, each_s in until_s.items():
        writer.forget(user_id, each_s)


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store([encoded("ann", "cat-1"), encoded("ben", "bee-1")])


def is_gone(reader: ProfileReader, user_id: str) -> bool:
    """Nothing is told of the user, whoever asks."""
    parts = reader.batch(user_id), reader.online(user_id)
    return reader.read(user_id).is_unknown and parts == (None, None) and not len(reader.seen(user_id))


def test_who_is_forgotten_is_unknown_at_once(store: Store) -> None:
    """Batch profile, newest actions and seen pins: the reader was open before, and others are untouched."""
    store.writer.put(online("ann", "cat-7"))
    store.writer.forget("ann", WATERMARK_S + 3_600)

    assert is_gone(store.reader, "ann")
    assert store.writer.get("ann") is None
    assert store.reader.read("ann").forgotten_until_s == WATERMARK_S + 3_600
    assert same(store.reader.batch("ben"), profile("ben", "bee-1"))
    assert len(store.reader.seen("ben")) == 1


def test_what_is_held_is_not_given_back_once_it_is_forgotten(store: Store) -> None:
    """A cache that asks whether its copy is still good hears that it is not."""
    held = store.reader.read("ann")
    store.writer.forget("ann", LATER_S)
    read = store.reader.read("ann", held)

    assert read.is_unknown
    assert store.reader.read("ann", read) is read


def test_a_batch_that_reaches_beyond_the_tombstone_knows_nothing_of_it(store: Store) -> None:
    """The tombstone came late, after a batch with a later watermark: its watermark proves nothing."""
    store.writer.forget("ann", WATERMARK_S - 86_400)
    assert is_gone(store.reader, "ann")


def test_a_batch_made_with_the_tombstone_is_believed(make_store: MakeStore) -> None:
    """Who acts again starts anew: the next batch has their profile of what they did since."""
    store = make_store([made_with_it("ann", LATER_S, "dog-1")], ann=LATER_S)
    batch = store.reader.batch("ann")
    assert batch is not None
    assert batch.interests.medoid_pin_ids == ("dog-1",)
    assert store.reader.seen("ann").tolist() == hash_ids(["dog-1"]).tolist()


def test_a_second_wish_reaches_further(make_store: MakeStore) -> None:
    """What a batch made with the first tombstone knows is forgotten by the second."""
    store = make_store([made_with_it("ann", WATERMARK_S - 60, "dog-1")], ann=WATERMARK_S - 60)
    assert not is_gone(store.reader, "ann")

    store.writer.forget("ann", LATER_S)
    assert is_gone(store.reader, "ann")


def test_a_tombstone_that_is_read_again_changes_nothing(make_store: MakeStore) -> None:
    """Streams repeat themselves: neither the time nor the new profile nor the newer actions go."""
    store = make_store([made_with_it("ann", LATER_S, "dog-1")], ann=LATER_S)
    again = replace(online("ann", "dog-7"), times_s=np.array([LATER_S + 1]))
    store.writer.put(again)

    for until_s in (LATER_S, LATER_S - 1_000):
        store.writer.forget("ann", until_s)
    assert store.reader.batch("ann") is not None
    assert same(store.reader.online("ann"), again)
    assert [(each.user_id, each.until_s) for each in store.tombstones.tombstones()] == [("ann", LATER_S)]


def test_newer_actions_outlive_a_tombstone_that_comes_late(store: Store) -> None:
    """The first of three actions is forgotten; nobody takes the interests of all three for those of two."""
    record = replace(online("ann", "cat-7", "cat-8", "cat-9"), event_hashes=np.arange(1, 4, dtype=np.uint64))
    store.writer.put(record)
    store.writer.forget("ann", LATER_S)

    left = store.reader.online("ann")
    assert left is not None
    assert left.pin_ids == ("cat-8", "cat-9")
    assert left.event_hashes.tolist() == [2, 3]
    assert left.parameters_version != record.parameters_version
    assert len(left.interests) == 0
    assert same(store.writer.get("ann"), left)


def test_what_is_put_in_spite_of_a_tombstone_is_not_read(store: Store) -> None:
    """A writer that had not heard of it: the reader filters what it finds, the very second included."""
    store.writer.forget("ann", WATERMARK_S + 60)
    store.writer.put(online("ann", "cat-7", "cat-8"))
    assert pins_of(store.reader.online("ann")) == ("cat-8",)
    store.writer.put(online("ann", "cat-7"))
    assert is_gone(store.reader, "ann")


def pins_of(record: OnlineProfile | None) -> tuple[str, ...]:
    return () if record is None else record.pin_ids


def test_a_user_of_whom_nothing_is_known_can_be_forgotten(store: Store) -> None:
    """Their events may still be on the way."""
    store.writer.forget("zoe", LATER_S)
    assert store.writer.forgotten(["ann", "zoe", ""]) == {"zoe": LATER_S}
    assert store.writer.forgotten([]) == {}
    assert store.tombstones.forgotten(["zoe", "ann"]) == {"zoe": LATER_S}


def test_tombstones_are_told_in_the_order_they_came(store: Store) -> None:
    """Each user once; who asks again hears of what is new, a second wish included."""
    assert store.tombstones.tombstones() == []
    assert store.reader.newest_tombstone() == 0
    for user_id, until_s in [("zoe", 50), ("ann", 70), ("名前", 60), ("zoe", 80)]:
        store.writer.forget(user_id, until_s)
    told = store.tombstones.tombstones()

    assert [(each.user_id, each.until_s) for each in told] == [("ann", 70), ("名前", 60), ("zoe", 80)]
    assert [each.user_id for each in store.tombstones.tombstones(told[0].sequence)] == ["名前", "zoe"]
    assert store.tombstones.tombstones(told[-1].sequence) == []
    assert store.reader.tombstones() == told
    assert store.reader.newest_tombstone() == told[-1].sequence


@pytest.mark.parametrize("kind", ["lmdb", "redis"])
def test_no_batch_brings_a_user_back(kind: str, tmp_path: Path, valkey: Valkey) -> None:
    """Neither the one before, by a rollback, nor a later one that was made without the tombstone."""
    url = f"file://{tmp_path}" if kind == "lmdb" else valkey.url()
    publisher = open_batch_publisher(url)
    first = publisher.publish([encoded("ann", "cat-1")], [], manifest).version
    publisher.publish([encoded("ann", "cat-2"), encoded("ben", "bee-1")], [], manifest)
    writer = open_online_writer(url)
    writer.forget("ann", LATER_S)

    publisher.roll_back()
    assert unknown_to_readers(url, ["ann"])
    publisher.publish([encoded("ann", "cat-3"), encoded("ben", "bee-1")], [], later)
    assert unknown_to_readers(url, ["ann"])
    publisher.make_current(first)
    assert unknown_to_readers(url, ["ann"])
    writer.close()


def later() -> BatchManifest:
    return replace(manifest(), description=replace(DESCRIPTION, actions_until_s=LATER_S + 3_600))


def unknown_to_readers(url: str, user_ids: Iterable[str]) -> bool:
    """To one that opens now, checks and all."""
    reader = open_reader(url)
    try:
        return all(is_gone(reader, user_id) for user_id in user_ids)
    finally:
        reader.close()


def test_a_redis_keeps_no_record_of_the_user(valkey: Valkey) -> None:
    """Only the tombstone: neither batch holds a field of theirs, and both are still whole."""
    url = valkey.url()
    prefix = url.partition("prefix=")[2].partition("&")[0]
    publisher = open_batch_publisher(url)
    for medoid in ("cat-1", "cat-2"):
        publisher.publish([encoded("ann", medoid)], [], manifest)
    writer = open_online_writer(url)
    writer.put(online("ann", "cat-7"))
    writer.forget("ann", LATER_S)
    writer.close()

    keys = valkey.ask("KEYS", f"{prefix}:*")
    assert isinstance(keys, list)
    hashes = [key for key in keys if valkey.ask("TYPE", key) == b"hash" and b":b:" in key]
    assert [valkey.ask("HKEYS", key) for key in hashes] == [[b"forgotten"], [b"forgotten"]]
    assert f"{prefix}:o:ann".encode() not in keys
    assert valkey.ask("TTL", f"{prefix}:forgotten") == -1
    publisher.roll_back()
    assert unknown_to_readers(url, ["ann"])


class Interrupted(Link):
    """Somebody else writes between its first question and the next."""

    def __init__(self, url: str, write: Callable[[], None]) -> None:
        super().__init__(redis_address(url))
        self._write: Callable[[], None] | None = write

    def ask(self, *commands: Command) -> list[Reply]:
        replies, write, self._write = super().ask(*commands), self._write, None
        if write is not None:
            write()
        return replies


def test_what_a_redis_is_given_amid_a_wish_is_kept(valkey: Valkey) -> None:
    """The consumer stores a later action just as somebody is forgotten by hand: it is not written over."""
    url = valkey.url()
    writer = open_online_writer(url)
    writer.put(online("ann", "cat-7"))
    link = Interrupted(url, lambda: writer.put(online("ann", "cat-7", "cat-8", "cat-9")))

    bury(link, Keys(link.address.prefix), "ann", LATER_S, ttl_s=60)

    assert pins_of(writer.get("ann")) == ("cat-8", "cat-9")
    assert writer.forgotten(["ann"]) == {"ann": LATER_S}
    link.close()
    writer.close()


def test_newest_actions_that_nobody_can_read_are_forgotten_whole(valkey: Valkey) -> None:
    """Damage keeps nobody from being forgotten."""
    url = valkey.url()
    prefix = url.partition("prefix=")[2].partition("&")[0]
    valkey.ask("SET", f"{prefix}:o:ann", b"\0\0\0\0damaged")
    writer = open_online_writer(url)
    writer.forget("ann", LATER_S)
    assert writer.get("ann") is None
    assert writer.forgotten(["ann"]) == {"ann": LATER_S}
    writer.close()


def test_a_damaged_tombstone_is_not_taken_for_none(tmp_path: Path) -> None:
    """Whether the user may be shown is then not known: nobody is told anything of them."""
    open_batch_publisher(str(tmp_path)).publish([encoded("ann", "cat-1")], [], manifest)
    writer = open_online_writer(str(tmp_path))
    writer.forget("ann", LATER_S)
    file = tmp_path / "online" / "profiles.lmdb"
    content = file.read_bytes()
    reader = open_reader(str(tmp_path))
    with file.open("r+b") as open_file:
        at = -1
        while (at := content.find(b"\x03ann\x10", at + 1)) >= 0:
            open_file.seek(at + 5)
            open_file.write(bytes([content[at + 5] ^ 1]))

    with pytest.raises(DamagedRecordError, match="tombstone of user 'ann': its checksum"):
        reader.read("ann")
    assert reader.batch("zoe") is None
    writer.forget("ann", LATER_S)
    assert reader.read("ann").is_unknown
    reader.close()
    writer.close()
