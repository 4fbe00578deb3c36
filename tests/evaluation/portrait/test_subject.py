"""Who is shown is decided by a rule that anybody can follow on the circle."""

from collections.abc import Sequence

import numpy as np
import pytest

from evaluation.cosines import GatheredCosines
from evaluation.people import People
from evaluation.portrait.subject import Person, Rule, persons_of, spread, subject_of
from process.progress import Reporter
from tests.evaluation.town import case_of, circle

TWO = Rule(n_interests=2, min_actions=4, min_pins=2)
NEAR = [0, 1, 5, 6]
"""Two interests, 75 degrees apart."""
FAR = [0, 1, 12, 13]
"""Two interests, on opposite sides."""


def people_who(*histories: Sequence[int], alpha: float = 0.2) -> list[Person]:
    """Each a user with these actions, one a day; by default two neighbours make an interest."""
    pool = circle()
    cases = [case_of(list(rows), [20]) for rows in histories]
    return persons_of(People(cases, pool, GatheredCosines(pool), alpha, Reporter(quiet=True)))


def test_the_user_with_the_most_different_interests_is_shown() -> None:
    """Opposite sides are farther apart than 75 degrees."""
    persons = people_who(NEAR, FAR)
    assert subject_of(persons, TWO) is persons[1]


def test_the_first_of_equals_is_shown() -> None:
    """The order of cases decides, so that a second run shows the same user."""
    persons = people_who(FAR, FAR)
    assert subject_of(persons, TWO) is persons[0]


def test_an_interest_of_one_pin_is_an_accident() -> None:
    """One pin on the other side does not make two interests."""
    persons = people_who([0, 1, 2, 12], NEAR)
    assert subject_of(persons, TWO) is persons[1]


def test_who_did_little_is_not_shown_while_others_did_enough() -> None:
    """Farther apart, but with too few actions; alone, that user would be shown."""
    rule = Rule(n_interests=2, min_actions=5, min_pins=2)
    persons = people_who(FAR, [*NEAR, 0])
    assert subject_of(persons, rule) is persons[1]
    assert subject_of(persons[:1], rule) is persons[0]


def test_nobody_is_shown_where_nobody_has_so_many_interests() -> None:
    """Three interests of two pins each: neither has them."""
    assert subject_of(people_who(NEAR, FAR), Rule()) is None
    assert subject_of([], Rule()) is None


def test_interests_come_by_importance_with_their_sizes_and_shares() -> None:
    """Three pins here, two there: without much decay, the three matter more."""
    (person,) = people_who([12, 13, 0, 1, 2], alpha=0.5)
    assert person.sizes().tolist() == [3, 2]
    assert person.shares().sum() == pytest.approx(1)
    assert person.shares()[0] > person.shares()[1]
    assert person.interests.rows[0] == 1


def test_spread_is_of_the_nearest_two() -> None:
    """East, north and west: the nearest two are at right angles, distance 1."""
    assert spread(circle()[[0, 6, 12]].astype(np.float32)) == pytest.approx(1, abs=1e-3)
