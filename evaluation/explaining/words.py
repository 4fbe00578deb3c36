"""Numbers as parts of sentences, so that a report's answers are made of what was measured."""

from collections.abc import Sequence
from typing import Literal

from evaluation.report import numbers
from evaluation.results import Lift

Side = Literal["above", "below", "level"]


def side(lift: Lift | None) -> Side:
    """Where the whole 95 % interval lies; "level" where it holds zero."""
    if lift is None or lift.low is None or lift.high is None:
        return "level"
    return "above" if lift.low > 0 else "below" if lift.high < 0 else "level"


def lifted(lift: Lift | None) -> str:
    """A lift with its interval: "+2.8 % (0.3 to 3.2 %)"."""
    if lift is None:
        return "an unknown amount, where there was nothing before"
    ends = numbers.interval(lift.low, lift.high)
    return f"{numbers.lift(lift)} ({ends})" if ends else numbers.lift(lift)


def weighed(lift: Lift | None) -> str:
    """A change with its interval, and that it is nothing certain where that is so."""
    return lifted(lift) if lift is None or side(lift) != "level" else f"{lifted(lift)} within the noise"


def share(value: float) -> str:
    """0.123 as 12.3 %."""
    return numbers.percent(value)


def listed(parts: Sequence[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
