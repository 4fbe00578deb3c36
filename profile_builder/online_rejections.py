"""The log of what a stream held and is no record: the first of a kind at once, then at times how many."""

import time
from collections.abc import Callable, Iterable

import structlog

from storage.events.stream import Rejected

TELL_EVERY_S = 10.0

log = structlog.get_logger("profile_builder.online")


class Rejections:
    """Tells what was rejected by reason and place, never by its content: that may name a user.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_s: dict[str, float] = {}
        self._untold: dict[str, tuple[Rejected, int]] = {}

    def add(self, rejected: Iterable[Rejected]) -> None:
        """Note them, and tell what is due."""
        for each in rejected:
            first, n = self._untold.get(each.reason, (each, 0))
            self._untold[each.reason] = first, n + 1
        self.tell()

    def tell(self) -> None:
        """Of each reason that was not told of for a while: how many came since, and where the first is."""
        now_s = self._clock()
        for reason, (first, n) in list(self._untold.items()):
            if reason not in self._told_s or now_s >= self._told_s[reason] + TELL_EVERY_S:
                del self._untold[reason]
                self._told_s[reason] = now_s
                log.warning(
                    "rejected", reason=reason, n=n, partition=first.partition, position=first.position
                )
