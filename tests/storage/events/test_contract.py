"""What every event stream promises: one suite for the file, a real Valkey, a Kafka and the fake."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path

import pytest

from storage.errors import InvalidEventError, PartitionLostError
from storage.events.decoding import EventLimits
from storage.events.records import Event, Forget, Record
from storage.events.stream import EventConsumer
from tests.storage.events.streams import (
    NOW_S,
    PASSED_ON_S,
    Stream,
    entries,
    event,
    in_file,
    in_kafka,
    in_memory,
    in_redis,
    read_all,
    real_kafka,
    records,
)
from tests.waiting import HANG_S, wait_until

USERS = ("ann", "bob", "名前", "85123A")


_REAL_KAFKA = real_kafka()
_QUICK = ("memory", "file", "redis")
_REAL = ("real-kafka",) if _REAL_KAFKA else ()


@pytest.fixture(params=[*_QUICK, "mock-kafka", *_REAL])
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stream]:
    """Read by one, whom nobody takes for gone however slow the machine is."""
    with opened(request, tmp_path, session_s=HANG_S) as stream:
        yield stream


@pytest.fixture(params=[*_QUICK, pytest.param("mock-kafka", marks=pytest.mark.slow), *_REAL])
def passed_on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stream]:
    """Read by one after the other."""
    with opened(request, tmp_path, session_s=PASSED_ON_S) as stream:
        yield stream


def opened(
    request: pytest.FixtureRequest, tmp_path: Path, *, session_s: float
) -> AbstractContextManager[Stream]:
    if request.param == "memory":
        return in_memory()
    if request.param == "file":
        return in_file(tmp_path / "events.jsonl")
    if request.param == "redis":
        return in_redis(request.getfixturevalue("valkey_port"))
    if request.param == "mock-kafka":
        return in_kafka(request.getfixturevalue("mock_kafka"), session_s=session_s)
    assert _REAL_KAFKA
    return in_kafka(_REAL_KAFKA, session_s=session_s)


def all_of(consumer: EventConsumer, n: int) -> list[Record]:
    batches = read_all(consumer, n)
    for batch in batches:
        consumer.commit(batch.positions)
    return records(batches)


def test_records_come_back_as_they_were_appended(stream: Stream) -> None:
    """Ids in any script, with an event id or without, and tombstones: every field is the same."""
    written: list[Record] = [
        Event("名前", "85123A", 0, "save"),
        Event("名前", "ü" * 64, NOW_S, 'sa"ve\n', "id-1"),
        Forget("名前", NOW_S - 1),
    ]
    stream.appender.append(written)
    consumer = stream.consume()

    assert all_of(consumer, 3) == written
    assert consumer.read(10, 0.1).is_empty
    consumer.close()


def test_a_users_records_stay_in_order(stream: Stream) -> None:
    """However users are spread over partitions and records over appends, each user's come as appended."""
    for number in range(0, 30, 3):
        stream.appender.append(
            [event(user, number + step) for step in range(3) for user in USERS],
        )
    consumer = stream.consume()
    read = [each for each in all_of(consumer, 120) if isinstance(each, Event)]

    for user in USERS:
        assert [each for each in read if each.user_id == user] == [
            event(user, number) for number in range(30)
        ]
    consumer.close()


def test_what_was_not_committed_is_read_again_by_the_next(passed_on: Stream) -> None:
    """A consumer that ends between reading and committing loses nothing: another reads exactly the rest."""
    passed_on.appender.append([event("ann", number) for number in range(6)])
    first = passed_on.consume()
    committed, not_committed = read_all(first, 2, max_records=1), read_all(first, 2, max_records=1)
    assert records(not_committed) == [event("ann", 2), event("ann", 3)]
    first.commit(committed[-1].positions)
    first.close()
    second = passed_on.consume()

    assert all_of(second, 4) == [event("ann", number) for number in range(2, 6)]
    second.close()


def test_what_was_committed_is_not_read_again(passed_on: Stream) -> None:
    """Positions survive: a consumer that starts again finds only what came meanwhile."""
    passed_on.appender.append([event("ann", 0), event("ann", 1)])
    first = passed_on.consume()
    all_of(first, 2)
    first.close()
    passed_on.appender.append([event("ann", 2)])
    second = passed_on.consume()

    assert all_of(second, 1) == [event("ann", 2)]
    second.close()


