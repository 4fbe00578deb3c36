"""One place among the workers of a server: the process that fills it, and when another one does."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import structlog

from server.errors import StartError
from server.metrics_catalogue import Gone
from server.vouching import Versions
from server.worker import READY, Task, work

log = structlog.get_logger("server.worker_place")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """When a worker is given up, and when one that is gone is replaced: at once if it had served.

    Attributes:
        first_s: The pause after one that had served, and the first after one that had not.
        factor: What each further pause is longer by.
        longest_s: The longest.
        silent_s: A worker that lives and says nothing for so long is killed. It beats every
            `server.worker.BEAT_S`, from a thread of its own, whatever else it does.
        patience: How often as long it has while nobody else is heard: what stops all workers together is
            outside of them, as storage that does not answer, and none would start without it.
    """

    first_s: float = 0.1
    factor: float = 2.0
    longest_s: float = 30.0
    silent_s: float = 15.0
    patience: float = 4.0

    def pause_s(self, n_failures: int) -> float:
        """The pause after so many starts in a row that came to nothing."""
        return min(self.longest_s, self.first_s * self.factor ** min(n_failures, 64))


RESTARTS = Restarts()


@dataclass(frozen=True, slots=True)
class Running:
    """A worker's process, and our end of the line to it."""

    process: BaseProcess
    line: Connection


class Worker:
    """One place among the workers, whoever fills it at the moment.

    Args:
        task: What it does; the versions are told anew at each start.
        restarts: The policy.
        run: What its process runs.
        count_gone: Told why each worker is gone that will be replaced.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        task: Task,
        restarts: Restarts = RESTARTS,
        *,
        run: Callable[[Task, Connection], None] = work,
        count_gone: Callable[[Gone], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._task, self._restarts = task, restarts
        self._run, self._count_gone, self._clock = run, count_gone, clock
        self._running: Running | None = None
        self._told: Versions | None = None
        self._n_failures = 0
        self._due_s = 0.0
        self._looked_s = clock()
        # Nothing, until it has said something: it may take long to start.
        self._heard_s: float | None = None
        self._excused_s = clock()
        self._gone = Gone.DIED
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
        if self._running is not None or self._clock() < self._due_s:
            return
        try:
            self._running, self._told = self._spawn(versions), versions
        except OSError as error:
            name, problem = self._task.name, error.strerror or str(error)
            pause_s = self._put_off(has_failed=True)
            log.error("worker not started", worker=name, problem=problem, starts_again_in_s=pause_s)
            raise StartError(f"worker {name} cannot be started: {problem}") from error

    def _spawn(self, versions: Versions) -> Running:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # The worker's end is open in the worker alone: so each notices when the other is gone.
        with theirs:
            task = replace(self._task, versions=versions)
            process = context.Process(target=self._run, args=(task, theirs), name=f"worker {task.name}")
            try:
                with _without_interrupts():
                    process.start()
            except OSError:
                ours.close()
                raise
        return Running(process, ours)

    def hear(self) -> None:
        """Take in what the worker has said by now."""
        if self._running is not None:
            self._hear(self._running)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was heard of the worker for half of the time that it has, or ever."""
        return self._heard_s is None or self._looked_s >= self._heard_s + self._restarts.silent_s / 2

    def excuse(self) -> None:
        """Let the worker's silence count from now on: until now nobody was heard."""
        self._excused_s = self._clock()

    def look(self, *, is_patient: bool = False) -> bool:
        """Notice that the worker is ready, silent or gone; says whether it died before it was ready.

        Args:
            is_patient: Give it more time to speak: nobody is heard.
        """
        if self._running is None:
            return False
        self._hear(self._running)
        self._give_up_if_silent(self._running, is_patient=is_patient)
        return not self._running.process.is_alive() and self._bury(self._running)

    def serves(self) -> bool:
        """Whether the worker is ready, and lives."""
        if self._running is None or not self._running.process.is_alive():
            return False
        self._hear(self._running)
        return self.is_ready

    def _hear(self, running: Running) -> None:
        now_s = self._clock()
        if now_s > self._looked_s + self._restarts.silent_s / 2 and self._heard_s is not None:
            # This process was stopped itself, and the whole machine maybe: nobody could be heard.
            self._heard_s = now_s
        self._looked_s = now_s
        for said in _all_said(running.line):
            self._heard_s = now_s
            if said == READY:
                self.is_ready, self._n_failures = True, 0

    def _give_up_if_silent(self, running: Running, *, is_patient: bool) -> None:
        """Calls go to a worker that is stopped or hangs as long as its process holds the port."""
        if self._heard_s is None or self._looked_s < self._given_up_s(self._heard_s, is_patient=is_patient):
            return
        if self._gone is not Gone.SILENT:
            self._gone, silent_s = Gone.SILENT, round(self._looked_s - self._heard_s, 1)
            log.error("worker killed: it is silent", worker=self._task.name, for_s=silent_s)
        running.process.kill()

    def _given_up_s(self, heard_s: float, *, is_patient: bool) -> float:
        """When its time is over; in no case does it have longer than while nobody is heard."""
        latest_s = heard_s + self._restarts.patience * self._restarts.silent_s
        soon_s = max(heard_s, self._excused_s) + self._restarts.silent_s
        return latest_s if is_patient else min(soon_s, latest_s)

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

    def _bury(self, gone: Running) -> bool:
        had_served = self.is_ready
        pause_s = self._put_off(has_failed=not had_served)
        self._count_gone(self._gone)
        log.error(
            "worker died",
            worker=self._task.name,
            status=gone.process.exitcode,
            had_served=had_served,
            starts_again_in_s=pause_s,
        )
        gone.process.join()
        gone.line.close()
        self._running, self._heard_s, self._gone, self.is_ready = None, None, Gone.DIED, False
        return not had_served

    def _put_off(self, *, has_failed: bool) -> float:
        """Let the next start come later; says by how much."""
        pause_s = self._restarts.pause_s(self._n_failures)
        self._n_failures += has_failed
        self._due_s = self._clock() + pause_s
        return pause_s


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A child inherits what is held back: Ctrl-C reaches a worker once it can answer it in order."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _all_said(line: Connection) -> Iterator[object]:
    """What the worker has said by now: that it lives, or that it is ready."""
    with suppress(EOFError, OSError):
        while line.poll():
            yield line.recv()
