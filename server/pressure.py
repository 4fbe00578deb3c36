"""Whether more calls wait than should: then a missing list is searched for with less effort, and says so."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PressurePolicy:
    """When misses are searched for with less effort, and with how much.

    Attributes:
        ef_search: HNSW's efSearch of a miss under pressure; None for the same as ever.
        queued: So many calls that wait for a thread are pressure.
        calm_s: It is over when for so long no miss has met as many. Lists searched for under pressure serve
            only under it: were it to come and go with every call, they would be searched for twice.
    """

    ef_search: int | None = None
    queued: int = 64
    calm_s: float = 1.0


class Pressure:
    """Tells misses how to search; for any number of threads.

    Args:
        policy: When and how.
        queued: Calls that wait for a thread, now.
        clock: Seconds, from anywhere.
    """

    def __init__(
        self,
        policy: PressurePolicy,
        queued: Callable[[], int],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy, self._queued, self._clock = policy, queued, clock
        self._until = -float("inf")

    @property
    def ef_search(self) -> int | None:
        """The lower efSearch under pressure, else None."""
        if self._policy.ef_search is None:
            return None
        now = self._clock()
        if self._queued() >= self._policy.queued:
            # Of two threads here at once either is right.
            self._until = now + self._policy.calm_s
        return self._policy.ef_search if now < self._until else None


def _nobody() -> int:
    return 0


NO_PRESSURE = Pressure(PressurePolicy(), _nobody)
