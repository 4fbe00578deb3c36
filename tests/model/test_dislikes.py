"""An action of negative weight lowers the interest that it falls into, and its pin shapes none."""

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.combining import Origin, combine
from model.dislikes import hidden_pins, told_apart
from model.interests import Actions, Interests
from model.parameters import Parameters
from model.profile import build_interests, build_many
from tests.model.people import NOW_S, Action, actions_of, any_actions, in_order
from tests.model.test_profile import bits
from tests.model.vectors import TIED, angles

FOOD, CAKE, PIE, SNOW, ICE, MOON = angles(0, 10, 20, 90, 100, 200)
PARAMETERS = Parameters(alpha=0.2, lambda_per_day=0.1, representative_lambda_per_day=0.1)
"""Ward joins two pins up to 26 degrees apart."""

SAVED = (
    Action("food", FOOD),
    Action("cake", CAKE),
    Action("pie", PIE),
    Action("snow", SNOW),
    Action("ice", ICE),
)
"""An interest of three and one of two: cake, and ice (equally near; ids decide between equally new ones)."""


def hide(pin: str, vector: object, days_ago: float = 0, weight: float = -1) -> Action:
    return Action(pin, np.asarray(vector), days_ago, weight)


def built(*actions: Action, parameters: Parameters = PARAMETERS) -> Interests:
    return build_interests(actions_of(*actions), parameters, NOW_S)


def known(interests: Interests) -> dict[str, float]:
    return dict(zip(interests.medoid_pin_ids, interests.importances.tolist(), strict=True))


def test_a_hide_lowers_the_interest_it_falls_into() -> None:
    """3 and 2 become 2 and 2: the hidden pin lies beside the cake, and is none of its pins."""
    assert known(built(*SAVED)) == {"cake": 3, "ice": 2}
    interests = built(*SAVED, hide("tart", angles(15)[0]))

    assert known(interests) == {"cake": 2, "ice": 2}
    assert sorted(interests.sizes.tolist()) == [2, 3]
    assert "tart" not in interests.representatives.pin_ids


def test_a_hide_decays_like_any_action() -> None:
    """Ten days ago at a tenth a day: exp(-1) is left of it."""
    interests = built(*SAVED, hide("tart", CAKE, days_ago=10))
    assert known(interests)["cake"] == pytest.approx(3 - math.exp(-1))


def test_its_weight_says_by_how_much() -> None:
    """A hide of a half takes a half; two of them take one."""
    half = (hide("tart", CAKE, weight=-0.5), hide("bun", CAKE, weight=-0.5))
    assert known(built(*SAVED, half[0])) == {"cake": 2.5, "ice": 2}
    assert known(built(*SAVED, *half)) == {"cake": 2, "ice": 2}


def test_importance_never_falls_below_zero_and_an_interest_of_none_vanishes() -> None:
    """Three hides beside snow and ice: that interest is gone, and its pins stand for nobody."""
    hides = [hide(f"frost-{i}", ICE) for i in range(3)]
    interests = built(*SAVED, *hides)

    assert known(interests) == {"cake": 3}
    assert set(interests.representatives.pin_ids) == {"food", "cake", "pie"}
    assert set(interests.representatives.interests.tolist()) == {0}


def test_what_is_taken_off_exactly_leaves_nothing() -> None:
    """As many hides as saves, at the same times: no rounding is left over as an interest."""
    saves = [Action(f"s-{i}", ICE, days_ago=i / 7, weight=0.1) for i in range(9)]
    hides = [hide(f"h-{i}", ICE, days_ago=i / 7, weight=-0.1) for i in range(9)]
    assert known(built(*saves, *hides)) == {}


def test_a_hide_far_from_every_interest_lowers_nobody() -> None:
    """The moon is near nothing; no interest of negative importance comes of it."""
    assert known(built(*SAVED, hide("moon", MOON))) == {"cake": 3, "ice": 2}
    assert known(built(hide("moon", MOON))) == {}


def test_ward_says_how_far_an_interest_reaches() -> None:
    """2 n / (n + 1) |x - m|^2 <= alpha: three around the cake up to 21 degrees, one alone up to 26."""
    reach = {1: math.degrees(math.acos(1 - 0.1)), 3: math.degrees(math.acos(1 - 0.2 / 1.5 / 2))}
    for n, degrees in reach.items():
        saved = SAVED[:3] if n == 3 else [Action("cake", CAKE)]
        for beyond, left in ((-0.5, n - 1), (0.5, n)):
            hidden = hide("tart", angles(10 + degrees + beyond)[0])
            assert sum(known(built(*saved, hidden)).values()) == left


def test_the_nearest_interest_is_lowered_and_of_equals_the_most_important() -> None:
    """Half way between two the one of 3 pays, not the one of 2; beyond, the other."""
    east, north, north_east, north_north_east = angles(0, 90, 45, 50)
    saved = Action("east", east, weight=3), Action("north", north, weight=2)
    parameters = replace(PARAMETERS, alpha=1)
    assert known(built(*saved, hide("x", north_east), parameters=parameters)) == {"east": 2, "north": 2}
    assert known(built(*saved, hide("x", north_north_east), parameters=parameters)) == {"east": 3, "north": 1}


