"""How a process that serves is told to end: SIGTERM drains it first, SIGINT and a second signal do not."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from process.flags import Flag

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

# What a shell reports of a process that a signal ended.
_ENDED_BY_SIGNAL = 128

Handler = Callable[[int, FrameType | None], None]


class Ending:
    """Whether to end, and how. Until `listen` a signal ends the process at once.

    Made in the main thread. Before there is a server nothing is lost by ending at once. Said, because
    process 1 has no default.
    """

    def __init__(self) -> None:
        self._told, self._at_once = Flag(), Flag()
        _on_signals(_leave)
        # A supervisor starts its workers with it held back: until here they would answer with a traceback.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def listen(self) -> None:
        """From here on signals are remembered."""
        _on_signals(self._remember)

    def now(self) -> None:
        """End without a drain."""
        self._at_once.set()
        self._told.set()

    @property
    def is_told(self) -> bool:
        """Whether the process is to end."""
        return self._told.is_set

    @property
    def is_at_once(self) -> bool:
        """Whether without a drain."""
        return self._at_once.is_set

    def wait(self) -> None:
        """Until the process is to end."""
        self._told.wait()

    def wait_for_drain(self, seconds: float) -> None:
        """So long, unless it is to end at once."""
        self._at_once.wait(seconds)

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        # A second signal does not wait for the drain.
        if number == signal.SIGINT or self._told.is_set:
            self._at_once.set()
        self._told.set()


def _on_signals(handler: Handler) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_ENDED_BY_SIGNAL + number)
