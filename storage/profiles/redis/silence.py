"""A store that answers nobody is waited for by one caller at a time; the others are told at once.

Else every thread of a server would wait for it in vain, and behind them those who can do without its answer.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis import exceptions


class Silence:
    """Notices that a store has fallen silent, and that it is back; shared by any number of threads.

    It is silent once an answer came too late while nobody else had any. It is back with the first answer,
    be it a refusal.

    Args:
        timeout_s: The longest that an answer may take.
        clock: Seconds that only grow.
    """

    def __init__(self, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout_s, self._clock = timeout_s, clock
        self._heard_s = -math.inf
        # Set while it is silent. There is no lock: at worst two callers wait at a time.
        self._ask_again_s: float | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask the store within the block.

        Raises:
            TimeoutError: It is silent, and another caller waits for it (the client's own error).
        """
        asked_s = self._clock()
        self._take_turn(asked_s)
        try:
            yield
        except exceptions.TimeoutError:
            self._miss(asked_s)
            raise
        except Exception:
            self._hear()
            raise
        self._hear()

    def _take_turn(self, now_s: float) -> None:
        if self._ask_again_s is None:
            return
        if now_s < self._ask_again_s:
            raise exceptions.TimeoutError("it answers nobody, and another caller waits for it already")
        self._ask_again_s = now_s + self._timeout_s

    def _miss(self, asked_s: float) -> None:
        # Where others were answered meanwhile, one answer was late. And those who began to wait before the
        # silence was noticed end in any order: the turn that somebody has taken is theirs.
        if self._heard_s < asked_s and self._ask_again_s is None:
            self._ask_again_s = self._clock()

    def _hear(self) -> None:
        self._heard_s, self._ask_again_s = self._clock(), None
