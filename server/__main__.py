"""`python -m server`: serve until told to stop."""

import signal
import sys
import threading
from types import FrameType

from process.commands import Program
from process.logs import configure_logs
from server.bootstrap import build_server
from server.errors import StartError
from server.serving import Ports, RunningServer
from server.settings import ServerSettings
from storage.errors import StorageError


def serve(settings: ServerSettings) -> None:
    """Serve until SIGTERM (drains first) or SIGINT (ends at once, calls in flight may finish)."""
    configure_logs(log_format=settings.log_format)
    stop, skip_drain = threading.Event(), threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        # A second signal does not wait for the drain.
        if number == signal.SIGINT or stop.is_set():
            skip_drain.set()
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    server = build_server(settings)
    server.start(Ports(host=settings.host, port=settings.port, metrics_port=settings.metrics_port))
    stop.wait()
    _end(server, settings, skip_drain)


def _end(server: RunningServer, settings: ServerSettings, skip_drain: threading.Event) -> None:
    server.drain()
    skip_drain.wait(timeout=settings.drain_s)
    server.stop(settings.grace_s)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("server", expected=(StartError, StorageError))
    program.command("serve", ServerSettings, serve)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
