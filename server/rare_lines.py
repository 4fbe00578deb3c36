"""Lines of the log that every call would bring: the first is written, then one a second with a count."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

EVERY_S = 1.0

Clock: TypeAlias = Callable[[], float]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was left out since the last line of a kind that was written.

    Attributes:
        n: How many lines.
        since_s: Seconds since that one: they may have come long before this one.
    """

    n: int
    since_s: float


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

    def turn(self, kind: str) -> LeftOut | None:
        """Which of a kind were left out since the last one that was written; None: leave this one out.

        Args:
            kind: One of few.
        """
        with self._lock:
            now_s, last_s = self._clock(), self._written_s.get(kind)
            if last_s is not None and now_s < last_s + EVERY_S:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return None
            self._written_s[kind] = now_s
            return LeftOut(self._left_out.pop(kind, 0), 0.0 if last_s is None else now_s - last_s)
