"""The workers of one server: started, told what to serve, replaced when they die or hang, ended together."""

import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import wait

import structlog

from server.ending import Ending
from server.errors import StartError
from server.vouching import Versions
from server.worker_place import Worker

# How late a signal is noticed, at worst.
_LOOK_S = 0.1
# What a worker may take beyond its drain and its grace.
_SPARE_S = 5.0

log = structlog.get_logger("server.team")


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
        self._have_served = self._is_still = False

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
            self._wait()
            if self.look() and not self._have_served:
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

    def _wait(self) -> None:
        """Until something happens, or for a moment."""
        wait([each for worker in self._workers for each in worker.waited_for], _LOOK_S)

    def look(self) -> bool:
        """Notice what has happened; says whether a worker died that never served."""
        self._listen()
        # Each of them is looked at, whatever the others did.
        have_failed = [worker.look(is_patient=self._is_still) for worker in self._workers]
        return any(have_failed)

    def _listen(self) -> None:
        """Notice that nobody is heard, which is no fault of any worker, and that somebody is again."""
        for worker in self._workers:
            worker.hear()
        was_still, self._is_still = self._is_still, all(worker.is_quiet for worker in self._workers)
        if was_still and not self._is_still:
            # Who comes first is no better than the others.
            for worker in self._workers:
                worker.excuse()
        if self._have_served and self._is_still and not was_still:
            log.warning("no worker is heard: all have longer than one alone", workers=len(self._workers))

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
