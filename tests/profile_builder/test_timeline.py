"""A few impossible newest times do not move the window, and no ordinary action is taken for one of them."""

from pathlib import Path

import numpy as np
import pytest

from profile_builder.reading import ActionBatch
from profile_builder.timeline import Strays, Timeline
from tests.profile_builder.world import DAY_S

PATH = Path("log/a.parquet")
LAST_S = 1_000 * DAY_S + 7
ORDINARY_S = np.linspace(900 * DAY_S, LAST_S, 2_000).astype(np.int64)


def timeline(*parts: list[int]) -> Timeline:
    """Of these times, each part a batch."""
    seen, first_row = Timeline(), 0
    for part in parts:
        rows = np.arange(first_row, first_row + len(part))
        seen.add(ActionBatch(PATH, rows, np.array(part, np.int64), {}), np.arange(len(part)))
        first_row += len(part)
    return seen


def days_ahead(*days: int) -> list[int]:
    return [*ORDINARY_S.tolist(), *(LAST_S + day * DAY_S for day in days)]


def test_the_range_is_that_of_all_batches() -> None:
    """Whatever their order; an empty one changes nothing."""
    seen = timeline([50, 20], [], [30, 90, 10], [60])
    assert (seen.oldest_s, seen.newest_s) == (10, 90)


def test_one_impossible_time_is_a_stray() -> None:
    """It is named by its row, and the others' newest time is known to the second."""
    far_s = LAST_S + 40_000 * DAY_S
    times = [*ORDINARY_S.tolist()[:50], far_s, *ORDINARY_S.tolist()[50:]]
    assert timeline(times[:30], times[30:]).strays() == Strays(
        n_actions=1, after_s=LAST_S, newest_s=far_s, newest_place="row 50 of a.parquet"
    )


@pytest.mark.parametrize(
    ("ahead", "n_strays"),
    [
        ((), 0),
        ((30,), 0),
        ((31,), 1),
        ((31, 32), 2),
        ((31, 9_000), 2),
        ((20, 51), 1),
        ((20, 40, 60, 80), 0),
        ((31, 32, 33), 0),
        ((31, 32, 9_000), 1),
    ],
)
def test_strays_are_few_and_far_ahead(ahead: tuple[int, ...], n_strays: int) -> None:
    """Over 30 days without an action before them, and at most one in a thousand: here 2 of about 2,000."""
    strays = timeline(days_ahead(*ahead)).strays()
    assert (strays.n_actions if strays else 0) == n_strays
    assert strays is None or strays.after_s == sorted(days_ahead(*ahead))[-n_strays - 1]


@pytest.mark.parametrize(("n_ordinary", "n_strays"), [(98, 0), (99, 1)])
def test_among_few_actions_none_is_odd(n_ordinary: int, n_strays: int) -> None:
    """Somebody trying it out has a handful, and any of them may be months later; of a hundred one may be."""
    strays = timeline([LAST_S] * n_ordinary + [LAST_S + 9_000 * DAY_S]).strays()
    assert (strays.n_actions if strays else 0) == n_strays


def test_old_actions_are_never_strays() -> None:
    """One of 1970 moves no window."""
    assert timeline([0, *ORDINARY_S.tolist()]).strays() is None


def test_no_action_has_no_stray() -> None:
    """Nothing was added: the newest time is before the oldest."""
    seen = timeline([])
    assert seen.strays() is None
    assert seen.newest_s < seen.oldest_s
