"""Threads apart from those that answer calls, for what must neither wait for them nor hold them."""

import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

import structlog

Behaviour = Callable[..., Any]
Threads = ThreadPoolExecutor

LOWEST_PRIORITY = 19
# Of a processor that calls keep busy, such a thread still gets a tenth.
LOW_PRIORITY = 10

log = structlog.get_logger("server.side_threads")


class SideThreads(ThreadPoolExecutor):
    """Threads that gRPC hands calls to: told that the system refuses one, its own thread would end."""

    def submit(self, fn: Behaviour, /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401 - any call
        """Have a thread do it, as soon as the system gives one."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError as error:
            # It waits in the queue: for a thread that is there, or for the next call, which tries again.
            log.warning("a thread was refused", threads=self._thread_name_prefix, problem=str(error))
            # gRPC only counts it, for a limit of its own that is not used.
            return Future()


def in_threads(behaviour: Behaviour, threads: Threads, *, non_blocking: bool = False) -> Behaviour:
    """The same method, answered by these threads.

    Args:
        behaviour: A method of a gRPC servicer.
        threads: Not those that answer all other calls.
        non_blocking: It takes a third argument, which it calls with each message.
    """

    def answer(*arguments: Any) -> Any:  # noqa: ANN401 - any service's messages
        return behaviour(*arguments)

    # What grpc looks for; its own health service says it the same way.
    answer.experimental_thread_pool = threads  # type: ignore[attr-defined] # as above
    answer.experimental_non_blocking = non_blocking  # type: ignore[attr-defined] # as above
    return answer


class Beside(Protocol):
    """What goes on beside the calls."""

    def start(self) -> None:
        """Begin, once."""
        ...

    def stop(self, by_s: float) -> bool:
        """End, once what is being done is done; without a start nothing happens. It may be told again.

        Args:
            by_s: The moment of the monotonic clock until which that is waited for.

        Says whether it has ended.
        """
        ...


class Ticker:
    """Does something again and again in a thread of its own, from `start` to `stop`.

    Args:
        work: What is done; it raises nothing.
        name: The thread's name.
        every_s: Seconds from the end of one time to the next.
        jitter: By what share of them each pause is longer or shorter, by chance: so that many servers do not
            all look at once.
        niceness: Of its thread, where it takes long at times.
    """

    def __init__(
        self,
        work: Callable[[], None],
        *,
        name: str,
        every_s: float,
        jitter: float = 0.0,
        niceness: int = 0,
    ) -> None:
        self._work, self._every_s, self._jitter, self._niceness = work, every_s, jitter, niceness
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, by_s: float) -> bool:
        """End, once what is being done is done, which is waited for until `by_s`; says whether it has."""
        self._stopping.set()
        return has_ended(self._thread, by_s)

    def _run(self) -> None:
        yield_to_others(self._niceness)
        while not self._stopping.wait(self._pause_s()):
            self._work()

    def _pause_s(self) -> float:
        return self._every_s * (1 + self._jitter * random.uniform(-1, 1))  # noqa: S311 - no secret


def has_ended(thread: threading.Thread, by_s: float) -> bool:
    """Whether a thread has ended by a moment of the monotonic clock; one that never began has."""
    if thread.ident is not None:
        thread.join(max(0.0, by_s - time.monotonic()))
    return not thread.is_alive()


def yield_to_others(niceness: int) -> None:
    """Lower the calling thread's priority, for good.

    Linux counts niceness by thread; elsewhere this one is like all others.
    """
    if not niceness:
        return
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