def test_a_hidden_pin_is_no_medoid_and_no_point() -> None:
    """The cake was saved, and then hidden: the two around it are too few to hold together without it."""
    tight = replace(PARAMETERS, alpha=0.1)
    saved = [
        Action("food", FOOD, days_ago=1),
        Action("cake", CAKE, days_ago=1),
        Action("pie", PIE, days_ago=1),
    ]
    assert known(built(*saved, parameters=tight)).keys() == {"cake"}

    interests = built(*saved, hide("cake", CAKE), parameters=tight)
    assert "cake" not in interests.representatives.pin_ids
    assert "cake" not in interests.medoid_pin_ids


def test_what_was_saved_and_then_hidden_counts_as_if_neither() -> None:
    """At the same weight and time: food and pie keep what they had."""
    assert known(built(*SAVED[:3], hide("cake", CAKE))) == {"food": 2}


def test_who_changes_their_mind_has_the_pin_back() -> None:
    """Hidden two days ago and saved yesterday: a point again; the hide still counts what is left of it."""
    interests = built(hide("cake", CAKE, days_ago=2), Action("cake", CAKE, days_ago=1))
    assert known(interests) == {"cake": pytest.approx(math.exp(-0.1) - math.exp(-0.2))}


def test_a_hide_at_the_time_of_a_save_wins() -> None:
    """Two at one time, in whatever order they come: nobody gets back what they may have hidden."""
    save, hidden = Action("a", CAKE), hide("a", CAKE)
    for actions in (actions_of(save, hidden), actions_of(hidden, save)):
        assert hidden_pins(actions) == {"a"}


def test_representatives_fall_in_proportion() -> None:
    """A third is taken off the interest, and off each of those who stand for it."""
    stood_for = built(*SAVED, hide("tart", CAKE)).representatives
    weights = dict(zip(stood_for.pin_ids, stood_for.weights.tolist(), strict=True))
    assert weights == pytest.approx({"snow": 1, "ice": 1, "food": 2 / 3, "cake": 2 / 3, "pie": 2 / 3})
    assert stood_for.pin_ids[:2] == ("ice", "snow")


@st.composite
def mixed_actions(draw: st.DrawFn) -> Actions:
    """Any actions, some of them turned into hides."""
    actions = draw(any_actions())
    signs = draw(st.lists(st.sampled_from([1, 1, -1]), min_size=len(actions), max_size=len(actions)))
    return replace(actions, weights=actions.weights * np.array(signs))


@settings(max_examples=60)
@given(mixed_actions(), st.randoms(use_true_random=False))
def test_neither_order_nor_company_matters(actions: Actions, random: Random) -> None:
    """To the last bit, shuffled, and beside others with hides and without."""
    order = list(range(len(actions)))
    random.shuffle(order)
    other = actions_of(*SAVED, hide("tart", CAKE)) if actions.vectors.shape[1] == CAKE.shape[0] else actions
    alone = build_interests(actions, PARAMETERS, NOW_S)
    many = build_many([other, in_order(actions, order), other], PARAMETERS, NOW_S)
    assert bits(many[1]) == bits(alone)


@settings(max_examples=60)
@given(mixed_actions())
def test_hides_only_ever_lower(actions: Actions) -> None:
    """Beside the interests of what was liked: the same medoids or fewer, no importance that is negative."""
    liked = build_interests(told_apart(actions).liked, PARAMETERS, NOW_S)
    mixed = build_interests(actions, PARAMETERS, NOW_S)
    assert set(mixed.medoid_pin_ids) <= set(liked.medoid_pin_ids)
    assert (mixed.importances > 0).all()
    assert (np.diff(mixed.importances) <= 0).all()
    assert not hidden_pins(actions) & set(mixed.representatives.pin_ids)


def test_a_hide_of_today_lowers_the_interest_of_yesterdays_batch() -> None:
    """The batch knows cake and ice, today's actions save the moon and hide beside the ice and the moon."""
    batch = built(*SAVED)
    today = told_apart(
        actions_of(Action("moon", MOON), hide("frost", ICE, weight=-0.5), hide("dark", MOON, weight=-0.25))
    )
    online = build_interests(today.liked, PARAMETERS, NOW_S)
    answer = combine(
        batch, np.stack([CAKE, ICE]), online, np.stack([MOON]), PARAMETERS, NOW_S, disliked=today.disliked
    )
    assert known(answer.interests) == {"cake": 3, "ice": 1.5, "moon": 0.75}
    assert answer.origins == (Origin.BATCH, Origin.BATCH, Origin.ONLINE)


def test_an_interest_may_vanish_today() -> None:
    """Two hides beside the ice, nothing saved: what is left is the cake."""
    batch, nothing = built(*SAVED), built()
    today = told_apart(actions_of(hide("frost", ICE), hide("hail", SNOW)))
    answer = combine(
        batch, np.stack([CAKE, ICE]), nothing, TIED[:0, :2], PARAMETERS, NOW_S, disliked=today.disliked
    )
    assert known(answer.interests) == {"cake": 3}
    assert set(answer.interests.representatives.pin_ids) == {"food", "cake", "pie"}
