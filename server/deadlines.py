"""How long the caller waits, as a value that every stage asks before it begins."""

import math
from collections.abc import Callable
from time import monotonic

from server.errors import CallCancelledError, DeadlineExpiredError

# gRPC says that no deadline is one in centuries: no lock can wait until then.
_NONE_S = 1e9


def _always() -> bool:
    return True


class Deadline:
    """The moment after which nobody waits for the answer; sooner when the caller gives up.

    Args:
        remaining_s: Seconds from now; None when the caller set no deadline.
        is_awaited: Whether the caller is still there.
    """

    __slots__ = ("_at", "_is_awaited")

    def __init__(self, remaining_s: float | None = None, is_awaited: Callable[[], bool] = _always) -> None:
        if remaining_s is None or remaining_s > _NONE_S:
            self._at = math.inf
        else:
            self._at = monotonic() + remaining_s
        self._is_awaited = is_awaited

    def remaining_s(self) -> float | None:
        """Seconds left, 0 at least; None without a deadline."""
        return None if self._at == math.inf else max(0.0, self._at - monotonic())

    def check(self, stage: str) -> None:
        """Refuse to begin a stage that nobody waits for.

        Raises:
            DeadlineExpiredError: The deadline has passed.
            CallCancelledError: The caller has given up.
        """
        if monotonic() >= self._at:
            raise DeadlineExpiredError(f"the deadline passed before stage '{stage}' began")
        if not self._is_awaited():
            raise CallCancelledError(f"the caller gave up before stage '{stage}' began")
