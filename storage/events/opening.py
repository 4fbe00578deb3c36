"""The one URL setting of every program that touches the event stream, turned into an end of it."""

import time
from collections.abc import Callable
from typing import TypeVar

from storage.errors import StreamUnavailableError
from storage.events.address import Address, FileAddress, KafkaAddress, RedisAddress, event_address
from storage.events.decoding import DEFAULT_LIMITS, Clock, EventLimits
from storage.events.file.appender import FileAppender
from storage.events.file.consumer import FileConsumer
from storage.events.stream import EventAppender, EventConsumer, Resume, as_committed

End = TypeVar("End")

# What speaks to a Redis is imported where there is one: its client is a quarter of every program's start.

_NAME_CHARACTERS = 50


def shown(url: str) -> str:
    """A URL as it may be printed: without user and password."""
    return str(event_address(url))


def stream_name(url: str) -> str:
    """What tells the stream and the group from others in one store: the same wherever it is reached from.

    Raises:
        StreamUnavailableError: The URL names no stream.
    """
    address = event_address(url)
    if isinstance(address, FileAddress):
        # The end of a long path is what differs.
        return f"file:{address.path.resolve()}"[-_NAME_CHARACTERS:] + f":{address.group}"
    if isinstance(address, RedisAddress):
        return f"redis:{address.stream}:{address.group}"
    return f"kafka:{address.topic}:{address.group}"


def open_appender(url: str) -> EventAppender:
    """Append at `url`.

    Raises:
        EventStreamError: The URL names no stream, or one that cannot be used.
    """
    address: Address = event_address(url)
    if isinstance(address, FileAddress):
        return FileAppender(address.path)
    if isinstance(address, RedisAddress):
        from storage.events.redis.appender import RedisAppender  # noqa: PLC0415

        return RedisAppender(address)
    return _with_kafka(address, lambda: _kafka_appender(address))


def open_consumer(
    url: str,
    *,
    resume: Resume = as_committed,
    limits: EventLimits = DEFAULT_LIMITS,
    now: Clock = time.time,
) -> EventConsumer:
    """Read at `url`, as one of the group that it names; call it after spawning, never before.

    Args:
        url: See storage.events.address.
        resume: Where to go on, if the stream's own word does not count.
        limits: What is taken.
        now: The clock that tells what is in the future.

    Raises:
        EventStreamError: The URL names no stream, or one that cannot be used.
    """
    address: Address = event_address(url)
    if isinstance(address, FileAddress):
        return FileConsumer(address.path, address.group, resume=resume, limits=limits, now=now)
    if isinstance(address, RedisAddress):
        from storage.events.redis.consumer import RedisConsumer  # noqa: PLC0415

        return RedisConsumer(address, resume=resume, limits=limits, now=now)
    return _with_kafka(address, lambda: _kafka_consumer(address, resume, limits, now))


def _with_kafka(address: KafkaAddress, opened: Callable[[], End]) -> End:
    try:
        return opened()
    except ModuleNotFoundError as error:
        raise StreamUnavailableError(
            f"{address}: the client of Kafka is not installed. Install requirements-kafka.lock."
        ) from error


def _kafka_appender(address: KafkaAddress) -> EventAppender:
    from storage.events.kafka.appender import KafkaAppender  # noqa: PLC0415 - installed for those who use it

    return KafkaAppender(address)


def _kafka_consumer(address: KafkaAddress, resume: Resume, limits: EventLimits, now: Clock) -> EventConsumer:
    from storage.events.kafka.consumer import KafkaConsumer  # noqa: PLC0415 - installed for those who use it

    return KafkaConsumer(address, resume=resume, limits=limits, now=now)
