"""Which actions count: those later than the window's beginning and not later than the watermark.

And of users who asked to be forgotten, those later than that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from model.parameters import SECONDS_PER_DAY
from profile_builder.survey import Survey
from profile_builder.times import BEFORE_ALL_S, LATEST_S, show_time
from storage.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The times (after_s, watermark_s], and the cut they are seen from. All Unix seconds UTC.

    Attributes:
        after_s: The cut less the window's days: actions at this time or before are too old.
        watermark_s: W: later actions are the online profile's, because they may not all have arrived.
        cut_s: The batch's `now`: importance is computed at this time.
        forgotten_until_s: By user who asked to be forgotten: actions at this time or before are void.
        latest_s: A later action is rejected.
    """

    after_s: int
    watermark_s: int
    cut_s: int
    forgotten_until_s: Mapping[str, int] = field(default_factory=dict)
    latest_s: int = LATEST_S

    def __str__(self) -> str:
        return f"{show_time(self.after_s)} to {show_time(self.watermark_s)}"


def choose_window(survey: Survey, *, now_s: int | None, days: int, allowed_lateness_s: int) -> Window:
    """The window seen from `now_s`; when it is None, from the newest action that can be believed.

    All actions up to that have then arrived.

    Raises:
        DataError: The data's actions all lie outside, or there is no such window.
    """
    cut_s = survey.newest_believed_s if now_s is None else now_s
    window = Window(
        after_s=max(cut_s - days * SECONDS_PER_DAY, BEFORE_ALL_S),
        watermark_s=cut_s if now_s is None else cut_s - allowed_lateness_s,
        cut_s=cut_s,
    )
    if window.watermark_s <= window.after_s:
        raise DataError(
            f"no time lies before --now {show_time(cut_s)} less the {allowed_lateness_s:,} s that an action "
            f"may be late: the data's run from {show_time(survey.oldest_s)} to "
            f"{show_time(survey.newest_believed_s)}. Give a --now near the latter, or leave it out."
        )
    if survey.newest_s <= window.after_s or survey.oldest_s > window.watermark_s:
        raise empty_window(survey, window)
    return window


def empty_window(survey: Survey, window: Window) -> DataError:
    """The error of a window without actions; it says when the data's were."""
    return DataError(
        f"no action lies in the window {window}: the data's run from {show_time(survey.oldest_s)} "
        f"to {show_time(survey.newest_believed_s)}. Give a --now near the latter, or leave it out."
    )
