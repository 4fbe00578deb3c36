"""The supervisor's own threads: none of them keeps the workers from being told to end."""

import signal
import threading
from pathlib import Path

import pytest

from server import supervisor
from server.ending import Ending
from server.metrics_catalogue import Artefact
from server.vouching import Versions
from server.worker import Task
from tests.server.conftest import settings
from tests.server.test_team import FakeWorker, OfTest
from tests.waiting import HANG_S, wait_until

VERSIONS = Versions("pins-1", "profiles-1")


class Reading:
    """Vouches for versions; looks at the next one until it is let go."""

    refused: frozenset[Artefact] = frozenset()

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def begin(self) -> Versions:
        return VERSIONS

    def look(self, served: Versions) -> Versions:
        self.begun.set()
        # Longer than anything here waits for it.
        assert self.let_go.wait(2 * HANG_S)
        return served


class Deaf(OfTest):
    """Told to end by the test alone."""

    def listen(self) -> None:
        pass

    def drain(self) -> None:
        """What a SIGTERM does."""
        self._told.set()


class Supervised:
    """A supervisor of two workers that serve, in a thread of its own."""

    def __init__(self, reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workers, self._said, self.ending = list[FakeWorker](), list[bool](), Deaf()
        monkeypatch.setattr(supervisor, "build_vouching", lambda *_: reading)
        monkeypatch.setattr(supervisor, "Worker", self._worker)
        self._thread = threading.Thread(target=self._run, args=(self.ending,), daemon=True)
        self._thread.start()

    def says(self) -> bool:
        """What `supervise` returned."""
        self._thread.join(HANG_S)
        assert not self._thread.is_alive()
        return self._said[0]

    def _worker(self, _task: Task, **_: object) -> FakeWorker:
        self.workers.append(FakeWorker("ready"))
        return self.workers[-1]

    def _run(self, ending: Ending) -> None:
        self._said.append(supervisor.supervise(settings(workers=2, poll_s=0.001), 1, ending))


@pytest.fixture
def reading() -> Reading:
    return Reading()


@pytest.fixture
def supervised(reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervised:
    """One that is reading a version, and whose workers serve."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = Supervised(reading, monkeypatch)
    assert reading.begun.wait(HANG_S)
    # Without this they are not drained, but ended.
    wait_until(lambda: all(worker.serves() for worker in found.workers))
    return found


def test_workers_are_told_to_end_while_a_version_is_read(reading: Reading, supervised: Supervised) -> None:
    """Of many gigabytes that takes minutes: whoever told the server to end would kill it, calls and all."""
    supervised.ending.drain()
    wait_until(lambda: all(worker.signals for worker in supervised.workers))
    assert [worker.signals for worker in supervised.workers] == [[signal.SIGTERM]] * 2
    supervised.ending.now()
    # Nor does it wait for the version after them; it says so, since the thread is still there.
    assert not supervised.says()
    reading.let_go.set()


def test_a_supervisor_that_reads_nothing_ends_in_order(
    reading: Reading, supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has let go of everything when it returns."""
    monkeypatch.setattr(supervisor, "_LET_GO_S", HANG_S)
    reading.let_go.set()
    supervised.ending.now()
    wait_until(lambda: all(worker.signals for worker in supervised.workers))
    assert supervised.says()
