"""A worker that lives and answers nobody is replaced; one that is only busy is not. Processes are real."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from server.bootstrap import Wired
from server.ending import Ending
from server.metrics_catalogue import Gone
from server.vouching import Versions
from server.worker import Link, Task
from server.worker_place import Restarts, Worker
from tests.server.conftest import settings
from tests.waiting import HANG_S, wait_until

VERSIONS = Versions("pins-1", "profiles-1")
# A look comes before the silence has lasted half as long.
SILENT_S, STEP_S = 10.0, 4.0

Run = Callable[[Task, Connection], None]


def serves(_task: Task, supervisor: Connection) -> None:
    """Says what a worker says that is ready."""
    Link(supervisor, Ending(), grace_s=0).follow(cast(Wired, None))
    while True:
        signal.pause()


def opens(_task: Task, supervisor: Connection) -> None:
    """Says what a worker says that is not, and is busy without end."""
    Link(supervisor, Ending(), grace_s=0)
    while True:
        sum(range(10_000))


def starts(_task: Task, supervisor: Connection) -> None:
    """Has not come as far as to say anything."""
    supervisor.poll(None)


class Place:
    """A worker's place, and a clock that a test moves."""

    def __init__(self, task: Task, run: Run) -> None:
        self.now_s, self.gone = 0.0, list[Gone]()
        self.worker = Worker(
            task,
            Restarts(silent_s=SILENT_S),
            run=run,
            count_gone=self.gone.append,
            clock=lambda: self.now_s,
        )
        self.worker.start(VERSIONS)

    @property
    def pid(self) -> int:
        (process,) = multiprocessing.active_children()
        assert process.pid is not None
        return process.pid

    def look(self, after_s: float = 0.0) -> None:
        self.now_s += after_s
        self.worker.look()

    def hear(self) -> None:
        """Wait until the worker has said something."""
        line = self.worker.waited_for[-1]
        assert isinstance(line, Connection)
        wait_until(line.poll)
        self.look()

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            self.look()
            return self.worker.is_ready

        wait_until(is_ready)

    def stop(self) -> int:
        """Stop the process where it is; what it had said is heard."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        # Each of its threads: the one that beats may be the last.
        wait_until(
            lambda: all(b") T " in each.read_bytes() for each in Path(f"/proc/{pid}/task").glob("*/stat"))
        )
        self.look()
        return pid

    def wait_until_gone(self) -> None:
        def is_gone() -> bool:
            self.look()
            return not self.worker.waited_for

        wait_until(is_gone)


Placed = Callable[[Run], Place]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Placed]:
    """Fill a place by a process; whatever fills it is killed after."""
    made: list[Place] = []

    def fill(run: Run) -> Place:
        task = Task(settings=settings(), name="1", port=1, metrics=tmp_path, versions=VERSIONS)
        made.append(Place(task, run))
        return made[-1]

    yield fill
    for each in made:
        each.worker.signal(signal.SIGKILL)
        each.worker.end(HANG_S)


def test_a_stopped_worker_is_killed_and_replaced(place: Placed) -> None:
    """It holds its port and answers nobody. That is said once, and counted."""
    a_place = place(serves)
    a_place.wait_until_ready()
    stopped = a_place.stop()
    with capture_logs() as logs:
        for _ in range(2):
            a_place.look(STEP_S)
            assert (a_place.pid, a_place.gone) == (stopped, [])
        a_place.look(STEP_S)
        a_place.wait_until_gone()
    assert a_place.gone == [Gone.SILENT]
    assert [each["event"] for each in logs] == ["worker killed: it is silent", "worker died"]
    a_place.now_s += 1.0
    a_place.worker.start(VERSIONS)
    a_place.wait_until_ready()
    assert a_place.pid != stopped


def test_what_the_supervisor_slept_through_is_no_silence(place: Placed) -> None:
    """The whole machine was suspended: a worker has as long as ever from when it goes on."""
    a_place = place(serves)
    a_place.wait_until_ready()
    a_place.stop()
    a_place.look(1_000 * SILENT_S)
    for _ in range(2):
        a_place.look(STEP_S)
    assert (len(multiprocessing.active_children()), a_place.gone) == (1, [])
    a_place.look(STEP_S)
    a_place.wait_until_gone()
    assert a_place.gone == [Gone.SILENT]


def test_a_worker_that_is_busy_is_no_silent_one(place: Placed) -> None:
    """It opens an artefact, and holds the interpreter as long as it can: it says that it lives."""
    a_place = place(opens)
    for _ in range(3):
        a_place.hear()
        a_place.look(STEP_S)
    assert not a_place.worker.is_ready
    assert (len(multiprocessing.active_children()), a_place.gone) == (1, [])


def test_a_worker_has_its_time_to_start(place: Placed) -> None:
    """On a busy machine Python's own start takes long: silence is what comes after a word."""
    a_place = place(starts)
    for _ in range(10):
        a_place.look(STEP_S)
    assert (len(multiprocessing.active_children()), a_place.gone) == (1, [])
    os.kill(a_place.pid, signal.SIGKILL)
    a_place.wait_until_gone()
    assert a_place.gone == [Gone.DIED]
