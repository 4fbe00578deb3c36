"""Parameters that make no sense are refused where they are given."""

import math

import pytest

from model.errors import InvalidInputError
from model.parameters import Parameters


def test_the_papers_defaults() -> None:
    """90 days (7,776,000 seconds) and 0.01 a day; alpha has no default."""
    parameters = Parameters(alpha=1.5)
    assert parameters.window_s == 7_776_000
    assert parameters.lambda_per_day == 0.01


@pytest.mark.parametrize("alpha", [0, -1, math.nan, math.inf])
def test_alpha_is_a_positive_number(alpha: float) -> None:
    """It is a squared distance; the message has the value."""
    with pytest.raises(InvalidInputError, match=f"alpha must be a positive squared distance, got {alpha}"):
        Parameters(alpha=alpha)


@pytest.mark.parametrize("lambda_per_day", [-0.01, math.nan, math.inf])
def test_lambda_is_a_number_of_0_or_more(lambda_per_day: float) -> None:
    """Importance never grows, and an infinite decay times no time is not a number."""
    with pytest.raises(InvalidInputError, match=f"0 or more, got {lambda_per_day}"):
        Parameters(alpha=1, lambda_per_day=lambda_per_day)
    assert Parameters(alpha=1, lambda_per_day=0).lambda_per_day == 0


def test_representatives_have_a_lambda_of_their_own() -> None:
    """It keeps to the same rule, and the message says which of the two it is."""
    message = "representative_lambda_per_day must be a number, 0 or more, got -1"
    with pytest.raises(InvalidInputError, match=message):
        Parameters(alpha=1, representative_lambda_per_day=-1)


def test_the_window_is_positive() -> None:
    """A window of no days has no actions."""
    with pytest.raises(InvalidInputError, match="window_days must be positive, got 0"):
        Parameters(alpha=1, window_days=0)
