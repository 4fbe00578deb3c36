"""What becomes of workers: when they are replaced, and what a failed start says."""

import errno
import math
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from process.flags import Flag
from server.ending import Ending
from server.errors import StartError
from server.team import Team
from server.vouching import Versions
from server.worker import Task
from server.worker_place import RESTARTS, Restarts, Worker
from tests.server.conftest import settings
from tests.waiting import HANG_S, wait_until

OLD, NEW = Versions("pins-1", "profiles-1"), Versions("pins-2", "profiles-1")


def test_who_had_served_is_replaced_at_once() -> None:
    """The pause grows only with starts that come to nothing."""
    assert RESTARTS.pause_s(0) == 0.1
    assert [Restarts(first_s=1, factor=2, longest_s=10).pause_s(n) for n in range(6)] == [1, 2, 4, 8, 10, 10]
    assert RESTARTS.pause_s(1_000_000) == RESTARTS.longest_s


class FakeWorker(Worker):
    """A place whose process lives as a test says: each look is the next of `life`, then it lives on."""

    def __init__(self, *life: str) -> None:
        self.life, self.told, self.starts = list(life), list[Versions](), list[Versions]()
        self.signals: list[int] = []
        self.is_ready = False
        self.done = threading.Event()

    @property
    def waited_for(self) -> list[Connection | int]:
        return []

    def start(self, versions: Versions) -> None:
        if not self.starts:
            self.starts.append(versions)

    def hear(self) -> None:
        pass

    @property
    def is_quiet(self) -> bool:
        return False

    def excuse(self) -> None:
        pass

    def look(self, *, is_patient: bool = False) -> bool:
        event = self.life.pop(0) if self.life else ""
        self.is_ready = event == "ready" or (self.is_ready and event != "dies")
        if not self.life:
            self.done.set()
        return event == "dies early"

    def serves(self) -> bool:
        return self.is_ready

    def tell(self, versions: Versions, *, again: bool) -> None:
        if again:
            self.told.append(versions)

    def signal(self, number: int) -> None:
        self.signals.append(number)

    def end(self, by_s: float) -> None:
        assert by_s > time.monotonic()


class OfTest(Ending):
    """Told to end by the test; signals are left alone."""

    def __init__(self) -> None:
        self._told, self._at_once = Flag(), Flag()


def run(team: Team, ending: Ending, *workers: FakeWorker) -> None:
    """Run until all workers have lived their lives."""
    running = threading.Thread(target=team.run, args=(ending,))
    running.start()
    for worker in workers:
        assert worker.done.wait(HANG_S)
    ending.now()
    running.join(HANG_S)
    assert not running.is_alive()


def test_a_worker_that_cannot_start_ends_the_server() -> None:
    """At the first start: whoever started the server must learn of it."""
    team = Team([FakeWorker("ready"), FakeWorker("dies early")], OLD)
    with pytest.raises(StartError, match="a worker ended before it could serve: it has said why"):
        team.run(OfTest())


def test_later_a_worker_that_cannot_start_costs_nobody_else() -> None:
    """Once all have served, the others go on while it is tried again."""
    first, second = FakeWorker("ready"), FakeWorker("ready", "dies", "dies early", "dies early", "ready")
    run(Team([first, second], OLD), OfTest(), first, second)
    assert second.is_ready


class Refused(FakeWorker):
    """Once it has died the system refuses its next process, once."""

    n_refused = 0

    def start(self, versions: Versions) -> None:
        if self.starts and not self.is_ready and not self.n_refused:
            self.n_refused += 1
            raise StartError("no more processes")
        super().start(versions)


def test_later_a_process_that_is_refused_costs_nobody_else() -> None:
    """The others go on, and it is tried again."""
    first, second = FakeWorker("ready"), Refused("ready", "dies", "", "ready")
    run(Team([first, second], OLD), OfTest(), first, second)
    assert (second.n_refused, second.is_ready) == (1, True)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(settings=settings(), name="1", port=1, metrics=tmp_path, versions=OLD)


# What fails where there are too many processes, and where too many files are open.
REFUSALS = ["multiprocessing.context.SpawnProcess.start", "multiprocessing.connection.Pipe"]


@pytest.mark.parametrize("step", REFUSALS)
def test_a_process_that_is_refused_is_tried_again_later(
    step: str, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later and later, with nothing left open; it is said each time."""
    tried: list[float] = []

    def refuse(*_: object) -> NoReturn:
        tried.append(time.monotonic())
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(step, refuse)
    worker = Worker(task, Restarts(first_s=0.01, factor=1e6, longest_s=HANG_S))
    n_open = len(os.listdir("/proc/self/fd"))
    with capture_logs() as logs:
        for n in (1, 2):
            with pytest.raises(StartError, match="worker 1 cannot be started: Resource temporarily unavail"):
                wait_until(lambda: worker.start(OLD))
            assert len(tried) == n
            assert not worker.look()
        # The second pause is long.
        worker.start(OLD)

    assert len(tried) == 2
    assert tried[1] - tried[0] >= 0.01
    assert [line["starts_again_in_s"] for line in logs] == [0.01, HANG_S]
    assert worker.waited_for == []
    assert len(os.listdir("/proc/self/fd")) == n_open


def test_a_process_that_is_refused_at_the_first_start_ends_the_server(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started the server must learn of it, in a sentence."""

    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(REFUSALS[0], refuse)
    with pytest.raises(StartError, match="worker 1 cannot be started: Cannot allocate memory"):
        Team([FakeWorker("ready"), Worker(task)], OLD).run(OfTest())


def test_every_worker_is_told_of_new_versions() -> None:
    """And again at every look at what is published: one may not have been able to take them."""
    workers = [FakeWorker("ready", ""), FakeWorker("ready", "")]
    team = Team(workers, OLD)
    team.serve(NEW)
    run(team, OfTest(), *workers)
    assert [worker.told for worker in workers] == [[NEW], [NEW]]
    assert team.versions == NEW


def end(team: Team, ending: Ending) -> None:
    """Draining would take for ever."""
    done = threading.Thread(target=team.end, args=(ending, math.inf, 1.0), daemon=True)
    done.start()
    done.join(HANG_S)
    assert not done.is_alive()


def test_a_server_that_serves_nobody_yet_ends_at_once() -> None:
    """Nobody has to be led away from workers that are gone, or were never ready; that is said."""
    workers = [FakeWorker(), FakeWorker()]
    with capture_logs() as logs:
        end(Team(workers, OLD), OfTest())
    assert [worker.signals for worker in workers] == [[signal.SIGTERM, signal.SIGINT]] * 2
    assert [each["event"] for each in logs] == ["no drain: no worker serves"]


def test_one_worker_that_serves_is_drained() -> None:
    """Until a second signal comes, or it is gone."""
    first, second = FakeWorker("ready", "dies"), FakeWorker("")
    first.look()
    team, ending = Team([first, second], OLD), OfTest()
    ended = threading.Thread(target=end, args=(team, ending))
    ended.start()
    wait_until(lambda: bool(first.signals))
    assert first.signals == [signal.SIGTERM]
    assert ended.is_alive()
    ending.now()
    ended.join(HANG_S)
    assert first.signals == [signal.SIGTERM, signal.SIGINT]


class Drained(FakeWorker):
    """Is gone after some looks."""

    def serves(self) -> bool:
        self.look()
        return self.is_ready


def test_a_drain_ends_with_the_last_worker() -> None:
    """Should all of them die meanwhile, nobody is waited for."""
    worker = Drained("ready", "", "dies")
    end(Team([worker], OLD), OfTest())
    assert not worker.is_ready
