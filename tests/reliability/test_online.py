"""RELIABILITY 11, 13, 15 and 26 for what the online profiles keep: records, positions, and the archive."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import lmdb
import pyarrow.parquet as pq
import pytest

from storage.events.file.appender import FileAppender
from storage.events.records import Event
from storage.profiles.encoding import is_online_record_of_another
from storage.profiles.lmdb.online import FILE, ONLINE_FOLDER
from storage.profiles.marks import encode_mark, mark_key
from storage.v1 import profile_pb2
from tests.profile_builder.online_world import W_S
from tests.profile_builder.week import Week
from tests.reliability.online_actions import ACTIONS, EVENTS, count
from tests.reliability.shares import chance, seeds
from tests.reliability.zygote import Zygote

pytestmark = pytest.mark.reliability

_MARKS = b"\xff"
_PORTION = 40


@pytest.fixture(scope="module")
def counting() -> Iterator[Zygote]:
    """Counts events in children that have nothing to import."""
    running = Zygote("tests.reliability.online_actions")
    yield running
    running.close()


def some_events(seed: int, n: int = _PORTION) -> list[Event]:
    """Users with many and with few actions, before and after the watermark, some with ids."""
    draw = chance("events", seed)
    return [
        Event(
            f"user-{int(draw.paretovariate(0.7)) % 15}",
            f"{draw.choice(['cat', 'car', 'bee', 'cow'])}-{draw.randrange(10)}",
            W_S + draw.randrange(-5_000, 50_000),
            "save",
            f"{seed}-{number}" if draw.random() < 0.5 else None,
        )
        for number in range(n)
    ]


def records(folder: Path) -> dict[bytes, bytes]:
    """Every record of the store, to the byte; the marks are left out."""
    with (
        lmdb.open(str(folder / ONLINE_FOLDER / FILE), subdir=False, readonly=True, lock=False) as env,
        env.begin() as txn,
    ):
        return {key: value for key, value in txn.cursor() if not key.startswith(_MARKS)}


def archived(folder: Path) -> Counter[tuple[object, ...]]:
    files = (folder / ACTIONS).rglob("*.parquet")
    return Counter(tuple(row.values()) for file in files for row in pq.ParquetFile(file).read().to_pylist())


def appended(events: list[Event]) -> Counter[tuple[object, ...]]:
    return Counter(
        (each.user_id, each.pin_id, each.timestamp_s, each.action, each.event_id) for each in events
    )


def one_ordered_pass(folder: Path, events: list[Event]) -> dict[bytes, bytes]:
    """What the same events make, each once and in order."""
    folder.mkdir()
    once = {each.key: each for each in events}
    append(folder, sorted(once.values(), key=lambda each: each.timestamp_s))
    assert count(str(folder), 0.0) == "done"
    return records(folder)


def append(folder: Path, events: list[Event]) -> None:
    appender = FileAppender(folder / EVENTS)
    appender.append(events)
    appender.close()


def test_killed_at_any_instant_it_ends_as_one_ordered_pass(
    tmp_path: Path, counting: Zygote, tally: Counter[tuple[str, ...]]
) -> None:
    """11, 13: shuffled, repeated events; every record equal to the byte, every row in the archive once."""
    folder, all_events, in_stream = tmp_path / "killed", list[Event](), list[Event]()
    folder.mkdir()
    for seed in seeds(500):
        draw = chance("kills", seed)
        events = some_events(seed)
        again = events + draw.sample(all_events + events, min(15, len(all_events)))
        draw.shuffle(again)
        append(folder, again)
        all_events += events
        in_stream += again
        ended = counting.run(
            "count", str(folder), draw.choice([0.002, 0.01, 0.03, 0.1]) * draw.random() + 1e-6
        )
        assert ended in {"done", f"signal {signal.SIGALRM:d}"}, f"seed {seed}"
        tally["online", "any instant", "kill", ended] += 1

    assert counting.run("count", str(folder), 0.0) == "done"
    assert records(folder) == one_ordered_pass(tmp_path / "ordered", all_events)
    assert archived(folder) == appended(in_stream)


def test_a_full_disk_is_got_over(tmp_path: Path, counting: Zygote, tally: Counter[tuple[str, ...]]) -> None:
    """15: refused writes lose nothing and spoil nothing; when there is room again, counting goes on."""
    folder, events = tmp_path / "full", list[Event]()
    folder.mkdir()
    n_refused = 0
    for seed in seeds(200):
        portion = some_events(10_000 + seed)
        append(folder, portion)
        events += portion
        if seed == 0:
            assert counting.run("count", str(folder), 0.0) == "done"
            continue
        ended = counting.run("count_on_a_full_disk", str(folder), seed)
        tally["online", "any write", "full disk", ended] += 1
        n_refused += ended == "refused"

    assert counting.run("count", str(folder), 0.0) == "done"
    assert records(folder) == one_ordered_pass(tmp_path / "ordered", events)
    assert archived(folder) == appended(events)
    assert n_refused


def test_the_week_in_full(tmp_path: Path) -> None:
    """11: seven days, with all that may go wrong between batch and online, seen at any moment."""
    for seed in seeds(100):
        folder = tmp_path / str(seed)
        folder.mkdir()
        Week(seed, folder).live()


def test_a_store_of_the_version_before_is_gone_on_from(tmp_path: Path, counting: Zygote) -> None:
    """26: records without hashes of events, and no marks: read from the beginning, nothing counts twice."""
    folder = tmp_path / "before"
    folder.mkdir()
    events = some_events(7, n=20)
    append(folder, events)
    assert counting.run("count", str(folder), 0.0) == "done"
    now = records(folder)
    (folder / ONLINE_FOLDER / FILE).unlink()
    with lmdb.open(str(folder / ONLINE_FOLDER / FILE), subdir=False) as env, env.begin(write=True) as txn:
        for user, value in now.items():
            txn.put(user, as_before(value))

    assert counting.run("count", str(folder), 0.0) == "done"

    after = records(folder)
    assert {user: actions(value) for user, value in after.items()} == {
        user: actions(value) for user, value in now.items()
    }


def as_before(value: bytes) -> bytes:
    """The record as the version before wrote it."""
    message = profile_pb2.OnlineProfile.FromString(value[4:])
    message.ClearField("event_hashes")
    content = message.SerializeToString(deterministic=True)
    return int(google_crc32c.value(content)).to_bytes(4, "little") + content


def actions(value: bytes) -> list[tuple[str, int]]:
    message = profile_pb2.OnlineProfile.FromString(value[4:])
    return list(zip(message.pin_ids, message.times_s, strict=True))


def test_the_version_before_passes_over_marks() -> None:
    """26: to it a mark is a record that is not whole, under a key that is no user's: it opens the file."""
    for text in ("17", "1:2 3:4", ""):
        assert not is_online_record_of_another(mark_key("events/0"), encode_mark("events/0", text))
