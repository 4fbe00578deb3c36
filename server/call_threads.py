"""Threads that answer calls: work goes in, and nobody waits for what comes of it.

ThreadPoolExecutor makes a future for each piece of work, with a lock of its own, and counts idle threads by a
semaphore: more than the rest of handing a call over takes, and no call is ever asked for by its future.
"""

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeAlias

import structlog

Work: TypeAlias = "Callable[[bytes], None]"
_Queue: TypeAlias = "SimpleQueue[tuple[Work, bytes] | None]"

log = structlog.get_logger("server.call_threads")


class CallThreads:
    """So many threads at most, each started when it is first needed. They end when nobody holds this object.

    Only the first is started at once: where the system has no other to give, work waits for those there are,
    never for one that may not come.

    Args:
        n: How many.
        name: Of each, before its number.

    Raises:
        RuntimeError: The system has no thread to give.
    """

    def __init__(self, n: int, name: str) -> None:
        self._n, self._name = n, name
        self._queue: _Queue = SimpleQueue()
        self._n_started = 0
        self._starting = threading.Lock()
        self._is_refused = False
        weakref.finalize(self, _end, self._queue, n)
        self._start()

    def run(self, work: Work, request: bytes) -> None:
        """Let a thread do the work, which raises nothing, as soon as one is free."""
        self._queue.put((work, request))
        if self._n_started < self._n:
            self._try_to_start()

    def _try_to_start(self) -> None:
        try:
            self._start()
        except RuntimeError as error:
            # Whoever hands work over polls for all calls. The work is in the queue, for the threads there
            # are, and the next call tries again.
            self._say_refused(error)
        else:
            self._is_refused = False

    def _say_refused(self, error: RuntimeError) -> None:
        if not self._is_refused:
            self._is_refused = True
            with suppress(Exception):
                has = self._n_started
                log.warning("a thread was refused", threads=self._name, has=has, problem=str(error))

    def _start(self) -> None:
        with self._starting:
            if self._n_started < self._n:
                name = f"{self._name}_{self._n_started}"
                # What is under way when the process ends was given up before: see server.worker.
                threading.Thread(target=_answer, args=(self._queue,), name=name, daemon=True).start()
                # Only now: one that the system refuses is tried again.
                self._n_started += 1


def _answer(queue: _Queue) -> None:
    while (taken := queue.get()) is not None:
        work, request = taken
        try:
            work(request)
        except BaseException:
            # It raises nothing; should it, a thread that ended would never be there again.
            with suppress(Exception):
                log.exception("work failed")
        # A thread that waits must keep nothing of its last call alive.
        del taken, work, request


def _end(queue: _Queue, n: int) -> None:
    for _ in range(n):
        queue.put(None)
