"""How a process that serves is told to end: SIGTERM drains it first, SIGINT and a second signal do not."""

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

# What a shell reports of a process that a signal ended.
_ENDED_BY_SIGNAL = 128
# How late a signal is noticed, at worst.
_LOOK_S = 0.1

Handler = Callable[[int, FrameType | None], None]


class Ending:
    """Whether to end, and how. Until `listen` a signal ends the process at once.

    Made in the main thread. Before there is a server nothing is lost by ending at once. Said, because
    process 1 has no default.

    Who waits looks again and again. No Event and no queue would do: a signal that comes just before the
    thread sleeps does not wake it, and an Event's lock may be held by the very thread that the signal
    interrupts to set it. Either would keep a server that is told to end for ever.
    """

    def __init__(self) -> None:
        self._is_told = self._is_at_once = False
        _on_signals(_leave)
        # A supervisor starts its workers with it held back: until here they would answer with a traceback.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def listen(self) -> None:
        """From here on signals are remembered."""
        _on_signals(self._remember)

    def now(self) -> None:
        """End without a drain."""
        self._is_at_once = True
        self._is_told = True

    @property
    def is_told(self) -> bool:
        """Whether the process is to end."""
        return self._is_told

    @property
    def is_at_once(self) -> bool:
        """Whether without a drain."""
        return self._is_at_once

    def wait(self) -> None:
        """Until the process is to end."""
        while not self._is_told:
            time.sleep(_LOOK_S)

    def wait_for_drain(self, seconds: float) -> None:
        """So long, unless it is to end at once."""
        until_s = time.monotonic() + seconds
        while not self._is_at_once and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _LOOK_S))

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        # A second signal does not wait for the drain.
        if number == signal.SIGINT or self._is_told:
            self._is_at_once = True
        self._is_told = True


def _on_signals(handler: Handler) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_ENDED_BY_SIGNAL + number)
