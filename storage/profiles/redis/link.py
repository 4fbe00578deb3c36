"""One process's connections to a Redis: a few commands there, as many answers back, or the store's own error.

Whatever interrupts a caller between its commands and their answers drops the connection: the next caller
would read answers meant for this one.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.retry import Retry

from storage.errors import (
    ProfileStoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from storage.profiles.redis.address import RedisAddress
from storage.profiles.redis.silence import Silence

# The client's connections are typed in part.
_Connection = Any

# What the client says of who does not answer, with its number of the fault.
_NOT_REACHED = re.compile(r"Error -?\d+ (?:while )?connecting to \S+\. (?P<why>.*?)\.?$", re.DOTALL)

Command = Sequence[str | bytes | int | float]
Reply = object
"""Bytes, an int, None, or a list of those."""


class Link:
    """Connections made as they are needed, kept and shared by any number of threads; open it after spawning.

    A caller has a connection of their own while they wait, so there are never more than threads.

    Args:
        address: The store.
        timeout_s: The longest that a connection, and then an answer, may take; default the address's.
    """

    def __init__(self, address: RedisAddress, *, timeout_s: float | None = None) -> None:
        self.address = address
        timeout_s = address.timeout_s if timeout_s is None else timeout_s
        self._connect, self._silence = partial(_connected, address, timeout_s), Silence(timeout_s)
        # One that a caller has is in no list: whatever becomes of the caller, nobody else gets it.
        self._idle: deque[_Connection] = deque(maxlen=address.connections)

    def ask(self, *commands: Command) -> list[Reply]:
        """The answers to the commands, in one round trip.

        Raises:
            StoreUnavailableError: It cannot be reached, does not answer in time, or refuses us; or it answers
                nobody, and another caller waits for it.
            StoreReadOnlyError: It is a replica.
            StoreFullError: It may not take more memory.
        """
        with self._plainly(), self._silence.asking():
            connection = self._taken() or self._connect()
            try:
                connection.send_packed_command(connection.pack_commands(commands))
                replies = [connection.read_response() for _ in commands]
            except BaseException:
                connection.disconnect()
                raise
            self._idle.append(connection)
            return replies

    def close(self) -> None:
        """Give all connections back."""
        while self._idle:
            self._idle.pop().disconnect()

    def _taken(self) -> _Connection | None:
        """An idle connection that the store has not closed, if there is one: the one used last."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            try:
                if not connection.can_read():
                    return connection
            except (exceptions.RedisError, OSError):
                pass
            connection.disconnect()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Turn what the client raises into the store's own errors."""
        try:
            yield
        except (exceptions.RedisError, OSError) as error:
            raise _as_store_error(self.address, error) from error


def _connected(address: RedisAddress, timeout_s: float) -> _Connection:
    tls = {
        "ssl_ca_certs": address.ca_file,
        "ssl_certfile": address.cert_file,
        "ssl_keyfile": address.key_file,
    }
    kind: _Connection = SSLConnection if address.tls else Connection
    connection = kind(
        host=address.host,
        port=address.port,
        db=address.database,
        username=address.username,
        password=address.password,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        socket_keepalive=True,
        # A second try would take a second timeout; who asked knows better whether to wait.
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
        **(tls if address.tls else {}),
    )
    connection.connect()
    return connection


def _as_store_error(address: RedisAddress, error: Exception) -> ProfileStoreError:
    if isinstance(error, exceptions.OutOfMemoryError):
        return StoreFullError(
            f"{address} takes no more: its maxmemory is reached. What was stored before stays, if its "
            "maxmemory-policy is noeviction."
        )
    if isinstance(error, exceptions.ReadOnlyError):
        return StoreReadOnlyError(f"{address} cannot be written to: it is a replica. Name the primary.")
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError):
        return StoreUnavailableError(
            f"{address} refuses us: {error}. Check the user, its password and its ACL."
        )
    if (found := _NOT_REACHED.match(str(error))) is not None:
        return StoreUnavailableError(
            f"{address} cannot be reached: {found['why']}. See whether the store runs, and whether its "
            "host and port are right."
        )
    return StoreUnavailableError(f"{address} cannot be used: {error}")
