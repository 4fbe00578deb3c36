"""What goes on beside the calls."""

import os
import threading

import pytest

from server.side_threads import Ticker
from tests.waiting import HANG_S

OURS = os.getpriority(os.PRIO_PROCESS, 0)


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
    ticker.stop()
    assert set(done) == {"ticking"}
    assert "ticking" not in {thread.name for thread in threading.enumerate()}


def test_a_ticker_that_was_never_started_can_be_stopped() -> None:
    """A server that could not listen is stopped, too."""
    done = list[int]()
    Ticker(lambda: done.append(1), name="ticking", every_s=0.001).stop()
    assert done == []


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
    ticker.stop()
    assert set(met) == {met_as}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == OURS
