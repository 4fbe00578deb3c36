"""Who asked to be forgotten is not built again: not from old actions, and not by any command or its order."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from model.interests import Interests
from profile_builder.batch import BatchResult, run_batch
from profile_builder.forgetting import forgotten_until_s
from profile_builder.summary import describe_forgotten
from storage.events.opening import open_consumer
from storage.events.records import Forget
from storage.hashes import hash_ids
from storage.profiles.lmdb.batch import batch_folder
from storage.profiles.opening import open_online_writer, open_reader, open_tombstones
from storage.profiles.store import ProfileReader
from storage.rejects import Rejects
from tests.profile_builder.conftest import Shop, Terminal
from tests.profile_builder.world import DAY_S, NEWEST_S, POLICY, Act, make_parts, write_actions
from tests.waiting import HANG_S

Read = Callable[[], ProfileReader]

ACTS = [
    Act("ann", "cat-1", days=9),
    Act("ann", "cat-2", days=5),
    Act("ann", "bee-1", days=4, action="look"),
    Act("ann", "car-1", days=1),
    Act("ben", "bee-1"),
]
FIVE_DAYS_AGO_S = NEWEST_S - 5 * DAY_S


@pytest.fixture
def actions(tmp_path: Path) -> Path:
    return write_actions(tmp_path / "actions.parquet", ACTS)


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    return tmp_path / "profiles"


def build(actions: Path, profiles: Path) -> BatchResult:
    """A batch as the command runs it: who is forgotten is asked first."""
    with (
        Rejects(profiles / "rejects.jsonl") as rejects,
        closing(open_tombstones(str(profiles))) as tombstones,
    ):
        read = replace(POLICY.read, forgotten_until_s=forgotten_until_s(tombstones))
        return run_batch(make_parts(actions, profiles, rejects), replace(POLICY, read=read))


def forget(profiles: Path, user_id: str, until_s: int) -> None:
    with closing(open_online_writer(str(profiles))) as writer:
        writer.forget(user_id, until_s)


def interests_of(reader: ProfileReader, user_id: str) -> Interests | None:
    batch = reader.batch(user_id)
    return None if batch is None else batch.interests


@pytest.fixture
def read(profiles: Path) -> Iterator[Read]:
    opened: list[ProfileReader] = []

    def open_it() -> ProfileReader:
        opened.append(open_reader(str(profiles)))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


def test_older_actions_are_left_out_and_newer_ones_start_anew(
    actions: Path, profiles: Path, read: Read
) -> None:
    """Two cats are forgotten, at the very second of the second; a look and a car came later."""
    forget(profiles, "ann", FIVE_DAYS_AGO_S)
    result = build(actions, profiles)

    assert (result.rows.counts.forgotten, result.rows.counts.used) == (2, 3)
    interests = interests_of(read(), "ann")
    assert interests is not None
    assert interests.medoid_pin_ids == ("car-1",)
    assert read().seen("ann").tolist() == sorted(hash_ids(["bee-1", "car-1"]).tolist())
    assert interests_of(read(), "ben") is not None


def test_a_user_of_older_actions_only_leaves_nothing(actions: Path, profiles: Path, read: Read) -> None:
    """No profile, no seen pins, no part in what is popular: as if they had never been."""
    forget(profiles, "ann", NEWEST_S)
    build(actions, profiles)

    assert read().read("ann").is_unknown
    assert read().popular() == ("bee-1",)


def test_a_rollback_brings_nobody_back(actions: Path, profiles: Path, read: Read) -> None:
    """The batch of yesterday knew nothing of the tombstone; nor did one that was at work when it came."""
    build(actions, profiles)
    assert interests_of(read(), "ann") is not None
    forget(profiles, "ann", NEWEST_S)
    assert read().read("ann").is_unknown
    build(actions, profiles)
    batch_folder(profiles).roll_back()
    assert read().read("ann").is_unknown


@pytest.fixture
def published(run: Terminal, shop: Shop) -> Shop:
    assert run("calibrate", "--data", shop.data, "--pins", shop.pins, "--out", shop.model) == 0
    assert batch(run, shop) == 0
    return shop


def batch(run: Terminal, shop: Shop) -> int:
    given = ("--data", shop.data, "--pins", shop.pins, "--model", shop.model, "--profiles", shop.profiles)
    return run("batch", *given, "--processes", 1)


def test_the_command_stores_what_no_stream_carries(run: Terminal, published: Shop) -> None:
    """Without --events: the user is gone, the next batch stays without them, and says so."""
    assert run("forget", "user-01", "--profiles", published.profiles) == 0
    assert re.fullmatch(
        r"Forgotten in \S+: all that user 'user-01' did until \d{4}-\d\d-\d\d .* UTC\. "
        r"Servers show nothing of it within two seconds\. The files of its batches may hold it unread: "
        r"run the next batch, then prune\.\n",
        run.out,
    )
    reader = open_reader(str(published.profiles))
    assert reader.read("user-01").is_unknown
    assert not reader.read("user-02").is_unknown
    reader.close()

    assert batch(run, published) == 0
    assert "12 of forgotten users" in run.out


def test_what_is_left_of_a_user_is_said_of_each_store() -> None:
    """Sealed files keep the record until they are pruned; a Redis keeps nothing."""
    of_a_redis, of_a_folder = (
        describe_forgotten(Forget("ann", 0), "there", is_stored=True, is_sealed=is_sealed)
        for is_sealed in (False, True)
    )
    assert of_a_redis.endswith("Nothing of it is left in its batches.")
    assert of_a_folder.endswith("may hold it unread: run the next batch, then prune.")


def test_the_command_tells_the_stream_where_there_is_one(
    run: Terminal, published: Shop, tmp_path: Path
) -> None:
    """The wish is appended, and waited for until the consumer, the only writer, has stored it."""
    events, profiles = tmp_path / "events.jsonl", published.profiles
    events.touch()

    def consume() -> None:
        with (
            closing(open_online_writer(str(profiles))) as writer,
            closing(open_consumer(str(events))) as consumer,
        ):
            while not (records := consumer.read(max_records=10, timeout_s=0.2).records):
                pass
            for each in records:
                assert isinstance(each, Forget)
                writer.forget(each.user_id, each.timestamp_s)

    consuming = threading.Thread(target=consume)
    consuming.start()
    flags = ("--profiles", profiles, "--events", events, "--wait-s", HANG_S)
    assert run("forget", "user-01", *flags) == 0, run.err
    consuming.join()
    assert "Forgotten in" in run.out


def test_a_stream_that_nobody_reads_is_told_of(run: Terminal, published: Shop, tmp_path: Path) -> None:
    """The wish is not lost, and whoever asked hears that it does not hold yet."""
    events, profiles = tmp_path / "events.jsonl", published.profiles
    events.touch()
    flags = ("--profiles", profiles, "--events", events, "--wait-s")
    assert run("forget", "user-01", *flags, 0.1) == 1
    assert "is in the event stream for good. But no consumer stored it within 0.1 s" in run.err
    assert run("forget", "user-02", *flags, 0) == 0
    assert "it holds once a consumer has read it" in run.out
    with closing(open_consumer(str(events))) as consumer:
        records = consumer.read(max_records=10, timeout_s=1).records
    assert [each.user_id for each in records] == ["user-01", "user-02"]


def test_a_store_that_held_nothing_is_said_to_be_one(run: Terminal, tmp_path: Path) -> None:
    """A wish may come before the first batch; but a slip in the folder's name must not look like one."""
    (tmp_path / "slip").mkdir()
    assert run("forget", "user-01", "--profiles", tmp_path / "slip") == 0
    assert "slip held no profiles: see whether it is what the servers read." in run.out
    assert run("forget", "user-02", "--profiles", tmp_path / "slip") == 0
    assert "held no profiles" not in run.out


