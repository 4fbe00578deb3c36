"""The window is (cut - days, W], seen from the newest action or from a moment given."""

import pytest

from profile_builder.survey import Survey
from profile_builder.timeline import Strays
from profile_builder.window import Window, choose_window
from storage.errors import DataError
from tests.profile_builder.world import DAY_S, NEWEST_S

SEEN = Survey(oldest_s=NEWEST_S - 100 * DAY_S, newest_s=NEWEST_S)


def window(now_s: int | None) -> Window:
    return choose_window(SEEN, now_s=now_s, days=90, allowed_lateness_s=3_600)


def test_without_now_all_actions_have_arrived() -> None:
    """The cut is the newest action, and so is W."""
    assert window(None) == Window(after_s=NEWEST_S - 90 * DAY_S, watermark_s=NEWEST_S, cut_s=NEWEST_S)


def test_without_now_strays_are_left_behind() -> None:
    """The cut is the newest action that can be believed; a --now is believed without question."""
    far_s = NEWEST_S + 900 * DAY_S
    strays = Strays(n_actions=1, after_s=NEWEST_S, newest_s=far_s, newest_place="row 7 of a.parquet")
    seen = Survey(oldest_s=SEEN.oldest_s, newest_s=far_s, strays=strays)

    assert choose_window(seen, now_s=None, days=90, allowed_lateness_s=3_600) == window(None)
    assert choose_window(seen, now_s=far_s, days=90, allowed_lateness_s=0).watermark_s == far_s
    with pytest.raises(DataError, match=r"to 2023-11-14 22:13:20 UTC\. Give a --now near the latter"):
        choose_window(seen, now_s=0, days=90, allowed_lateness_s=3_600)


@pytest.mark.parametrize("days", [20_000, 10**18])
def test_a_window_longer_than_time_holds_everything(days: int) -> None:
    """From the first possible second on, and a person can still read when it begins."""
    chosen = choose_window(SEEN, now_s=None, days=days, allowed_lateness_s=0)
    assert chosen.after_s == -1
    assert str(chosen) == "1969-12-31 23:59:59 UTC to 2023-11-14 22:13:20 UTC"


def test_with_now_the_last_hour_is_left_out() -> None:
    """Its actions may still be on their way; W is the cut less the allowed lateness."""
    now_s = NEWEST_S + 600
    assert window(now_s) == Window(after_s=now_s - 90 * DAY_S, watermark_s=now_s - 3_600, cut_s=now_s)


@pytest.mark.parametrize("now_s", [NEWEST_S + 90 * DAY_S, NEWEST_S + 900 * DAY_S, SEEN.oldest_s + 3_599, 0])
def test_a_window_without_actions_says_when_they_were(now_s: int) -> None:
    """Too late by one second, far too late, too early by one second, far too early."""
    with pytest.raises(DataError) as refusal:
        window(now_s)
    assert "the data's run from 2023-08-06 22:13:20 UTC to 2023-11-14 22:13:20 UTC" in str(refusal.value)
    assert "Give a --now near the latter, or leave it out." in str(refusal.value)


def test_a_now_before_all_time_is_said_to_be_one() -> None:
    """Its window would end before it begins."""
    with pytest.raises(
        DataError, match=r"no time lies before --now 1970-01-01 00:16:40 UTC less the 3,600 s"
    ):
        window(1_000)


@pytest.mark.parametrize("now_s", [NEWEST_S + 90 * DAY_S - 1, SEEN.oldest_s + 3_600])
def test_a_window_with_one_action_at_its_edge_is_one(now_s: int) -> None:
    """The newest just inside its beginning, the oldest just at W."""
    assert window(now_s).cut_s == now_s
