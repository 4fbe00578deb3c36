"""What every profile store promises: one suite for the embedded store, a real Valkey and the fake."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from storage.errors import DamagedRecordError
from storage.hashes import hash_ids
from storage.profiles.encoding import EncodedUser, encode_profile, encode_seen
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.opening import open_batch_publisher, open_online_writer, open_reader
from storage.profiles.records import Profile, StoredUser
from storage.profiles.store import Mark, OnlineWriter, ProfileReader
from tests.storage.profiles.people import DESCRIPTION, manifest, online, profile, same


@dataclass(frozen=True)
class Store:
    """One store, open at both ends."""

    reader: ProfileReader
    writer: OnlineWriter


@dataclass(frozen=True, kw_only=True)
class Content:
    """What the batch wrote; `seen` by pin ids, `damaged` users with what is no profile of theirs."""

    profiles: Sequence[Profile] = ()
    seen: Mapping[str, Sequence[str]]
    popular: Sequence[str] = ()
    damaged: Sequence[str] = ()


MakeStore = Callable[[Content], Store]

LONGEST_ID = "ü" * 64
CONTENT = Content(
    profiles=[profile("85123A", "cat-1", "car-2"), profile(LONGEST_ID, "名前"), profile("nobody's")],
    seen={"85123A": ["cat-1", "car-2", "cat-1"], LONGEST_ID: ["名前"], "only-hides": ["dog-9"]},
    popular=["cat-1", "bee-3", "ant-4"],
)


def in_memory(content: Content) -> Store:
    store = InMemoryProfiles(
        DESCRIPTION,
        profiles=content.profiles,
        seen={user_id: hash_ids(pin_ids) for user_id, pin_ids in content.seen.items()},
        popular=content.popular,
        encoded=[
            EncodedUser(user_id=each, profile=encode_profile(profile("else")), seen=None)
            for each in content.damaged
        ],
    )
    return Store(store, store)


def opened(url: str, content: Content) -> Store:
    profiles = {each.user_id: encode_profile(each) for each in content.profiles}
    profiles |= dict.fromkeys(content.damaged, encode_profile(profile("else")))
    seen = {user_id: encode_seen(hash_ids(pin_ids)) for user_id, pin_ids in content.seen.items()}
    users = [
        EncodedUser(user_id=user_id, profile=profiles.get(user_id), seen=seen.get(user_id))
        for user_id in sorted({*profiles, *seen})
    ]
    open_batch_publisher(url).publish(users, content.popular, manifest)
    return Store(open_reader(url), open_online_writer(url))


@pytest.fixture(params=["memory", "lmdb", "redis"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    made: list[Store] = []

    def make(content: Content) -> Store:
        if request.param == "memory":
            made.append(in_memory(content))
        elif request.param == "lmdb":
            made.append(opened(f"file://{tmp_path}", content))
        else:
            made.append(opened(request.getfixturevalue("valkey").url(), content))
        return made[-1]

    yield make
    for store in made:
        store.reader.close()
        store.writer.close()


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store(CONTENT)


def test_the_batch_is_described(store: Store) -> None:
    """Everything but the version, which the publisher gives, comes back as it was written."""
    assert replace(store.reader.describe(), version="") == DESCRIPTION


@pytest.mark.parametrize("written", CONTENT.profiles, ids=lambda each: each.user_id[:10])
def test_a_profile_comes_back_as_it_was_written(store: Store, written: Profile) -> None:
    """Ids of shops, ids of 128 bytes, profiles without an interest: every field is the same."""
    assert same(store.reader.batch(written.user_id), written)


@pytest.mark.parametrize("user_id", ["nobody", "", "85123a", "85123A ", "x" * 5_000, "\0"])
def test_an_unknown_user_is_no_error(store: Store, user_id: str) -> None:
    """No id, however odd or long, is anything but unknown."""
    assert store.reader.batch(user_id) is None
    assert len(store.reader.seen(user_id)) == 0
    assert store.reader.online(user_id) is None
    assert store.writer.get(user_id) is None


def test_many_users_at_once_are_those_one_by_one(make_store: MakeStore) -> None:
    """In the order asked, strangers and a user asked for twice among them; what has not changed is held."""
    store = make_store(CONTENT)
    store.writer.put(online("nobody's", "bee-1"))
    users = ["only-hides", "85123A", "", "nobody's", "85123A", "x" * 5_000]
    alone = [store.reader.read(user_id) for user_id in users]
    together = store.reader.read_each([(user_id, None) for user_id in users])
    again = store.reader.read_each(list(zip(users, alone, strict=True)))

    assert [each.stamp for each in together if isinstance(each, StoredUser)] == [each.stamp for each in alone]
    assert all(now is before for now, before in zip(again, alone, strict=True))


def test_a_damaged_record_is_its_own_users_only(make_store: MakeStore) -> None:
    """The others asked for with it come all the same."""
    store = make_store(replace(CONTENT, damaged=["ann"]))
    ann, known = store.reader.read_each([("ann", None), ("85123A", None)])

    assert isinstance(ann, DamagedRecordError)
    assert isinstance(known, StoredUser)
    assert same(known.batch, CONTENT.profiles[0])
    with pytest.raises(DamagedRecordError, match=re.escape(str(ann))):
        store.reader.read("ann")


def test_seen_pins_are_sorted_distinct_hashes(store: Store) -> None:
    """A pin acted on twice is seen once, and a server can search the array."""
    seen = store.reader.seen("85123A")

    assert seen.dtype == np.uint64
    assert seen.tolist() == sorted(hash_ids(["cat-1", "car-2"]).tolist())
    assert store.reader.seen("nobody's").dtype == np.uint64


def test_a_user_may_have_seen_pins_and_no_profile(store: Store) -> None:
    """Someone who only hid pins makes no interest, yet the pins stay away."""
    assert store.reader.batch("only-hides") is None
    assert store.reader.seen("only-hides").tolist() == hash_ids(["dog-9"]).tolist()


def test_popular_pins_keep_their_order(store: Store) -> None:
    """Most acted-on first, as written: the order is not alphabetical."""
    assert store.reader.popular() == ("cat-1", "bee-3", "ant-4")


def test_a_batch_without_anything_is_readable(make_store: MakeStore) -> None:
    """No user and no popular pin is an answer, too."""
    reader = make_store(Content(seen={})).reader

    assert reader.popular() == ()
    assert reader.batch("85123A") is None


def test_an_online_record_is_read_as_soon_as_it_is_put(store: Store) -> None:
    """The reader was open before the first record was ever written."""
    assert store.reader.online("85123A") is None
    written = online("85123A", "cat-7", "cat-8")

    store.writer.put(written)

    assert same(store.reader.online("85123A"), written)
    assert same(store.writer.get("85123A"), written)


def test_an_online_record_is_replaced_whole(store: Store) -> None:
    """The newest put is what counts; other users keep theirs."""
    store.writer.put(online("85123A", "cat-7", "cat-8", "cat-9"))
    store.writer.put(online("user-2", "bee-1"))
    store.writer.put(online("85123A", "car-1"))

    assert same(store.reader.online("85123A"), online("85123A", "car-1"))
    assert same(store.reader.online("user-2"), online("user-2", "bee-1"))


def test_the_batch_and_online_records_do_not_touch(store: Store) -> None:
    """A put changes no batch profile, whatever the user's id looks like."""
    for user_id in ("85123A", "p:85123A", "s:85123A", "popular"):
        store.writer.put(online(user_id, "new-1"))

    assert same(store.reader.batch("85123A"), CONTENT.profiles[0])
    assert store.reader.popular() == ("cat-1", "bee-3", "ant-4")


