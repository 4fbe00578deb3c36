"""Work that nobody waits for: a bounded queue, a thread of low priority, and what is too much is dropped."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, Full, Queue
from typing import Generic, Protocol, TypeVar

import structlog

from server.side_threads import LOWEST_PRIORITY, has_ended, yield_to_others

ItemT = TypeVar("ItemT")
ItemT_contra = TypeVar("ItemT_contra", contravariant=True)
_LOOK_S = 0.2

log = structlog.get_logger("server.background")


class Work(Protocol[ItemT_contra]):
    """What is done with items; one thread calls all of it."""

    def do(self, item: ItemT_contra, stopping: threading.Event) -> None:
        """Work on one item; what takes long ends early once `stopping` is set."""
        ...

    def pause(self) -> None:
        """Called after each item, and a few times a second when there is none."""
        ...

    def end(self) -> None:
        """Called last, with nothing left to do."""
        ...

    def dropped(self) -> None:
        """Called, by any thread, of an item that found no room or failed: it is counted, and forgotten."""
        ...


class Background(Generic[ItemT]):
    """One thread that works on items in the order they were offered.

    Args:
        work: What it does.
        name: The thread's name.
        capacity: Items that may wait.
    """

    def __init__(self, work: Work[ItemT], *, name: str, capacity: int) -> None:
        self._work = work
        self._waiting: Queue[ItemT | None] = Queue(capacity)
        self._stopping = threading.Event()
        self._pauses_fail = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def offer(self, item: ItemT) -> None:
        """Have it worked on, if there is room; never waits."""
        try:
            self._waiting.put_nowait(item)
        except Full:
            self._work.dropped()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, by_s: float) -> bool:
        """End, once what waits is done, in haste, which is waited for until `by_s`; says whether it has."""
        self._stopping.set()
        # Whoever waits for an item wakes: where there is no room for this one, others do it.
        with suppress(Full):
            self._waiting.put_nowait(None)
        return has_ended(self._thread, by_s)

    def _run(self) -> None:
        yield_to_others(LOWEST_PRIORITY)
        while not (self._stopping.is_set() and self._waiting.empty()):
            with suppress(Empty):
                self._do(self._waiting.get(timeout=0 if self._stopping.is_set() else _LOOK_S))
            self._pause()
        self._try(self._work.end)

    def _do(self, item: ItemT | None) -> None:
        if item is not None and not self._try(partial(self._work.do, item, self._stopping)):
            self._try(self._work.dropped)

    def _pause(self) -> None:
        # A few times a second: what goes on failing is said once.
        self._pauses_fail = not self._try(self._work.pause, is_known=self._pauses_fail)

    def _try(self, step: Callable[[], None], *, is_known: bool = False) -> bool:
        """Whatever fails, the next item must come; answers do not depend on it. Says whether nothing did."""
        try:
            step()
        except Exception:
            if not is_known:
                with suppress(Exception):
                    log.exception("background work failed", thread=self._thread.name)
            return False
        return True
