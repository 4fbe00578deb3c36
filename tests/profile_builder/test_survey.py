"""The unit of all times is settled before any of them is used."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profile_builder.reading import ACTION, find_action_files, read_batches
from profile_builder.survey import Survey, survey
from profile_builder.times import LATEST_S
from storage.errors import DataError

# 2013-08-07 20:53:01 UTC.
SOME_TIME_S = 1_375_908_781


def look(
    folder: Path, times: list[int | None], *, actions: list[str] | None = None, latest_s: int = LATEST_S
) -> Survey:
    """Survey a file of these times; only "save" is listed."""
    n = len(times)
    table = {
        "user_id": ["ann"] * n,
        "pin_id": ["cat-1"] * n,
        "timestamp": pa.array(times, pa.int64()),
        "action": pa.array(actions or ["save"] * n, pa.string()),
    }
    pq.write_table(pa.table(table), folder / "actions.parquet")
    batches = read_batches(find_action_files(folder), [ACTION])
    return survey(batches, {"save": 1.0}, latest_s=latest_s)


def test_the_range_is_that_of_listed_possible_times(tmp_path: Path) -> None:
    """Missing and impossible times, and those of other actions, do not count."""
    seen = look(
        tmp_path,
        [50, 20, 30, None, -5, 9_999_999_999, 10, 90],
        actions=["save"] * 6 + ["look", "look"],
    )
    assert seen == Survey(oldest_s=20, newest_s=50)


def test_times_ahead_of_the_clock_do_not_count(tmp_path: Path) -> None:
    """However many there are; where all are, the clock is as likely to be wrong as they are."""
    assert look(tmp_path, [10, 50, 51, 52], latest_s=50) == Survey(oldest_s=10, newest_s=50)
    with pytest.raises(DataError) as refusal:
        look(tmp_path, [51, 52], latest_s=50)
    assert str(refusal.value) == (
        "no action has a possible time: 2 are later than 1970-01-01 00:00:50 UTC, the latest by this "
        "machine's clock. Set that, or mend the times."
    )


@pytest.mark.parametrize(
    ("unit", "per_second"), [("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)]
)
def test_another_unit_is_recognised_and_said(tmp_path: Path, unit: str, per_second: int) -> None:
    """With an example, what it means, and what to do."""
    with pytest.raises(DataError) as refusal:
        look(tmp_path, [None, SOME_TIME_S * per_second, (SOME_TIME_S + 1) * per_second])
    assert str(refusal.value) == (
        f"the times are in {unit}, not in seconds: 2 of 2 are, for example {SOME_TIME_S * per_second} in "
        f"row 1 of actions.parquet, which then means 2013-08-07 20:53:01 UTC. Divide the column by "
        f"{per_second:,}."
    )


@pytest.mark.parametrize("year", [1970, 1975, 1985, 1999, 2013, 2099])
def test_seconds_of_any_year_are_seconds(tmp_path: Path, year: int) -> None:
    """Old data, as of the 1970s to 1990s, is not mistaken for another unit."""
    time_s = (year - 1970) * 31_557_600
    assert look(tmp_path, [time_s, time_s + 1]) == Survey(oldest_s=time_s, newest_s=time_s + 1)


@pytest.mark.parametrize("year", [1971, 1985, 2013, 2099])
def test_milliseconds_of_any_year_are_milliseconds(tmp_path: Path, year: int) -> None:
    """From 18 February 1970 on a time in milliseconds is past 2100 read as seconds."""
    with pytest.raises(DataError, match="the times are in milliseconds"):
        look(tmp_path, [(year - 1970) * 31_557_600_000])


def test_the_unit_is_that_of_the_file_as_a_whole(tmp_path: Path) -> None:
    """A few times in milliseconds among seconds are bad rows; the others count."""
    times = [SOME_TIME_S, SOME_TIME_S + 1, SOME_TIME_S * 1_000]
    assert look(tmp_path, [*times]) == Survey(oldest_s=SOME_TIME_S, newest_s=SOME_TIME_S + 1)


def test_actions_that_are_all_unlisted_are_told(tmp_path: Path) -> None:
    """A misspelt weight: what is listed, and what there is."""
    with pytest.raises(
        DataError, match=r"listed under \[action_weights\] \(save\); the data has: look, saved$"
    ):
        look(tmp_path, [1, 2, 3], actions=["saved", "look", "saved"])


def test_times_that_are_all_impossible_are_told(tmp_path: Path) -> None:
    """Nothing to look back from."""
    with pytest.raises(DataError, match="no action has a possible time"):
        look(tmp_path, [None, -1, None])