@pytest.mark.parametrize(
    "user_id", ["85123A", LONGEST_ID, "nobody's", "only-hides", "nobody", "", "x" * 5_000]
)
def test_a_user_is_read_in_one_go(store: Store, user_id: str) -> None:
    """What comes is what each part gives on its own, of a user with all of it as of one with nothing."""
    if user_id == "85123A":
        store.writer.put(online(user_id, "cat-7"))
    user = store.reader.read(user_id)

    assert same(user.batch, store.reader.batch(user_id))
    assert same(user.online, store.reader.online(user_id))
    assert same(user.seen, store.reader.seen(user_id))
    assert user.is_unknown == (user_id in {"nobody", "", "x" * 5_000})


def test_what_is_held_is_given_back_until_it_changes(store: Store) -> None:
    """Nothing is parsed twice; a new action makes a new record, and an unchanged part of it is equal."""
    first = store.reader.read("85123A")
    assert store.reader.read("85123A", first) is first
    store.writer.put(online("85123A", "cat-7"))
    second = store.reader.read("85123A", first)

    assert same(second.online, online("85123A", "cat-7"))
    assert same(second.batch, first.batch)
    assert second.stamp != first.stamp


def test_a_revision_is_another_after_every_write(store: Store) -> None:
    """Never one of before, whoever it is about; a read makes none. Or the store says that it has none."""
    reader, writer = store.reader, store.writer
    before = [reader.revision()]
    writes: Sequence[Callable[[], None]] = (
        lambda: writer.put(online("85123A", "cat-7")),
        lambda: writer.put(online("nobody", "cat-7")),
        lambda: writer.forget("nobody", 5),
        lambda: writer.commit([online("85123A", "cat-8")], {"place": Mark(None, "1")}),
    )
    for write in writes:
        write()
        reader.read("85123A")
        now = reader.revision()
        assert now is None or now not in before
        assert reader.revision() == now
        before.append(now)


def test_any_number_of_threads_may_read(make_store: MakeStore) -> None:
    """Eight threads, a hundred users: nobody gets another's record, online or batch."""
    names = [f"user-{i}" for i in range(100)]
    store = make_store(Content(profiles=[profile(name, f"pin-of-{name}") for name in sorted(names)], seen={}))

    def read(name: str) -> bool:
        store.writer.put(online(name, f"pin-of-{name}"))
        batch, newest = store.reader.batch(name), store.reader.online(name)
        return same(batch, profile(name, f"pin-of-{name}")) and same(newest, online(name, f"pin-of-{name}"))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, names * 3))
