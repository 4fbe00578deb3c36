"""Lines of the log that every call would bring: the first is written, then one a second with a count."""

import threading
import time
from collections.abc import Callable
from typing import TypeAlias

EVERY_S = 1.0

Clock: TypeAlias = Callable[[], float]


class RareLines:
    """Says which lines are written; for any number of threads.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._written_s: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def turn(self, kind: str) -> int | None:
        """How many of a kind were left out since the last one that was written; None: leave this one out.

        Args:
            kind: One of few.
        """
        with self._lock:
            now_s, last_s = self._clock(), self._written_s.get(kind)
            if last_s is not None and now_s < last_s + EVERY_S:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return None
            self._written_s[kind] = now_s
            return self._left_out.pop(kind, 0)
