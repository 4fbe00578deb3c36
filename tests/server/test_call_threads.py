"""Work is done once, by so many threads at most, and threads end with whoever held them."""

import sys
import threading
import weakref
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from server.call_threads import CallThreads
from tests.server.threads import refuse_threads
from tests.waiting import HANG_S


def test_each_piece_of_work_is_done_once() -> None:
    """Whichever thread does it."""
    threads, done = CallThreads(3, "call"), threading.Semaphore(0)
    requests: list[bytes] = []

    def work(request: bytes) -> None:
        requests.append(request)
        done.release()

    for at in range(100):
        threads.run(work, b"%d" % at)
    for _ in range(100):
        assert done.acquire(timeout=HANG_S)

    assert sorted(requests) == sorted(b"%d" % at for at in range(100))


def test_there_are_never_more_threads_than_allowed() -> None:
    """Two are at work and hold on; the third waits until one of them is done."""
    threads, gate, begun = CallThreads(2, "call"), threading.Event(), threading.Semaphore(0)
    names: set[str] = set()

    def work(_: bytes) -> None:
        names.add(threading.current_thread().name)
        begun.release()
        assert gate.wait(HANG_S)

    for _ in range(3):
        threads.run(work, b"")
    assert begun.acquire(timeout=HANG_S)
    assert begun.acquire(timeout=HANG_S)
    assert not begun.acquire(blocking=False)
    gate.set()
    assert begun.acquire(timeout=HANG_S)
    assert names == {"call_0", "call_1"}


def test_work_that_fails_costs_no_thread() -> None:
    """Not even where it would end the process."""
    threads, done = CallThreads(1, "call"), threading.Semaphore(0)

    def work(request: bytes) -> None:
        done.release()
        sys.exit(request.decode())

    for _ in range(3):
        threads.run(work, b"leave")
        assert done.acquire(timeout=HANG_S)


def test_work_goes_on_while_the_system_has_no_thread_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hands it over learns nothing of it, and the log once; the first thread is there from the start."""
    threads, done = CallThreads(2, "call"), threading.Semaphore(0)
    refuse_threads(monkeypatch, "call")
    with capture_logs() as logs:
        for _ in range(3):
            threads.run(lambda _: done.release(), b"")
    for _ in range(3):
        assert done.acquire(timeout=HANG_S)

    assert [(line["event"], line["has"], line["problem"]) for line in logs] == [
        ("a thread was refused", 1, "no more threads")
    ]


def test_a_thread_that_was_refused_is_started_by_a_later_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the system gives one, as many are at work as were asked for; the next refusal is said anew."""
    threads, at_work = CallThreads(3, "call"), threading.Barrier(3)
    with capture_logs() as logs:
        for _ in range(2):
            with monkeypatch.context() as without_threads:
                refuse_threads(without_threads, "call")
                threads.run(lambda _: None, b"")
            threads.run(lambda _: None, b"")
        for _ in range(2):
            threads.run(lambda _: _meet(at_work), b"")
    _meet(at_work)

    assert [line["has"] for line in logs] == [1, 2]


def _meet(others: threading.Barrier) -> None:
    others.wait(HANG_S)


def test_threads_end_when_nobody_holds_them_and_keep_no_call_alive() -> None:
    """What a call needed is given back as soon as it is answered, the threads with the server."""

    class Needed:
        """What a call needs."""

    threads, done = CallThreads(1, "call"), threading.Event()
    at_work: list[threading.Thread] = []
    needed = Needed()
    kept = weakref.ref(needed, lambda _: done.set())

    threads.run(_using(needed, at_work), b"")
    del needed
    assert done.wait(HANG_S)
    assert kept() is None

    del threads
    at_work[0].join(HANG_S)
    assert not at_work[0].is_alive()


def _using(needed: object, at_work: list[threading.Thread]) -> Callable[[bytes], None]:
    def work(_: bytes) -> None:
        assert needed
        at_work.append(threading.current_thread())

    return work
