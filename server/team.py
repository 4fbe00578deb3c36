"""The workers of one server: started, told what to serve, replaced when they die, ended together."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import structlog

from server.ending import Ending
from server.errors import StartError
from server.vouching import Versions
from server.worker import Task, work

# How late a signal is noticed, at worst.
_LOOK_S = 0.1
# What a worker may take beyond its drain and its grace.
_SPARE_S = 5.0

log = structlog.get_logger("server.team")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """When a worker that died is replaced: at once if it had served, later and later if it had not.

    Attributes:
        first_s: The pause after one that had served, and the first after one that had not.
        factor: What each further pause is longer by.
        longest_s: The longest.
    """

    first_s: float = 0.1
    factor: float = 2.0
    longest_s: float = 30.0

    def pause_s(self, n_failures: int) -> float:
        """The pause after so many starts in a row that came to nothing."""
        return min(self.longest_s, self.first_s * self.factor ** min(n_failures, 64))


RESTARTS = Restarts()


@dataclass(frozen=True, slots=True)
class _Running:
    """A worker's process, and our end of the line to it."""

    process: BaseProcess
    line: Connection


class Worker:
    """One place among the workers, whoever fills it at the moment.

    Args:
        task: What it does; the versions are told anew at each start.
        restarts: The policy.
    """

    def __init__(self, task: Task, restarts: Restarts = RESTARTS) -> None:
        self._task, self._restarts = task, restarts
        self._running: _Running | None = None
        self._told: Versions | None = None
        self._n_failures = 0
        self._due_s = 0.0
        self.is_ready = False

    @property
    def waited_for(self) -> list[Connection | int]:
        """What becomes readable when the worker is ready, or gone."""
        if self._running is None:
            return []
        sentinel = self._running.process.sentinel
        return [sentinel] if self.is_ready else [sentinel, self._running.line]

    def start(self, versions: Versions) -> None:
        """Spawn a process, unless there is one or it is not time yet.

        Raises:
            StartError: The system refuses it: it has too many, or too little memory. It is tried again later.
        """
        if self._running is not None or time.monotonic() < self._due_s:
            return
        try:
            self._running, self._told = self._spawn(versions), versions
        except OSError as error:
            name, problem = self._task.name, error.strerror or str(error)
            pause_s = self._put_off(has_failed=True)
            log.error("worker not started", worker=name, problem=problem, starts_again_in_s=pause_s)
            raise StartError(f"worker {name} cannot be started: {problem}") from error

    def _spawn(self, versions: Versions) -> _Running:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # The worker's end is open in the worker alone: so each notices when the other is gone.
        with theirs:
            task = replace(self._task, versions=versions)
            process = context.Process(target=work, args=(task, theirs), name=f"worker {task.name}")
            try:
                with _without_interrupts():
                    process.start()
            except OSError:
                ours.close()
                raise
        return _Running(process, ours)

    def look(self) -> bool:
        """Notice that the worker is ready, or gone; says whether it died before it was ready."""
        if self._running is None:
            return False
        self._hear(self._running)
        return not self._running.process.is_alive() and self._bury(self._running)

    def serves(self) -> bool:
        """Whether the worker is ready, and lives."""
        if self._running is None or not self._running.process.is_alive():
            return False
        self._hear(self._running)
        return self.is_ready

    def _hear(self, running: _Running) -> None:
        if not self.is_ready and _has_spoken(running.line):
            self.is_ready, self._n_failures = True, 0

    def tell(self, versions: Versions, *, again: bool) -> None:
        """Have these served, by a worker that is ready.

        Args:
            versions: What to serve.
            again: Also a worker that was told before: it may not have been able to.
        """
        if self._running is None or not self.is_ready or (versions == self._told and not again):
            return
        # One that has just died is noticed at the next look.
        with suppress(OSError):
            self._running.line.send(versions)
        self._told = versions

    def signal(self, number: int) -> None:
        """Pass a signal on."""
        if self._running is not None and self._running.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._running.process.pid, number)

    def end(self, by_s: float) -> None:
        """Wait until the process has ended; at a moment of the monotonic clock it is killed."""
        if self._running is None:
            return
        process = self._running.process
        process.join(max(0.0, by_s - time.monotonic()))
        if process.is_alive():
            log.error("worker killed: it did not end", worker=self._task.name)
            process.kill()
            process.join()
        self._running.line.close()

    def _bury(self, gone: _Running) -> bool:
        had_served = self.is_ready
        pause_s = self._put_off(has_failed=not had_served)
        log.error(
            "worker died",
            worker=self._task.name,
            status=gone.process.exitcode,
            had_served=had_served,
            starts_again_in_s=pause_s,
        )
        gone.process.join()
        gone.line.close()
        self._running, self.is_ready = None, False
        return not had_served

    def _put_off(self, *, has_failed: bool) -> float:
        """Let the next start come later; says by how much."""
        pause_s = self._restarts.pause_s(self._n_failures)
        self._n_failures += has_failed
        self._due_s = time.monotonic() + pause_s
        return pause_s


