"""Times as people write and read them, and the units that a column of integers may be in."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from profile_builder.errors import UsageError

LATEST_S = 4_102_444_800
"""2100-01-01: a later time is impossible. Times from 1970 on are possible."""

BEFORE_ALL_S = -1
"""The second before the first possible one."""

NOW = "now"
"""The clock, where a time is asked for."""

UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
"""How many of each make a second."""


def is_possible(times_s: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which times an action can have: bool [n]."""
    return (times_s >= 0) & (times_s <= LATEST_S)


def show_time(time_s: int) -> str:
    """Unix seconds as a person reads them, for example 2013-11-06 20:15:00 UTC."""
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def parse_time(text: str, clock_s: int) -> int:
    """Unix seconds from Unix seconds, ISO 8601 or "now"; a time without an offset is UTC.

    Args:
        text: What was written.
        clock_s: The time now, Unix seconds.

    Raises:
        UsageError: It is neither, or not between 1970 and 2100.
    """
    if text == NOW:
        return clock_s
    try:
        time_s = int(text)
    except ValueError:
        time_s = _parse_iso(text)
    if not 0 <= time_s <= LATEST_S:
        raise UsageError(f"--now {text}: a time must lie between 1970 and 2100, in seconds")
    return time_s


def _parse_iso(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--now {text}: write now, Unix seconds (1383768900) or ISO 8601 (2013-11-06T20:15:00Z)"
        ) from error
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
