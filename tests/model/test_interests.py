"""Actions and interests are parallel arrays: what does not fit together is refused at once."""

from dataclasses import replace

import numpy as np
import pytest

from model.errors import InvalidInputError
from model.interests import (
    Interests,
    Representatives,
    heaviest,
    no_interests,
    order_of_importance,
)
from tests.model.people import NOW_S, Action, actions_of
from tests.model.vectors import TIED

ACTIONS = actions_of(Action("a", TIED[0]), Action("b", TIED[1]))
INTERESTS = Interests(
    medoid_pin_ids=("b", "c", "a"),
    importances=np.array([1.0, 5.0, 1.0]),
    sizes=np.array([1, 2, 3]),
    last_action_times_s=np.array([10, 20, 30]),
    computed_at_s=NOW_S,
)


def test_the_most_important_comes_first_and_ids_break_ties() -> None:
    """All of an interest travels with it."""
    assert order_of_importance(INTERESTS).tolist() == [1, 2, 0]
    ordered = INTERESTS.take(order_of_importance(INTERESTS))
    assert ordered.medoid_pin_ids == ("c", "a", "b")
    assert ordered.importances.tolist() == [5, 1, 1]
    assert ordered.sizes.tolist() == [2, 3, 1]
    assert ordered.last_action_times_s.tolist() == [20, 30, 10]
    assert ordered.computed_at_s == NOW_S


def test_some_of_the_interests_can_be_taken() -> None:
    """None of them included."""
    assert INTERESTS.take(np.array([2])).medoid_pin_ids == ("a",)
    assert len(INTERESTS.take(np.array([], np.int64))) == 0


STOOD_FOR = Representatives(
    pin_ids=("c", "c-2", "b"), weights=np.array([4.0, 2.0, 1.0]), interests=np.array([1, 1, 0])
)


def test_representatives_go_with_their_interests() -> None:
    """Where interests are left out or take other places, representatives follow; their order stays."""
    taken = replace(INTERESTS, representatives=STOOD_FOR).take(np.array([2, 1])).representatives
    assert taken.pin_ids == ("c", "c-2")
    assert taken.weights.tolist() == [4, 2]
    assert taken.interests.tolist() == [1, 1]


def test_interests_without_representatives_are_stood_for_by_their_medoids() -> None:
    """Each with its importance, the heaviest first, ties by id."""
    stood_for = INTERESTS.representatives
    assert stood_for.pin_ids == ("c", "a", "b")
    assert stood_for.weights.tolist() == [5, 1, 1]
    assert stood_for.interests.tolist() == [1, 2, 0]


def test_the_heaviest_representatives_can_be_kept() -> None:
    """No more than asked for, none more than there are."""
    assert heaviest(STOOD_FOR, 2).pin_ids == ("c", "c-2")
    assert heaviest(STOOD_FOR, 9).pin_ids == STOOD_FOR.pin_ids


def test_representatives_that_do_not_fit_are_refused() -> None:
    """The message gives every length, or the interest that is not there."""
    with pytest.raises(InvalidInputError, match="3 pins, 3 weights, 1 interests"):
        replace(STOOD_FOR, interests=np.array([0]))
    for beyond in (-1, 3):
        astray = replace(STOOD_FOR, interests=np.array([1, 1, beyond]))
        with pytest.raises(InvalidInputError, match=r"representatives of interests .* among 3"):
            replace(INTERESTS, representatives=astray)


def test_no_interests_are_interests() -> None:
    """The empty value keeps the types of the others."""
    none = no_interests(NOW_S)
    assert len(none) == 0
    assert none.sizes.dtype == none.last_action_times_s.dtype == np.int64
    assert none.computed_at_s == NOW_S


def test_actions_that_do_not_fit_together_are_refused() -> None:
    """The message gives every length."""
    message = r"2 pin ids, vectors \(1, 3\), 2 times, 2 weights"
    with pytest.raises(InvalidInputError, match=message):
        replace(ACTIONS, vectors=ACTIONS.vectors[:1])
    with pytest.raises(InvalidInputError, match="actions do not fit together"):
        replace(ACTIONS, vectors=ACTIONS.vectors[0])
    with pytest.raises(InvalidInputError, match="3 times"):
        replace(ACTIONS, times_s=np.zeros(3, np.int64))


def test_interests_that_do_not_fit_together_are_refused() -> None:
    """The message gives every length."""
    with pytest.raises(InvalidInputError, match="3 medoids, 1 importances, 3 sizes, 3 times"):
        replace(INTERESTS, importances=np.ones(1))
