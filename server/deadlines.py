"""The caller's deadline as a value that every stage asks before it begins."""

import math
import time

from server.errors import DeadlineExpiredError


class Deadline:
    """A moment after which nobody waits for the answer.

    Args:
        remaining_s: Seconds from now; None when the caller set no deadline.
    """

    __slots__ = ("_at",)

    def __init__(self, remaining_s: float | None = None) -> None:
        self._at = math.inf if remaining_s is None else time.monotonic() + remaining_s

    def remaining_s(self) -> float | None:
        """Seconds left, 0 at least; None without a deadline."""
        return None if self._at == math.inf else max(0.0, self._at - time.monotonic())

    def check(self, stage: str) -> None:
        """Refuse to begin a stage that nobody waits for.

        Raises:
            DeadlineExpiredError: The deadline has passed.
        """
        if time.monotonic() >= self._at:
            raise DeadlineExpiredError(f"the deadline passed before stage '{stage}' began")