class Team:
    """All workers.

    Args:
        workers: Them.
        versions: What they begin with.
    """

    def __init__(self, workers: Sequence[Worker], versions: Versions) -> None:
        self._workers = workers
        self.versions = versions
        self._is_new = threading.Event()
        self._have_served = False

    def serve(self, versions: Versions) -> None:
        """Have these served by every worker; from any thread."""
        self.versions = versions
        self._is_new.set()

    def run(self, ending: Ending) -> None:
        """Keep all workers running until told to end.

        Raises:
            StartError: A worker died, or could not be started, before all of them were ready for the first
                time.
        """
        while not ending.is_told:
            self._start()
            if self._look() and not self._have_served:
                raise StartError("a worker ended before it could serve: it has said why")
            if not self._have_served and all(worker.is_ready for worker in self._workers):
                self._have_served = True
                log.info("all workers serve", workers=len(self._workers))
            self._tell()

    def _start(self) -> None:
        """Start who is missing."""
        for worker in self._workers:
            try:
                worker.start(self.versions)
            except StartError:
                # Later the others go on while it is tried again; it has been said why.
                if not self._have_served:
                    raise

    def _look(self) -> bool:
        """Wait for what happens; says whether a worker died that never served."""
        wait([each for worker in self._workers for each in worker.waited_for], _LOOK_S)
        # Each of them is looked at, whatever the others did.
        have_failed = [worker.look() for worker in self._workers]
        return any(have_failed)

    def _tell(self) -> None:
        again = self._is_new.is_set()
        self._is_new.clear()
        for worker in self._workers:
            worker.tell(self.versions, again=again)

    def end(self, ending: Ending, drain_s: float, grace_s: float) -> None:
        """End all workers: drained, unless told otherwise, also while they drain."""
        for worker in self._workers:
            worker.signal(signal.SIGINT if ending.is_at_once else signal.SIGTERM)
        if not ending.is_at_once:
            self._drain(ending, drain_s)
        by_s = time.monotonic() + grace_s + _SPARE_S
        for worker in self._workers:
            worker.end(by_s)

    def _drain(self, ending: Ending, drain_s: float) -> None:
        """As long as anybody serves whom callers have to leave first."""
        by_s = time.monotonic() + drain_s
        while not ending.is_at_once and (left_s := by_s - time.monotonic()) > 0:
            if not any(worker.serves() for worker in self._workers):
                log.info("no drain: no worker serves")
                ending.now()
                break
            ending.wait_for_drain(min(_LOOK_S, left_s))
        if ending.is_at_once:
            for worker in self._workers:
                worker.signal(signal.SIGINT)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A child inherits what is held back: Ctrl-C reaches a worker once it can answer it in order."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _has_spoken(line: Connection) -> bool:
    """Whether the worker said that it is ready; all it ever says."""
    try:
        return line.poll() and bool(line.recv())
    except (EOFError, OSError):
        return False
