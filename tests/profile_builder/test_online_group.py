"""RELIABILITY 11: processes share a stream, a store and an archive; one joins and leaves again and again."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from storage.events.opening import open_appender
from storage.events.records import Event
from storage.model_file import write_model_file
from storage.profiles.opening import open_online_writer
from storage.profiles.store import OnlineWriter
from tests.profile_builder.conftest import Shop
from tests.profile_builder.online_process import OnlineProcess, running
from tests.profile_builder.world import MODEL
from tests.reliability.shares import seeds
from tests.storage.events.brokers import brokers
from tests.storage.events.streams import PASSED_ON_S, make_topic, producing, real_kafka
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_COUNTED = 'pinnersage_online_records_total{outcome="counted"}'
_LAG = "pinnersage_online_lag_records"
_WAITS = f"session_s={PASSED_ON_S:g}&timeout_s={HANG_S:g}"
_AT_A_TIME, _EVERY_S = 10, 0.05
# So many that nobody has more than the 20 actions that a record keeps.
_N_USERS = 5_000


@contextmanager
def mock_stream() -> Iterator[str]:
    with brokers() as kafka:
        yield f"kafka://{kafka}/events?group=online&{_WAITS}"


@contextmanager
def real_stream(kafka: str) -> Iterator[str]:
    topic = f"events-{secrets.token_hex(4)}"
    with producing(kafka) as producer:
        make_topic(producer, topic)
    yield f"kafka://{kafka}/{topic}?group={topic}&{_WAITS}"


_STREAMS = [pytest.param(mock_stream, id="mock-kafka")]
if (_kafka := real_kafka()) is not None:
    _STREAMS.append(pytest.param(partial(real_stream, _kafka), id="real-kafka"))


@pytest.fixture(params=_STREAMS)
def stream(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a stream of several partitions, with a group."""
    with request.param() as url:
        yield url


@pytest.fixture
def store() -> Iterator[str]:
    valkey = Valkey()
    yield valkey.url()
    valkey.stop()


@contextmanager
def appending(url: str) -> Iterator[list[Event]]:
    """Events of some users, as long as the block lasts; none is like another."""
    appended: list[Event] = []
    ended = threading.Event()

    def go_on() -> None:
        with closing(open_appender(url)) as appender:
            while not ended.wait(_EVERY_S):
                numbers = range(len(appended), len(appended) + _AT_A_TIME)
                events = [new_event(number) for number in numbers]
                appender.append(events)
                appended.extend(events)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield appended
    finally:
        ended.set()
        thread.join()


def new_event(number: int) -> Event:
    return Event(user_of(number), f"cat-{number % 7}", int(time.time()), "save", f"e{number}")


def user_of(number: int) -> str:
    return f"user-{number % _N_USERS}"


def archived(folder: Path) -> Counter[str]:
    """How often each event's id is there."""
    files = folder.rglob("*.parquet")
    return Counter(str(id_) for file in files for id_ in pq.ParquetFile(file).read()["event_id"].to_pylist())


def test_who_joins_and_leaves_costs_no_event(shop: Shop, tmp_path: Path, stream: str, store: str) -> None:
    """Neither fails; each event is in its user's record once, and in the archive once."""
    write_model_file(shop.model, MODEL)
    archive = tmp_path / "actions"
    of_all = ("--events", stream, "--profiles", store, "--pins", shop.pins, "--model", shop.model)
    given = (*of_all, "--archive", archive)
    with running(*given) as stays, closing(open_online_writer(store)) as records:
        with appending(stream) as appended:
            until_it_counts(stays)
            for _ in seeds(20):
                join_and_leave(given, stays)
        # What a process shows as its lag is of its partitions, and of a moment ago.
        stays.eventually(lambda: in_records(records).total() >= len(appended))
        stays.eventually(lambda: stays.metric(_LAG) == 0)
        end(stays)
        assert in_records(records) == Counter(map(as_counted, appended))
    assert archived(archive) == Counter(each.event_id for each in appended)


def in_records(records: OnlineWriter) -> Counter[tuple[str, str, int]]:
    """How often each action is in its user's record."""
    return Counter(action for number in range(_N_USERS) for action in actions_of(records, user_of(number)))


def actions_of(records: OnlineWriter, user: str) -> Iterator[tuple[str, str, int]]:
    kept = records.get(user)
    if kept is not None:
        yield from ((user, pin, int(at_s)) for pin, at_s in zip(kept.pin_ids, kept.times_s, strict=True))


def as_counted(event: Event) -> tuple[str, str, int]:
    return event.user_id, event.pin_id, event.timestamp_s


def join_and_leave(given: tuple[object, ...], stays: OnlineProcess) -> None:
    """Another process takes partitions over, counts, and is stopped."""
    with running(*given) as joins:
        until_it_counts(joins, stays)
        end(joins)


def until_it_counts(process: OnlineProcess, *others: OnlineProcess) -> None:
    """Wait for its first event, with a word of all who share the stream when there is none."""

    def said() -> str:
        return "\n\n".join(each.said() for each in (process, *others))

    wait_until(lambda: process.metric(_COUNTED) > 0, said)


def end(process: OnlineProcess) -> None:
    """Stop it; nothing had to be opened again."""
    said = process.end()
    assert "all is opened again" not in said, said
