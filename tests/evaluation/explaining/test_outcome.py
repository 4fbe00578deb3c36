"""Means and what is certain about them."""

import numpy as np
import pytest

from evaluation.explaining.outcome import Outcome
from evaluation.protocol import Case
from tests.evaluation.town import case_of

CASES: list[Case] = [case_of([0], [1]) for _ in range(4)]


def outcome(**values: list[list[float]]) -> Outcome:
    """Four cases of one user: every resample is the data."""
    return Outcome({key: np.array(rows) for key, rows in values.items()}, ("x", "n"), CASES, n_resamples=5)


def test_a_ratio_of_sums() -> None:
    """Of 2 + 4 in 8 searches each 0.75 is found."""
    found = outcome(a=[[2, 4], [4, 4], [0, 0], [0, 0]]).ratio("a", "x", "n")
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.75, 0.75, 0.75))


def test_a_ratio_to_nothing_is_none() -> None:
    """Without a single search there is nothing to say."""
    assert outcome(a=[[0, 0]] * 4).ratio("a", "x", "n") is None


def test_a_change_compares_lifts() -> None:
    """From half of the baseline to three quarters of it is half as much again."""
    values = outcome(before=[[1, 0]] * 4, after=[[1.5, 0]] * 4, over=[[2, 0]] * 4)
    change = values.change(("after", "over"), ("before", ("over", "before")), "x")
    assert change is not None
    assert change.value == pytest.approx(0.5)


def test_the_best_is_meant_where_several_are_given() -> None:
    """A lift over several is the lift over the highest mean."""
    values = outcome(a=[[3, 0]] * 4, b=[[1, 0]] * 4, c=[[2, 0]] * 4)
    lift = values.lift("a", ("b", "c"), "x")
    assert lift is not None
    assert lift.value == pytest.approx(0.5)


def test_sums_are_lifted_as_sums() -> None:
    """(3 + 1) over (2 + 0) is +100 %."""
    values = outcome(a=[[3, 0]] * 4, b=[[1, 0]] * 4, c=[[2, 0]] * 4, d=[[0, 0]] * 4)
    lift = values.lift_of_sums(("a", "b"), ("c", "d"), "x")
    assert lift is not None
    assert lift.value == pytest.approx(1.0)