def test_a_place_that_does_not_exist_is_named_and_not_made(
    run: Terminal, published: Shop, tmp_path: Path
) -> None:
    """Neither the store nor the stream: nobody would read what was written there."""
    nowhere, nothing = tmp_path / "nowhere", tmp_path / "nothing.jsonl"
    assert run("forget", "user-01", "--profiles", nowhere) == 1
    assert f"nobody was forgotten, --profiles {nowhere} does not exist: name the store that" in run.err
    assert run("forget", "user-01", "--profiles", published.profiles, "--events", nothing) == 1
    assert f"nobody was forgotten, --events {nothing} does not exist: name the stream that" in run.err
    assert run.out == ""
    assert not nowhere.exists()
    assert not nothing.exists()


@pytest.mark.parametrize(("user_id", "why"), [("", "no user id"), ("ü" * 65, "user id over 128 bytes")])
def test_what_is_no_user_is_refused(run: Terminal, published: Shop, user_id: str, why: str) -> None:
    """With the reason, and nothing stored."""
    assert run("forget", user_id, "--profiles", published.profiles) == 1
    assert f"nobody was forgotten, {why}: give the id of a user" in run.err


def test_a_consumer_at_work_is_not_overtaken(run: Terminal, published: Shop) -> None:
    """There is one writer: the message names it, and the way through the stream."""
    profiles = published.profiles
    with closing(open_online_writer(str(profiles))):
        assert run("forget", "user-01", "--profiles", profiles) == 1
    assert "has a writer already" in run.err
    assert "through the event stream (--events)" in run.err
