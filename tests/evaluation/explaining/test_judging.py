"""Relevance and recall of lists and of their beginnings."""

import numpy as np

from evaluation.explaining.judging import reach, reach_at, worth
from tests.evaluation.explaining.hamlet import on_circle
from tests.evaluation.town import case_of

THRESHOLDS = np.array([0.95, 0.8])
SIGHT = on_circle(case_of([0], [3, 9]))
"""Pins are 15 degrees apart: cosines 0.97, 0.87, 0.71 at one, two, three steps."""


def test_worth_by_hand() -> None:
    """Pin 3 itself is there; pin 9 has one two steps away: relevant at 0.8, not at 0.95, not found."""
    assert worth(SIGHT, np.array([3, 11]), THRESHOLDS).tolist() == [0.5, 1.0, 0.5]


def test_a_beginning_is_worth_what_it_is_worth_alone() -> None:
    """All lengths at once give what each gives for itself; longer than the list is the list."""
    of_list = np.array([11, 8, 3, 9, 20])
    together = reach_at(SIGHT, of_list, (1, 2, 3, 9)).worth(THRESHOLDS)
    alone = [worth(SIGHT, of_list[:n], THRESHOLDS) for n in (1, 2, 3, 9)]
    assert together.tolist() == np.array(alone).tolist()


def test_an_answer_of_several_lists_finds_what_any_finds() -> None:
    """The first draw holds both lists, the second one of them twice."""
    found = reach(SIGHT, [np.array([3]), np.array([9])])
    drawn = found.of(np.array([[0, 1], [1, 1]])).worth(THRESHOLDS)
    assert drawn[:, 2].tolist() == [1.0, 0.5]


def test_an_empty_list_finds_nothing() -> None:
    """A budget of none is no error."""
    assert worth(SIGHT, np.array([], np.int64), THRESHOLDS).tolist() == [0, 0, 0]
