"""`python -m server`: serve until told to stop."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from process.commands import Program
from process.logs import configure_logs
from process.user_hashes import user_hash
from server.bootstrap import build_server
from server.errors import StartError
from server.ports import Ports
from server.settings import ServerSettings
from storage.errors import StorageError

# What a shell reports of a process that a signal ended.
ENDED_BY_SIGNAL = 128


def serve(settings: ServerSettings) -> None:
    """Serve until SIGTERM (drains first) or SIGINT (ends at once, calls in flight may finish)."""
    hash_user = user_hash(settings.log_salt) if settings.log_salt else None
    configure_logs(log_format=settings.log_format, level=settings.log_level, hash_user=hash_user)
    # Until there is a server nothing is lost by ending at once. Said, because process 1 has no default.
    _on_signals(_leave)
    server = build_server(settings)
    stop, skip_drain = threading.Event(), threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        # A second signal does not wait for the drain.
        if number == signal.SIGINT or stop.is_set():
            skip_drain.set()
        stop.set()

    _on_signals(end)
    server.start(Ports(host=settings.host, port=settings.port, metrics_port=settings.metrics_port))
    stop.wait()
    server.drain()
    skip_drain.wait(timeout=settings.draining_s)
    server.stop(settings.grace_s)


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(ENDED_BY_SIGNAL + number)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("server", expected=(StartError, StorageError))
    program.command("serve", ServerSettings, serve)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
