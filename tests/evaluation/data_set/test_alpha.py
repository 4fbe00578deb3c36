"""Alpha comes from light users before the first judged day, or from random pairs of pins."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.data_set.alpha import calibrated_alpha
from evaluation.worlds import ActionLog, ordered_log

DAY_S = 86_400
JUDGED_FROM_S = 200 * DAY_S
ARMS = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], np.float16)


def four_heaps() -> NDArray[np.float16]:
    """Forty pins, ten in each of four directions, all of a heap within 2 degrees."""
    turn = np.linspace(0, np.radians(2), 10)
    heaps = [
        np.outer(np.cos(turn), ARMS[arm]) + np.outer(np.sin(turn), ARMS[(arm + 1) % 4]) for arm in range(4)
    ]
    return np.concatenate(heaps).astype(np.float16)


def log_of(n_users: int, day: int) -> ActionLog:
    """Every user acts on three pins of each heap, all on one day."""
    rows = np.array([heap * 10 + at for heap in range(4) for at in (0, 4, 9)])
    return ordered_log(
        np.repeat(np.arange(n_users), len(rows)),
        np.tile(rows, n_users),
        np.full(n_users * len(rows), day * DAY_S),
        np.ones(n_users * len(rows), np.bool_),
    )


def test_light_users_decide() -> None:
    """Sixty people with three pins in each of four heaps: alpha keeps the heaps together and apart.

    Two heaps of three at right angles merge at 2 * 3 * 3 / (3 + 3) * 2 = 6.
    """
    alpha, how = calibrated_alpha(four_heaps(), log_of(60, 150), JUDGED_FROM_S, np.random.default_rng(0))
    assert 0.01 < alpha < 6
    assert how.startswith("60 people with 10 to 30 pins in the 90 days before the first judged day")
    assert how.endswith("have a median of 4 interests")


@pytest.mark.parametrize(("n_users", "day"), [(10, 150), (60, 200), (60, 109)])
def test_too_few_light_users_leave_it_to_random_pairs(n_users: int, day: int) -> None:
    """Ten people are too few; what happens on the first judged day, or 91 days earlier, is not looked at."""
    alpha, how = calibrated_alpha(four_heaps(), log_of(n_users, day), JUDGED_FROM_S, np.random.default_rng(0))
    assert alpha < 0.01
    assert "0.5 % of random pairs" in how


def test_impressions_are_no_interests() -> None:
    """Pins that were only shown do not make light users."""
    log = log_of(60, 150)
    shown = ActionLog(
        users=log.users, rows=log.rows, times_s=log.times_s, is_positive=np.zeros(len(log), np.bool_)
    )
    assert "random pairs" in calibrated_alpha(four_heaps(), shown, JUDGED_FROM_S, np.random.default_rng(0))[1]
