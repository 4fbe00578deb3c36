"""Appends to a stream of a Redis; what is acknowledged is as safe as that Redis is set up to keep it."""

from collections.abc import Sequence

from storage.events.address import RedisAddress
from storage.events.records import Record, encode
from storage.events.redis.client import FIELD, connect, plainly

_COMMANDS_AT_ONCE = 1_000


class RedisAppender:
    """Adds entries (an EventAppender).

    Args:
        address: The stream.

    Raises:
        StreamUnavailableError: The Redis cannot be reached.
    """

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._client = connect(address)
        with plainly(address):
            self._client.ping()

    def append(self, records: Sequence[Record]) -> None:
        """Append the records in order; when this returns the Redis has them."""
        lines = [encode(record) for record in records]
        with plainly(self._address):
            for at in range(0, len(lines), _COMMANDS_AT_ONCE):
                self._append(lines[at : at + _COMMANDS_AT_ONCE])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _append(self, lines: Sequence[bytes]) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for line in lines:
                pipeline.xadd(
                    self._address.stream, {FIELD: line}, maxlen=self._address.max_length, approximate=True
                )
            pipeline.execute()