def test_the_readers_own_position_beats_the_committed_one(passed_on: Stream) -> None:
    """Whoever keeps positions with its state goes on from there: further than committed, or less far."""
    passed_on.appender.append([event("ann", number) for number in range(4)])
    first = passed_on.consume()
    batches = [read_all(first, 1, max_records=1)[0] for _ in range(3)]
    first.commit(batches[1].positions)
    first.close()

    further = passed_on.consume(resume=batches[2].positions.get)
    assert all_of(further, 1) == [event("ann", 3)]
    further.close()
    back = passed_on.consume(resume=batches[0].positions.get)
    assert all_of(back, 3) == [event("ann", number) for number in (1, 2, 3)]
    assert back.read(10, 0.1).is_empty
    back.close()


def test_only_one_of_a_group_reads_a_partition(passed_on: Stream) -> None:
    """While one reads, another is given none of a user's records; when it ends, the other goes on."""
    passed_on.appender.append([event("ann", 0)])
    first = passed_on.consume()
    all_of(first, 1)
    second = passed_on.consume()
    if second.read(10, 0.3).records:
        pytest.fail("two consumers read one partition")
    first.close()
    passed_on.appender.append([event("ann", 1)])

    assert all_of(second, 1) == [event("ann", 1)]
    second.close()


def test_who_no_longer_reads_a_partition_cannot_commit_it(passed_on: Stream) -> None:
    """A position of another's reading is refused: it would hide records that nobody keeps."""
    passed_on.appender.append([event("ann", number) for number in range(2)])
    first = passed_on.consume()
    positions = read_all(first, 2)[-1].positions
    second = passed_on.consume()

    with pytest.raises(PartitionLostError, match="read"):
        second.commit(positions)
    first.close()
    assert all_of(second, 2) == [event("ann", 0), event("ann", 1)]
    second.close()


NOT_SECONDS = "time is not a whole number of seconds"
NOT_A_TEXT = "event id is not a text"
BAD = {
    b"": "not JSON",
    b'{"user_id": "ann", "pin': "not JSON",
    b'{"user_id": "ann", "pin_id": "p", "timestamp": NaN, "action": "save"}': "not JSON",
    b"[" * 10_000: "not JSON",
    b"\xff\xfe": "not UTF-8",
    b"[1, 2]": "not a JSON object",
    b'{"pin_id": "p", "timestamp": 1, "action": "save"}': "no user id",
    b'{"user_id": 7, "pin_id": "p", "timestamp": 1, "action": "save"}': "user id is not a text",
    b'{"user_id": "\\ud800", "pin_id": "p", "timestamp": 1, "action": "save"}': "user id is not UTF-8",
    b'{"user_id": "ann", "pin_id": "", "timestamp": 1, "action": "save"}': "no pin id",
    b'{"user_id": "ann", "pin_id": "'
    + b"p" * 129
    + b'", "timestamp": 1, "action": "a"}': "pin id over 128 bytes",
    b'{"user_id": "ann", "pin_id": "p", "action": "save"}': "no time",
    b'{"user_id": "ann", "pin_id": "p", "timestamp": "1", "action": "save"}': NOT_SECONDS,
    b'{"user_id": "ann", "pin_id": "p", "timestamp": true, "action": "save"}': NOT_SECONDS,
    b'{"user_id": "ann", "pin_id": "p", "timestamp": -1, "action": "save"}': "impossible time",
    b'{"user_id": "ann", "pin_id": "p", "timestamp": 1800000000000, "action": "save"}': "impossible time",
    b'{"user_id": "ann", "pin_id": "p", "timestamp": 1700003601, "action": "save"}': "time in the future",
    b'{"user_id": "ann", "pin_id": "p", "timestamp": 1}': "no action",
    b'{"user_id": "ann", "pin_id": "p", "timestamp": 1, "action": "a", "event_id": 5}': NOT_A_TEXT,
    b'{"user_id": "ann", "timestamp": 1, "forget": "yes"}': "forget is not true",
    b'{"user_id": "ann", "note": "' + b"x" * 20_000 + b'"}': "over 16,384 bytes",
}


