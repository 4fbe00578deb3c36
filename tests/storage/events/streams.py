"""One stream of each kind, with what the ports leave out: entries that are no records, a crash, a broker."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer
from redis import Redis

from storage.events.decoding import DEFAULT_LIMITS, EventLimits
from storage.events.memory import InMemoryConsumer, InMemoryEvents
from storage.events.opening import open_appender, open_consumer
from storage.events.records import Event, Record
from storage.events.stream import Batch, EventAppender, EventConsumer, Resume, as_committed
from tests.waiting import HANG_S

NOW_S = 1_700_000_000
PASSED_ON_S = 6.0
"""The session where readers follow each other: the shortest that brokers allow as they come.

Nobody is taken for gone whom the machine keeps waiting for a few seconds.
"""
REAL_KAFKA_VARIABLE = "PINNERSAGE_TEST_KAFKA"

AppendLine = Callable[[str, bytes], None]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One stream to be tested.

    Attributes:
        appender: Its end for writing.
        append_line: Appends any bytes as of a user.
        consume: Opens a consumer of the one group.
    """

    appender: EventAppender
    append_line: AppendLine
    consume: Callable[..., EventConsumer]


def event(user: str, number: int, *, event_id: str | None = None) -> Event:
    """A user's action number so and so, a second after the one before."""
    return Event(user, f"pin-{number}", NOW_S - 1_000 + number, "save", event_id)


def read_all(consumer: EventConsumer, n: int, *, max_records: int = 100) -> list[Batch]:
    """Batches until they hold `n` entries; a consumer may have to wait until it is given its partitions."""
    batches: list[Batch] = []
    until = time.monotonic() + HANG_S
    while entries(batches) < n and time.monotonic() < until:
        batch = consumer.read(max_records, 0.2)
        if not batch.is_empty:
            batches.append(batch)
    assert entries(batches) == n, f"{entries(batches)} of {n} entries came"
    return batches


def entries(batches: Sequence[Batch]) -> int:
    return sum(len(batch.records) + len(batch.rejected) for batch in batches)


def records(batches: Sequence[Batch]) -> list[Record]:
    return [record for batch in batches for record in batch.records]


@contextmanager
def in_memory() -> Iterator[Stream]:
    events = InMemoryEvents(n_partitions=2)

    def consume(resume: Resume = as_committed, limits: EventLimits = DEFAULT_LIMITS) -> EventConsumer:
        return InMemoryConsumer(events, resume=resume, limits=limits, now=lambda: NOW_S)

    yield Stream(appender=events, append_line=events.append_line, consume=consume)


@contextmanager
def in_file(path: Path) -> Iterator[Stream]:
    def append_line(_user: str, line: bytes) -> None:
        with path.open("ab") as file:
            file.write(line + b"\n")

    with _opened(f"file:{path}", append_line) as stream:
        yield stream


@contextmanager
def in_redis(port: int) -> Iterator[Stream]:
    name = f"events-{secrets.token_hex(4)}"
    client = Redis(port=port)

    def append_line(_user: str, line: bytes) -> None:
        client.xadd(name, {"event": line})

    url = f"redis://127.0.0.1:{port}/0?stream={name}&lease_s={HANG_S:g}&timeout_s={HANG_S:g}"
    with _opened(url, append_line) as stream:
        yield stream
    client.close()


@contextmanager
def in_kafka(brokers: str, *, session_s: float = HANG_S) -> Iterator[Stream]:
    """A reader that follows another waits about a session: brokers give partitions out anew only then."""
    topic = f"events-{secrets.token_hex(4)}"
    url = f"kafka://{brokers}/{topic}?session_s={session_s:g}&timeout_s={HANG_S:g}&group={topic}"

    def append_line(user: str, line: bytes) -> None:
        producer.produce(topic, line, user.encode())
        producer.flush(HANG_S)

    with producing(brokers) as producer:
        # Makes the topic, where brokers make what they are asked for.
        make_topic(producer, topic)
        with _opened(url, append_line) as stream:
            yield stream


@contextmanager
def producing(brokers: str) -> Iterator[Producer]:
    """What is left open goes on asking for brokers that have ended, and says so."""
    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random"})
    yield producer
    producer.close()


def make_topic(producer: Producer, topic: str) -> None:
    until = time.monotonic() + HANG_S
    while producer.list_topics(topic, timeout=HANG_S).topics[topic].error is not None:
        assert time.monotonic() < until, "the brokers do not make topics"
        time.sleep(0.1)


def real_kafka() -> str | None:
    """HOST:PORT of a broker to test with, or None."""
    return os.environ.get(REAL_KAFKA_VARIABLE)


@contextmanager
def _opened(url: str, append_line: AppendLine) -> Iterator[Stream]:
    opened: list[EventConsumer] = []

    def consume(resume: Resume = as_committed, limits: EventLimits = DEFAULT_LIMITS) -> EventConsumer:
        opened.append(open_consumer(url, resume=resume, limits=limits, now=lambda: NOW_S))
        return opened[-1]

    appender = open_appender(url)
    yield Stream(appender=appender, append_line=append_line, consume=consume)
    appender.close()
