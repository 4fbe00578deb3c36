"""Speaking to a Redis in the stream's own words."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from storage.errors import EventStreamError, StreamFullError, StreamUnavailableError
from storage.events.address import RedisAddress

FIELD = b"event"
"""The field of an entry that holds the record's JSON."""


def connect(address: RedisAddress) -> Redis:
    """A client; it connects when it is first used."""
    return Redis(
        host=address.host,
        port=address.port,
        db=address.database,
        username=address.username,
        password=address.password,
        socket_timeout=address.timeout_s,
        socket_connect_timeout=address.timeout_s,
        socket_keepalive=True,
        ssl=address.tls,
        ssl_ca_certs=address.ca_file,
        # What was sent may have been done: who asked knows whether doing it twice is harmless.
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


@contextmanager
def plainly(address: RedisAddress) -> Iterator[None]:
    """Turn what the client raises into the stream's errors.

    Raises:
        StreamFullError: It may not take more memory.
        StreamUnavailableError: Whatever else it was.
    """
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise _as_stream_error(address, error) from error


def _as_stream_error(address: RedisAddress, error: Exception) -> EventStreamError:
    if isinstance(error, exceptions.OutOfMemoryError) or "OOM command" in str(error):
        return StreamFullError(
            f"{address} takes no more: its maxmemory is reached. Raise it, or bound the stream (maxlen)."
        )
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError):
        return StreamUnavailableError(
            f"{address} refuses us: {error}. Check the user, its password and its ACL."
        )
    if "WRONGTYPE" in str(error):
        return StreamUnavailableError(
            f"{address}: this key holds something else than a stream. Name another."
        )
    if "NOGROUP" in str(error):
        return StreamUnavailableError(
            f"{address}: the stream or its group was deleted. Start again to read what is there by now."
        )
    return StreamUnavailableError(f"{address} cannot be used: {error}")
