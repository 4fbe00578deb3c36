"""`python -m profile_builder online` in a process of its own, and what it says of itself."""

import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ports import free_port
from tests.waiting import HANG_S, wait_until

ROOT = Path(__file__).parents[2]


class OnlineProcess:
    """The process, with its metrics and its log.

    Args:
        arguments: Of the command, but for the metrics' port.
        log: A file for all that it says: a pipe that nobody reads would hold it up.
    """

    def __init__(self, arguments: tuple[object, ...], log: Path) -> None:
        self._port, self._log = free_port(), log
        command = [sys.executable, "-m", "profile_builder", "online", "--metrics-port", str(self._port)]
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [*command, *map(str, arguments)],
                cwd=ROOT,
                stderr=said,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            )

    def metric(self, name: str) -> float:
        """What it says of itself; -1 while it says nothing."""
        lines = (line for line in self._page().splitlines() if line.startswith(f"{name} "))
        return next((float(line.split()[-1]) for line in lines), -1.0)

    def said(self) -> str:
        """Its log and its metrics, so far."""
        return f"{self._log.read_text()}\n{self._page()}"

    def eventually(self, is_so: Callable[[], object]) -> None:
        """It comes true while the process runs; how long that takes is for others to judge."""

        def is_so_or_ended() -> bool:
            assert self._process.poll() is None, self.said()
            return bool(is_so())

        wait_until(is_so_or_ended, self.said)

    def end(self) -> str:
        """Stop it, which it has to do in order; all that it said."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(HANG_S) == 0, self.said()
        return self._log.read_text()

    def kill(self) -> None:
        """At once, if it still runs."""
        self._process.kill()
        self._process.wait()

    def _page(self) -> str:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=HANG_S) as page,
        ):
            return str(page.read().decode())
        return ""


@contextmanager
def running(*arguments: object) -> Iterator[OnlineProcess]:
    """The process, with these arguments; killed in the end, if it still runs."""
    with tempfile.TemporaryDirectory() as folder:
        process = OnlineProcess(arguments, Path(folder) / "log")
        try:
            yield process
        finally:
            process.kill()