def test_what_is_no_record_is_rejected_by_reason_and_stops_nobody(stream: Stream) -> None:
    """Whatever stands in a stream, what is good before, between and after it is read, in order."""
    for number, line in enumerate(BAD):
        stream.appender.append([event("ann", number)])
        stream.append_line("ann", line)
    stream.appender.append([event("ann", len(BAD))])
    consumer = stream.consume()
    batches = read_all(consumer, 2 * len(BAD) + 1, max_records=7)

    assert records(batches) == [event("ann", number) for number in range(len(BAD) + 1)]
    rejected = [each for batch in batches for each in batch.rejected]
    assert [each.reason for each in rejected] == list(BAD.values())
    assert max(len(each.value) for each in rejected) == 200
    consumer.commit(batches[-1].positions)
    consumer.close()


def test_a_time_a_little_ahead_is_taken(stream: Stream) -> None:
    """Clocks differ: an hour ahead is a record; fields that nobody knows are passed over."""
    content = {"user_id": "ann", "pin_id": "p", "timestamp": NOW_S + 3_600, "action": "save", "shop": 7}
    stream.append_line("ann", json.dumps(content).encode())
    consumer = stream.consume()

    assert all_of(consumer, 1) == [Event("ann", "p", NOW_S + 3_600, "save")]
    consumer.close()


def test_a_bad_record_is_refused_before_any_is_appended(stream: Stream) -> None:
    """The writer hears of it, in the words that a reader would reject it with."""
    with pytest.raises(InvalidEventError, match="pin id over 128 bytes"):
        stream.appender.append([event("ann", 0), Event("ann", "p" * 129, NOW_S, "save")])
    stream.appender.append([event("ann", 1)])
    stream.appender.append([])
    consumer = stream.consume()

    assert all_of(consumer, 1) == [event("ann", 1)]
    consumer.close()


def test_a_backlog_is_read_a_batch_at_a_time(stream: Stream) -> None:
    """However much there is, no batch is larger than asked for; together they are everything, once."""
    written = [event(f"user-{number % 7}", number) for number in range(1_000)]
    stream.appender.append(written)
    consumer = stream.consume(limits=EventLimits(max_bytes=1_000))
    batches = read_all(consumer, 1_000, max_records=64)

    assert max(entries([batch]) for batch in batches) <= 64
    assert sorted(map(str, records(batches))) == sorted(map(str, written))
    consumer.close()


def test_the_lag_is_what_is_not_committed(stream: Stream) -> None:
    """It falls with each commit, and is nothing at the end."""
    stream.appender.append([event("ann", number) for number in range(10)])
    consumer = stream.consume()
    lags = []
    for batch in read_all(consumer, 10, max_records=5):
        lags.append(behind(consumer))
        consumer.commit(batch.positions)
    lags.append(behind(consumer))

    assert all(before > after for before, after in pairwise(lags))
    assert lags[-1] == 0
    consumer.close()


def test_who_resumes_says_where(passed_on: Stream) -> None:
    """The reader before kept what it read, and ended before it could commit: nobody is behind."""
    passed_on.appender.append([event("ann", number) for number in range(10)])
    first = passed_on.consume()
    kept: dict[str, str] = {}
    for batch in read_all(first, 10):
        kept |= batch.positions
    first.close()

    asked: set[str] = set()

    def resume(partition: str) -> str | None:
        asked.add(partition)
        return kept.get(partition)

    second = passed_on.consume(resume=resume)
    wait_until(lambda: second.read(10, 0.1).is_empty and kept.keys() <= asked)
    assert behind(second) == 0
    second.close()
    passed_on.appender.append([event("ann", 10)])
    third = passed_on.consume()
    assert all_of(third, 1) == [event("ann", 10)]
    third.close()


def behind(consumer: EventConsumer) -> int:
    lag = consumer.lag()
    amount = lag.n_bytes if lag.n_records is None else lag.n_records
    assert amount is not None
    return amount
