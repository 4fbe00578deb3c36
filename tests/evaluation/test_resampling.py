"""Means weigh days and users alike, and differences are sure when they are paired."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.protocol import Case
from evaluation.resampling import Resampled, resample
from tests.evaluation.town import DAY_0, case_of


def cases_at(*user_days: tuple[int, int]) -> list[Case]:
    """One case for each (user, day)."""
    case = case_of([0], [1])
    return [replace(case, user=user, day=DAY_0 + day) for user, day in user_days]


def test_every_day_counts_the_same() -> None:
    """A day with two users at 0 and a day with one at 1: one half, not one third."""
    cases = cases_at((0, 0), (1, 0), (2, 1))
    found = resample(cases, np.array([[0.0], [0.0], [1.0]]), 10, np.random.default_rng(0))
    assert found.means.tolist() == [0.5]


def test_a_constant_has_no_doubt() -> None:
    """Its interval is itself."""
    cases = cases_at(*((user, 0) for user in range(20)))
    found = resample(cases, np.full((20, 1), 0.25), 50, np.random.default_rng(0))
    assert found.interval(0) == pytest.approx((0.25, 0.25))


def test_a_proportional_gain_is_certain_however_noisy_its_parts() -> None:
    """Ten per cent more for every user: the lift's interval is a point, since one draw serves both."""
    values = np.random.default_rng(1).uniform(size=(50, 1))
    cases = cases_at(*((user, 0) for user in range(50)))
    found = resample(cases, np.hstack([values, 1.1 * values]), 100, np.random.default_rng(0))
    lift = found.lift(1, over=0)
    assert lift is not None
    assert (lift.value, lift.low, lift.high) == pytest.approx((0.1, 0.1, 0.1))
    low, high = found.interval(0)
    assert high - low > 0.05


def test_users_are_drawn_with_all_their_days() -> None:
    """One user makes two days: no resample holds one without the other, so the mean never moves."""
    cases = cases_at((0, 0), (0, 1))
    found = resample(cases, np.array([[0.0], [1.0]]), 20, np.random.default_rng(0))
    assert set(found.resamples[:, 0].tolist()) == {0.5}


def test_a_day_that_no_drawn_user_has_does_not_count() -> None:
    """Two users on days of their own, at 0 and at 1: a draw of one of them twice is that user's mean."""
    cases = cases_at((0, 0), (1, 1))
    found = resample(cases, np.array([[0.0], [1.0]]), 200, np.random.default_rng(0))
    assert set(found.resamples[:, 0].tolist()) == {0.0, 0.5, 1.0}


def test_intervals_hold_95_per_cent() -> None:
    """Of a thousand equal steps from 0 to 1: from 0.025 to 0.975, for means and for lifts."""
    steps = np.linspace(0, 1, 1_001)
    found = Resampled(means=np.array([0.5, 1.0]), resamples=np.stack([steps, np.ones(1_001)], axis=1))
    assert found.interval(0) == pytest.approx((0.025, 0.975))
    lift = found.lift(0, over=1)
    assert lift is not None
    assert (lift.value, lift.low, lift.high) == pytest.approx((-0.5, -0.975, -0.025))


def test_there_is_no_lift_over_nothing() -> None:
    """A baseline that finds nothing cannot be divided by."""
    found = resample(cases_at((0, 0)), np.array([[0.0, 1.0]]), 5, np.random.default_rng(0))
    assert found.lift(1, over=0) is None
