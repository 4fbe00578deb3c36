"""What goes on beside the calls."""

import os
import threading
import time

import pytest

from server.side_threads import Ticker
from tests.waiting import HANG_S

OURS = os.getpriority(os.PRIO_PROCESS, 0)


def soon_s() -> float:
    """As long as any machine may need, by the monotonic clock."""
    return time.monotonic() + HANG_S


def test_a_ticker_goes_on_until_it_is_stopped() -> None:
    """Again and again; once stopped, its work has ended and its thread is gone."""
    done, enough = list[str](), threading.Event()

    def work() -> None:
        done.append(threading.current_thread().name)
        if len(done) == 3:
            enough.set()

    ticker = Ticker(work, name="ticking", every_s=0.001)
    ticker.start()
    assert enough.wait(HANG_S)
    assert ticker.stop(soon_s())
    assert set(done) == {"ticking"}
    assert "ticking" not in {thread.name for thread in threading.enumerate()}


def test_a_ticker_that_was_never_started_can_be_stopped() -> None:
    """A server that could not listen is stopped, too."""
    done = list[int]()
    assert Ticker(lambda: done.append(1), name="ticking", every_s=0.001).stop(soon_s())
    assert done == []


def test_a_ticker_whose_work_takes_long_is_not_waited_for() -> None:
    """Whoever stops it learns that it has not ended; it does once the work is done."""
    begun, let_go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert let_go.wait(2 * HANG_S)

    ticker = Ticker(work, name="ticking", every_s=0.001)
    ticker.start()
    assert begun.wait(HANG_S)
    assert not ticker.stop(time.monotonic() + 0.01)
    let_go.set()
    assert ticker.stop(soon_s())


@pytest.mark.parametrize(("niceness", "met_as"), [(0, OURS), (7, max(OURS, 7))])
def test_a_ticker_may_give_way(niceness: int, met_as: int) -> None:
    """Whoever answers calls goes first; only the ticker's own thread gives way."""
    met, done = list[int](), threading.Event()

    def work() -> None:
        met.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        done.set()

    ticker = Ticker(work, name="ticking", every_s=0.001, niceness=niceness)
    ticker.start()
    assert done.wait(HANG_S)
    assert ticker.stop(soon_s())
    assert set(met) == {met_as}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == OURS
