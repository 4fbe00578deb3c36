"""Metrics on answers small enough to count on fingers."""

import numpy as np
import pytest

from evaluation.metrics import judged, metric_names, r_precision, ranks_of_first, reciprocal_rank


def test_relevance_and_recall_are_shares_of_the_action_pins() -> None:
    """Of two pins one is 0.9 near and the other found: relevance 1/2 at 0.95, 1 at 0.8, recall 1/2."""
    nearest = np.array([[0.9, 1.0]], np.float32)
    found = np.array([[False, True]])
    scores = np.array([[0.9, 1.0, 0.1]], np.float32)
    values = judged(nearest, found, scores, np.array([0.95, 0.8]))
    names = metric_names(["high", "low"])
    assert dict(zip(names, values.tolist(), strict=True)) == {
        "relevance@high": 0.5,
        "relevance@low": 1.0,
        "recall": 0.5,
        "r_precision": 1.0,
        "reciprocal_rank": 0.75,
    }


def test_draws_are_averaged() -> None:
    """Found in one of two draws: recall 1/2."""
    nearest = np.array([[1.0], [0.0]], np.float32)
    values = judged(nearest, nearest == 1, nearest, np.array([0.8]))
    assert values[:2].tolist() == [0.5, 0.5]


def test_tied_pins_share_the_middle_rank() -> None:
    """A method that scores everything alike is not rewarded for the order of its input."""
    ranks = ranks_of_first(np.array([[0.5, 0.5, 0.5]], np.float32), 1)
    assert ranks.tolist() == [[2.0]]


def test_r_precision_counts_action_pins_among_the_first_r() -> None:
    """Ranks 1 and 3 of R = 2."""
    assert r_precision(np.array([[1.0, 3.0]])) == 0.5
    assert reciprocal_rank(np.array([[1.0, 3.0]])) == pytest.approx(2 / 3)
