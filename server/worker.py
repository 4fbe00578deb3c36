"""A process that answers calls: alone, or one of several under a supervisor."""

import gc
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from server.bootstrap import Wired, build_server, build_worker
from server.bootstrap_metrics import build_worker_metrics
from server.ending import Ending
from server.errors import StartError
from server.logs import configure
from server.metrics_files import Counting
from server.ports import Ports
from server.serving import RunningServer
from server.settings import ServerSettings
from server.side_threads import LOW_PRIORITY, Ticker, yield_to_others
from server.vouching import Versions
from storage.errors import StorageError

# All that a worker says to its supervisor, over and over: that it lives, and then that it serves.
ALIVE, READY = "alive", "ready"
BEAT_S = 1.0

# The supervisor reads what its workers wrote down at each scrape.
_REFRESH_S = 1.0
# Beyond its grace a worker without a supervisor is ended whatever it does.
_LEFT_ALONE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a supervisor tells a worker at its start.

    Attributes:
        settings: Of the server.
        name: The worker's, the same for the one that takes its place.
        port: To listen on; the supervisor holds it.
        metrics: The folder where all workers count.
        versions: To begin with; the supervisor vouches for them.
    """

    settings: ServerSettings
    name: str
    port: int
    metrics: Path
    versions: Versions


def serve_alone(settings: ServerSettings, port: int, ending: Ending) -> None:
    """Serve on a port that is held, until told to end."""
    _spare_the_collector()
    server = build_server(settings)
    ending.listen()
    server.start(_ports(settings, port, settings.metrics_port))
    _until_told(server, settings, ending)


def work(task: Task, supervisor: Connection) -> None:
    """Serve as one of several; what a spawned process runs.

    Args:
        task: What to do.
        supervisor: Sends versions to serve, and is told that this process lives, and when it is ready. When
            it closes, the supervisor is gone, and this process ends: no worker is left behind.
    """
    ending = Ending()
    configure(task.settings, task.name)
    link = Link(supervisor, ending, task.settings.grace_s)
    try:
        _work(task, link, ending)
    except (StartError, StorageError) as error:
        print(f"server: {error}", file=sys.stderr)
        sys.exit(1)


def _work(task: Task, link: "Link", ending: Ending) -> None:
    _spare_the_collector()
    settings = task.settings
    metrics = build_worker_metrics(settings, Counting(task.metrics, task.name))
    wired = build_worker(settings, task.versions, metrics)
    wired.server.watch(Ticker(metrics.gauges.refresh, name="gauges", every_s=_REFRESH_S))
    ending.listen()
    # The supervisor's metrics are of all workers.
    wired.server.start(_ports(settings, task.port, metrics_port=0))
    link.follow(wired)
    _until_told(wired.server, settings, ending)


def _ports(settings: ServerSettings, port: int, metrics_port: int) -> Ports:
    return Ports(
        host=settings.host,
        port=port,
        metrics_port=metrics_port,
        health_port=settings.health_port,
        is_held=True,
    )


def _spare_the_collector() -> None:
    """What was imported stays for good: no full round of Python's collector need look through it again."""
    gc.collect()
    gc.freeze()


def _until_told(server: RunningServer, settings: ServerSettings, ending: Ending) -> None:
    ending.wait()
    server.drain()
    ending.wait_for_drain(settings.draining_s)
    if not server.stop(settings.grace_s):
        # Python would wait for a thread that waits for a store, for as long as that takes.
        os._exit(0)


class Link:
    """The worker's end of the line to its supervisor, listened to and spoken on from the first moment on."""

    def __init__(self, supervisor: Connection, ending: Ending, grace_s: float) -> None:
        self._supervisor, self._ending, self._grace_s = supervisor, ending, grace_s
        self._ready = threading.Event()
        self._wired: Wired | None = None
        threading.Thread(target=self._listen, name="supervisor", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def follow(self, wired: Wired) -> None:
        """Say that this worker serves; serve what it is told to from now on."""
        self._wired = wired
        self._ready.set()

    def _beat(self) -> None:
        """Whatever the other threads do: opening an artefact may take minutes."""
        # Whoever listens notices that the supervisor is gone.
        with suppress(OSError):
            while not self._ready.is_set():
                self._supervisor.send(ALIVE)
                self._ready.wait(BEAT_S)
            while True:
                self._supervisor.send(READY)
                time.sleep(BEAT_S)

    def _listen(self) -> None:
        # Here versions are opened and lists fetched for them, beside the calls.
        yield_to_others(LOW_PRIORITY)
        try:
            while True:
                versions: Versions = self._supervisor.recv()
                if self._wired is not None:
                    self._wired.exchange.swap(versions)
        except (EOFError, OSError):
            self._end()

    def _end(self) -> NoReturn:
        """The supervisor is gone: the calls under way may finish, and nothing else."""
        if self._ready.is_set():
            self._ending.now()
            time.sleep(self._grace_s + _LEFT_ALONE_S)
        os._exit(1)
