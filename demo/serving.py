"""The server, as a process of its own: started on a free port, waited for, always stopped."""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from demo.errors import DemoError
from demo.processes import python_command, running, typed
from demo.worlds import World

START_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.05
LAST_LINES = 10


def server_command(world: World) -> tuple[str, ...]:
    """Serve the world on a free loopback port, with its log as JSON and without a drain at the end."""
    return python_command(
        "server",
        *("--pins", world.pins, "--profiles", world.profiles),
        *("--port", "0", "--metrics-port", "0", "--drain-s", "0", "--log-format", "json"),
    )


@contextmanager
def served(world: World) -> Iterator[str]:
    """Serve the world as long as the block lasts; gives the server's address, HOST:PORT.

    Raises:
        DemoError: The server did not start; the message holds its last words.
    """
    command, log = server_command(world), world.server_log
    with log.open("wb") as output, running(command, output) as process:
        yield _address(process, command, log)


def _address(process: subprocess.Popen[bytes], command: Sequence[str], log: Path) -> str:
    give_up = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up:
        address = address_in(log.read_text(encoding="utf-8", errors="replace"))
        if address:
            return address
        if process.poll() is not None:
            raise DemoError(f"the server ended at once. `{typed(command)}` said:\n{_last_words(log)}")
        time.sleep(LOOK_EVERY_S)
    raise DemoError(f"the server did not start within {START_TIMEOUT_S:.0f} s; see {log}")


def address_in(log: str) -> str | None:
    """The address in the server's log line that says it is serving, or None as long as there is none."""
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") == "serving":
            return str(entry["address"])
    return None


def _last_words(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:])
