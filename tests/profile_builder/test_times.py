"""Times are written and read as people do."""

import pytest

from profile_builder.errors import UsageError
from profile_builder.times import parse_time, show_time

CLOCK_S = 1_700_000_000


@pytest.mark.parametrize(
    "text",
    [
        "1383768900",
        "2013-11-06T20:15:00Z",
        "2013-11-06T20:15:00",
        "2013-11-06 20:15",
        "2013-11-06T21:15:00+01:00",
    ],
)
def test_one_moment_may_be_written_in_many_ways(text: str) -> None:
    """Unix seconds, ISO 8601 with an offset, and without one as UTC."""
    assert parse_time(text, CLOCK_S) == 1_383_768_900


def test_now_is_what_the_clock_says() -> None:
    """For a job that is written once and runs every night."""
    assert parse_time("now", CLOCK_S) == CLOCK_S


def test_a_date_is_its_first_moment() -> None:
    """A batch of the 6th that says so in a date sees the 5th whole."""
    assert show_time(parse_time("2013-11-06", CLOCK_S)) == "2013-11-06 00:00:00 UTC"


@pytest.mark.parametrize("text", ["yesterday", "", "2013-13-01", "1.5e9"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """With all ways to write one."""
    with pytest.raises(UsageError, match=r"write now, Unix seconds \(1383768900\) or ISO 8601"):
        parse_time(text, CLOCK_S)


@pytest.mark.parametrize("text", ["1383768900000", "-1", "1969-12-31", "2101-01-01"])
def test_a_time_outside_the_possible_is_refused(text: str) -> None:
    """Milliseconds among them."""
    with pytest.raises(UsageError, match=f"--now {text}: a time must lie between 1970 and 2100, in seconds"):
        parse_time(text, CLOCK_S)
