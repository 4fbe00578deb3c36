"""Answers of several pins: fusing and its limits, ties, and overlap."""

import numpy as np
import pytest

from evaluation.explaining.answering import (
    all_pins,
    averaged,
    from_lists,
    joined,
    ranking,
    standing_for,
    together,
)
from tests.evaluation.explaining.hamlet import on_circle
from tests.evaluation.town import case_of

CASE = case_of([0, 1, 7, 12], [4], ages_days=[40.0, 20.0, 3.0, 1.0])


def test_an_infinite_temperature_ranks_as_the_average_does() -> None:
    """Of all pins it is the decay average itself."""
    sight = on_circle(CASE)
    scores = together(sight, all_pins(sight, 0.1), np.inf)
    assert scores == pytest.approx(averaged(sight, sight.weights(0.1)))


def test_a_high_temperature_comes_near_the_average() -> None:
    """The limit is approached: at T = 50 scores are 1 - (1 - cos) / T within the second order, 1 / T^2."""
    sight = on_circle(CASE)
    chosen = all_pins(sight, 0.1)
    limit = 1 - (1 - together(sight, chosen, np.inf)) / 50
    assert together(sight, chosen, 50.0) == pytest.approx(limit, abs=2 * 2 / 50**2)


def test_a_low_temperature_ranks_by_the_nearest_pin() -> None:
    """With two equal pins at east and north, what lies beside either comes before what lies between."""
    sight = on_circle(case_of([0, 6], [10]))
    order = sight.rows[ranking(together(sight, all_pins(sight, 0.0), 0.01), 6)]
    assert set(order.tolist()) == {0, 1, 23, 5, 6, 7}


def test_the_union_of_long_lists_is_the_whole_pool() -> None:
    """Lists that hold every pin lose nothing."""
    sight = on_circle(CASE)
    chosen = standing_for(sight, 3, 0.01)
    scores = together(sight, chosen, 0.3)
    assert from_lists(sight, chosen, scores, 24).tolist() == ranking(scores, 24).tolist()


def test_equal_scores_go_to_the_smaller_place() -> None:
    """Also where the list ends among them."""
    scores = np.array([0.5, 0.9, 0.5, 0.5, 0.1], np.float32)
    assert ranking(scores, 3).tolist() == [1, 0, 2]
    assert ranking(scores, 9).tolist() == [1, 0, 2, 3, 4]
    assert ranking(scores, 0).tolist() == []


def test_overlap_shortens_an_answer() -> None:
    """A pin of two lists is there once, where it came first."""
    assert joined([np.array([4, 2]), np.array([2, 7])]).tolist() == [4, 2, 7]
