"""What stands beside each picture holds on worlds where the share can be counted."""

import numpy as np
import pytest

from evaluation.portrait.averages import Averages, averages, in_turn
from evaluation.portrait.newest import cosines_before, newest_figure, newest_finding, shares_alone
from evaluation.portrait.shelf import Shelf, letter
from evaluation.portrait.subject import Rule
from evaluation.results import Threshold
from evaluation.retrieval import ExactRetriever
from tests.evaluation.portrait.test_subject import FAR, NEAR, people_who
from tests.evaluation.town import case_of, circle, log_of

RIGHT_ANGLE = Rule(n_interests=2, min_actions=4, min_pins=2)
THRESHOLDS = (
    Threshold(key="0.5%", cosine=0.9, origin="by hand", share_of_random_pairs=0.1),
    Threshold(key="0.8", cosine=0.99, origin="by hand", share_of_random_pairs=0.0),
)


def shelf_of(titles: list[str] | None = None, n: int = 24) -> Shelf:
    return Shelf(pool=circle(n), retriever=ExactRetriever(circle(n)), titles=titles)


def _averages(rows: list[int], threshold: float, n_pins: int = 24) -> Averages | None:
    return averages(people_who(rows), shelf_of(n=n_pins), RIGHT_ANGLE, threshold)


def test_the_average_of_opposite_interests_is_near_neither() -> None:
    """The newer pins are the medoids, 1 and 12: around their average, 6.5, stand pins 2 to 11.

    To resemble is to be next to each other, 15 degrees: only 2 and 11 are next to a medoid. Of the five pins
    around each medoid three are, itself included.
    """
    found = _averages([0, 1, 11, 12], 0.96)
    assert found is not None
    assert found.n_cases == 1
    assert found.average.strays == pytest.approx(0.8)
    assert found.in_turn.strays == pytest.approx(0.4)


def test_an_average_within_one_interest_stands_for_it() -> None:
    """Where everything resembles everything there are no strays, and all interests are served."""
    found = _averages(NEAR, -1.0)
    assert found is not None
    assert (found.average.strays, found.average.served) == (0, 2)
    assert found.in_turn == found.average


def test_where_nothing_resembles_anything_everything_strays() -> None:
    """No two different pins have a cosine of 1."""
    found = _averages(NEAR, 1.01)
    assert found is not None
    assert (found.average.strays, found.average.served) == (1, 0)


def test_nobody_with_enough_interests_leaves_no_statistic() -> None:
    """Rather than a mean of nothing."""
    assert averages(people_who([0, 1]), shelf_of(), RIGHT_ANGLE, 0.9) is None


def test_in_turn_takes_one_of_each_list_and_no_pin_twice() -> None:
    """Rank by rank: both begin with pin 1, then come the second of each, then the third."""
    lists = [np.array([1, 2, 3]), np.array([1, 5, 6])]
    assert in_turn(lists, 4).tolist() == [1, 2, 5, 3]


def test_the_newest_action_is_compared_with_those_before_it() -> None:
    """User 0 went round: pins 6, 3, 0, the newest at the east; user 1 did too little."""
    log = log_of((0, 6, -3, True), (0, 3, -2, True), (0, 0, -1, True), (1, 0, -1, True), (1, 1, -2, True))
    cosines = cosines_before(log, circle(), 2)
    assert cosines.shape == (1, 2)
    assert cosines[0] == pytest.approx([np.cos(np.pi / 4), 0], abs=1e-3)


def test_what_was_not_liked_is_no_action() -> None:
    """An impression in between is passed over."""
    log = log_of((0, 6, -3, True), (0, 12, -2, False), (0, 0, -1, True))
    assert cosines_before(log, circle(), 1) == pytest.approx(np.array([[0.0]]), abs=1e-3)


def test_alone_is_who_resembles_none_so_far() -> None:
    """One is like the newest at once, one only two back, one never."""
    cosines = np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.1]], np.float32)
    assert shares_alone(cosines, 0.5).tolist() == pytest.approx([2 / 3, 1 / 3])
    sentence = newest_finding(cosines, 0.5)
    assert sentence.startswith("Of 3 users with 3 actions or more, 67% ")
    assert "33%" in sentence


def test_chance_is_drawn_beside_it() -> None:
    """A tenth of random pairs resemble each other: 0.9 of one, 0.81 of two resemble none."""
    figure = newest_figure(np.array([[0.95, 0.1]], np.float32), THRESHOLDS)
    assert figure.series[-1].y == pytest.approx((0.9, 0.81))
    assert [series.y for series in figure.series[:2]] == [(0.0, 0.0), (1.0, 1.0)]


def test_a_pin_without_a_title_goes_by_its_row() -> None:
    """Whether one title is missing or all of them."""
    assert shelf_of().title(3) == shelf_of([""] * 24).title(3) == "pin 3"
    assert shelf_of(["East"] * 24).title(3) == "East"


def test_what_the_user_knows_is_not_on_the_shelf() -> None:
    """From the east, pins 0, 1, 23, 2: without 0 and 1 there are 23 and 2."""
    case = case_of(FAR, [20], seen=[0, 1])
    (rows,) = shelf_of().unseen(circle()[[0]].astype(np.float32), [case], 2)
    assert sorted(rows.tolist()) == [2, 23]


def test_interests_beyond_the_alphabet_have_no_letter() -> None:
    """A to Z, and then nothing."""
    assert (letter(0), letter(25), letter(26)) == ("A", "Z", "")
