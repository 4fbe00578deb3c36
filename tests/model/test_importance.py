"""Importance is eq. 3, and no clock can make it negative, infinite or not a number."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.importance import decay_factor, importances
from model.parameters import SECONDS_PER_DAY

NOW_S = 1_400_000_000
TEN_YEARS_S = 3_653 * SECONDS_PER_DAY


def test_weights_decay_by_the_day() -> None:
    """At 0.01 a day, an action of weight 2 is worth 2 today and 2 / e after 100 days."""
    found = importances(
        np.array([0, 1, 1]),
        np.array([NOW_S, NOW_S - 100 * SECONDS_PER_DAY, NOW_S]),
        np.array([2.0, 2.0, 1.0]),
        n_clusters=2,
        now_s=NOW_S,
        lambda_per_day=0.01,
    )
    assert found.tolist() == pytest.approx([2, 2 / math.e + 1])


actions = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-TEN_YEARS_S, TEN_YEARS_S), st.floats(0.01, 100)), max_size=20
)


@given(actions=actions, lambda_per_day=st.floats(0, 10))
def test_importances_are_the_sums_of_equation_3(
    actions: list[tuple[int, int, float]], lambda_per_day: float
) -> None:
    """Whatever clock said so, ten years off either way: finite, never negative, and the sum of eq. 3."""
    found = importances(
        np.array([cluster for cluster, _, _ in actions], np.int64),
        np.array([NOW_S - age_s for _, age_s, _ in actions], np.int64),
        np.array([weight for _, _, weight in actions], np.float64),
        n_clusters=4,
        now_s=NOW_S,
        lambda_per_day=lambda_per_day,
    )
    expected = [0.0] * 4
    for cluster, age_s, weight in actions:
        expected[cluster] += weight * math.exp(-lambda_per_day * max(age_s, 0) / SECONDS_PER_DAY)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_an_action_from_the_future_counts_as_one_of_now() -> None:
    """A clock that runs ahead gives nobody more than full weight."""
    found = importances(
        np.array([0]),
        np.array([NOW_S + TEN_YEARS_S]),
        np.array([3.0]),
        n_clusters=1,
        now_s=NOW_S,
        lambda_per_day=0.01,
    )
    assert found.tolist() == [3.0]


@given(days=st.integers(-3_653, 3_653), lambda_per_day=st.floats(0, 10))
def test_the_decay_factor_stays_between_0_and_1(days: int, lambda_per_day: float) -> None:
    """Importance never grows with time, nor when time runs backwards."""
    factor = decay_factor(NOW_S, NOW_S + days * SECONDS_PER_DAY, lambda_per_day)
    assert 0 <= factor <= 1
    assert factor == pytest.approx(math.exp(-lambda_per_day * max(days, 0)), rel=1e-9)


def test_the_half_life_at_the_papers_lambda() -> None:
    """At 0.01 a day importance halves in 69.3 days."""
    assert decay_factor(0, round(math.log(2) / 0.01 * SECONDS_PER_DAY), 0.01) == pytest.approx(0.5)
