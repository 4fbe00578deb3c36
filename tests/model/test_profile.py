"""Algorithm 2: the interests of a user, the same to the bit in whatever order the actions arrive."""

import math
from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InvalidInputError
from model.fusing import FusePolicy
from model.interests import Actions, Interests
from model.parameters import SECONDS_PER_DAY, Parameters
from model.profile import build_interests, build_many, interests_at
from tests.model.oracles import algorithm_2
from tests.model.people import NOW_S, Action, actions_of, any_actions, in_order, untied_actions
from tests.model.vectors import TIED, angles, clustered_vectors, unit_vectors

PARAMETERS = Parameters(alpha=0.5)
TEN_YEARS_S = 3_653 * SECONDS_PER_DAY


def bits(interests: Interests) -> tuple[object, ...]:
    """Everything in the interests, importances and weights to the last bit."""
    stood_for = interests.representatives
    arrays = (
        interests.importances,
        interests.sizes,
        interests.last_action_times_s,
        stood_for.weights,
        stood_for.interests,
    )
    names = (interests.medoid_pin_ids, stood_for.pin_ids)
    return (*names, *(array.tobytes() for array in arrays), interests.computed_at_s)


def test_a_cook_who_also_skis() -> None:
    """Three pins on food, two on snow: two interests, food first, shown by its middle pin."""
    bread, cake, soup, ski, snow = angles(0, 10, 20, 90, 100)
    interests = build_interests(
        actions_of(
            Action("bread", bread, days_ago=3),
            Action("ski", ski, days_ago=2),
            Action("cake", cake, days_ago=1),
            Action("soup", soup),
            Action("snow", snow, days_ago=100),
        ),
        PARAMETERS,
        NOW_S,
    )
    assert interests.medoid_pin_ids == ("cake", "ski")
    assert interests.sizes.tolist() == [3, 2]
    assert interests.importances.tolist() == pytest.approx(
        [math.exp(-0.03) + math.exp(-0.01) + 1, math.exp(-0.02) + math.exp(-1)]
    )
    assert interests.last_action_times_s.tolist() == [NOW_S, NOW_S - 2 * SECONDS_PER_DAY]
    assert interests.computed_at_s == NOW_S


def test_an_important_interest_has_several_representatives() -> None:
    """Of three, two stand for food: its medoid, and the pin farthest from it; one for snow."""
    bread, cake, soup, ski = angles(0, 10, 25, 90)
    interests = build_interests(
        actions_of(Action("bread", bread), Action("cake", cake), Action("soup", soup), Action("ski", ski)),
        Parameters(alpha=0.5, fusing=FusePolicy(n_representatives=3)),
        NOW_S,
    )
    stood_for = interests.representatives
    assert interests.medoid_pin_ids == ("cake", "ski")
    assert stood_for.pin_ids == ("cake", "ski", "soup")
    assert stood_for.weights.tolist() == [2, 1, 1]
    assert stood_for.interests.tolist() == [0, 1, 0]


def test_representatives_forget_at_a_rate_of_their_own() -> None:
    """At 0.1 a day an action of 10 days ago weighs exp(-1) among representatives, exp(-0.1) in importance."""
    actions = actions_of(Action("a", TIED[0], days_ago=10), Action("b", TIED[2]))
    parameters = Parameters(alpha=0.5, representative_lambda_per_day=0.1)
    interests = build_interests(actions, parameters, NOW_S)
    assert interests.importances.tolist() == pytest.approx([1, math.exp(-0.1)])
    assert interests.representatives.weights.tolist() == pytest.approx([1, math.exp(-1)])


@given(actions=any_actions(), alpha=st.sampled_from([0.01, 0.5, 2.0]), n=st.integers(1, 15))
def test_representatives_are_of_the_interests(actions: Actions, alpha: float, n: int) -> None:
    """As many as there may be, each pin once, heaviest first; no weight of an interest with any is lost."""
    parameters = Parameters(
        alpha=alpha, representative_lambda_per_day=0.01, fusing=FusePolicy(n_representatives=n)
    )
    interests = build_interests(actions, parameters, NOW_S)
    stood_for = interests.representatives
    assert len(stood_for) == len(set(stood_for.pin_ids)) == min(n, len(set(actions.pin_ids)))
    assert (np.diff(stood_for.weights) <= 0).all()
    for at in set(stood_for.interests.tolist()):
        of_it = np.flatnonzero(stood_for.interests == at)
        assert interests.medoid_pin_ids[at] in {stood_for.pin_ids[i] for i in of_it}
        assert stood_for.weights[of_it].sum() == pytest.approx(interests.importances[at])


@given(
    users=st.lists(any_actions(), max_size=6),
    ends=st.lists(st.integers(0, 6), max_size=3),
    alpha=st.sampled_from([0.01, 0.5, 2.0]),
    n=st.integers(1, 40),
)
def test_batching_changes_nothing(users: list[Actions], ends: list[int], alpha: float, n: int) -> None:
    """Alone or in any batches, each at a time of their own; twins, ties and empty users: the same bits."""
    users = [each for each in users if each.vectors.shape[1] == users[0].vectors.shape[1]]
    parameters = Parameters(alpha=alpha, fusing=FusePolicy(n_representatives=n))
    nows_s = [NOW_S + at * 1_000 for at in range(len(users))]
    cuts = [0, *sorted(ends), len(users)]
    built = [
        interests
        for start, end in pairwise(cuts)
        for interests in build_many(users[start:end], parameters, nows_s[start:end])
    ]
    alone = [build_interests(each, parameters, now_s) for each, now_s in zip(users, nows_s, strict=True)]
    assert [bits(each) for each in built] == [bits(each) for each in alone]


def test_the_largest_and_the_smallest_are_built_together() -> None:
    """A user of 2,500 pins between users of one, of none and of a hundred; more than are widened at once."""
    vectors = clustered_vectors(2_500, 16, 30)
    users = [
        actions_of(*(Action(f"pin-{i}", vectors[i], days_ago=i % 90) for i in range(first, first + m)))
        for first, m in [(0, 1), (7, 0), (0, 2_500), (300, 100), (2_499, 1)]
    ]
    users[1] = replace(users[1], vectors=vectors[:0])
    together = build_many(users, PARAMETERS, NOW_S)
    assert [bits(each) for each in together] == [
        bits(build_interests(each, PARAMETERS, NOW_S)) for each in users
    ]
    assert [int(each.sizes.sum()) for each in together] == [1, 0, 2_500, 100, 1]


def test_a_vector_that_is_refused_is_named_as_its_own_user_knows_it() -> None:
    """Not by its place among everybody's."""
    a, b = TIED[0], np.array([1, 1, 0], np.float16)
    users = [actions_of(Action("a", a)), actions_of(Action("a", a, days_ago=1), Action("b", b))]
    with pytest.raises(InvalidInputError, match=r"vector 1 is not a unit vector: its squared norm is 2\.0"):
        build_many(users, PARAMETERS, NOW_S)


def test_users_of_two_dimensions_are_refused() -> None:
    """They are of two embedding spaces."""
    users = [actions_of(Action("a", TIED[0])), actions_of(Action("a", unit_vectors(1, 8)[0]))]
    with pytest.raises(InvalidInputError, match="vectors of 3 and of 8 dimensions"):
        build_many(users, PARAMETERS, NOW_S)


def test_representatives_of_one_weight_are_in_order_of_their_ids() -> None:
    """Not of their actions: a record does not tell when anybody acted."""
    c, a, b = angles(0, 9, 5)
    actions = actions_of(Action("c", c, days_ago=3), Action("a", a, days_ago=2), Action("b", b, days_ago=1))
    parameters = Parameters(alpha=0.5, representative_lambda_per_day=0)
    stood_for = build_interests(actions, parameters, NOW_S).representatives
    assert (stood_for.pin_ids, stood_for.weights.tolist()) == (("a", "b", "c"), [1, 1, 1])


def test_weights_that_have_decayed_to_nothing_choose_all_the_same() -> None:
    """Actions so long ago that every weight is 0 still have their representatives."""
    actions = actions_of(*(Action(str(i), vector, days_ago=80) for i, vector in enumerate(angles(0, 5, 9))))
    parameters = Parameters(alpha=0.5, representative_lambda_per_day=100)
    assert build_interests(actions, parameters, NOW_S).representatives.weights.tolist() == [0, 0, 0]


@given(actions=any_actions(), data=st.data())
def test_permuting_the_actions_changes_nothing(actions: Actions, data: st.DataObject) -> None:
    """Twins, ties and repeated actions included, every order of the actions gives the same bits."""
    order = data.draw(st.permutations(range(len(actions))))
    for alpha in (0.01, 0.5, 2.0, 10.0):
        parameters = Parameters(alpha=alpha)
        permuted = build_interests(in_order(actions, order), parameters, NOW_S)
        assert bits(permuted) == bits(build_interests(actions, parameters, NOW_S))


@pytest.mark.parametrize("d", [64, 384, 1024])
def test_permuting_many_actions_changes_nothing(d: int) -> None:
    """Hundreds of pins, where float32 sums would differ, give the same bits in another order."""
    generator = np.random.default_rng(d)
    vectors, pins = clustered_vectors(300, d, n_themes=20), generator.integers(300, size=400)
    actions = actions_of(
        *(
            Action(f"{pin}", vectors[pin], days_ago=int(day), weight=0.1)
            for pin, day in zip(pins, generator.integers(90, size=400), strict=True)
        )
    )
    permuted = in_order(actions, generator.permutation(400).tolist())
    assert bits(build_interests(actions, PARAMETERS, NOW_S)) == bits(
        build_interests(permuted, PARAMETERS, NOW_S)
    )


@given(actions=untied_actions(), alpha=st.sampled_from([0.7, 1.7, 2.3, 3.5]))
def test_interests_are_those_of_the_paper_taken_literally(actions: Actions, alpha: float) -> None:
    """Algorithm 1 line by line, then eq. 2 and eq. 3 by brute force, on one point a distinct pin."""
    found = build_interests(actions, Parameters(alpha=alpha), NOW_S)
    expected = algorithm_2(actions, alpha, 0.01, NOW_S)
    assert dict(zip(found.medoid_pin_ids, found.sizes.tolist(), strict=True)) == {
        medoid: size for medoid, (size, _) in expected.items()
    }
    for medoid, importance in zip(found.medoid_pin_ids, found.importances, strict=True):
        assert importance == pytest.approx(expected[medoid][1])


def test_a_pin_acted_on_twice_is_one_point_and_counts_twice() -> None:
    """Ward and the size see it once, importance sees both actions, the last action is the newer one."""
    (a,) = angles(0)
    interests = build_interests(actions_of(Action("a", a, days_ago=10), Action("a", a)), PARAMETERS, NOW_S)
    assert interests.medoid_pin_ids == ("a",)
    assert interests.sizes.tolist() == [1]
    assert interests.importances.tolist() == pytest.approx([1 + math.exp(-0.1)])
    assert interests.last_action_times_s.tolist() == [NOW_S]


def test_weight_enters_importance_only() -> None:
    """A heavy action moves neither a cluster's medoid nor its size."""
    a, b, c = angles(0, 10, 20)
    heavy = build_interests(
        actions_of(Action("a", a, weight=50), Action("b", b), Action("c", c)), PARAMETERS, NOW_S
    )
    assert heavy.medoid_pin_ids == ("b",)
    assert heavy.sizes.tolist() == [3]
    assert heavy.importances.tolist() == [52]


def test_a_medoid_tie_goes_to_the_newest_action() -> None:
    """Two pins are equally near to each other: the one acted on last stands for both."""
    a, b = angles(0, 10)
    tied = actions_of(Action("a", a, days_ago=1), Action("b", b, days_ago=2), Action("b", b, days_ago=0.5))
    assert build_interests(tied, PARAMETERS, NOW_S).medoid_pin_ids == ("b",)


def test_a_medoid_tie_at_one_time_goes_to_the_smallest_id() -> None:
    """With nothing else between them, the ids decide; any opaque string is an id."""
    a, b = angles(0, 10)
    for ids in (("85123A", "85123B"), ("a", "a\0"), ("É", "日本")):
        for order in (ids, ids[::-1]):
            tied = actions_of(*(Action(pin, vector) for pin, vector in zip(order, (a, b), strict=True)))
            assert build_interests(tied, PARAMETERS, NOW_S).medoid_pin_ids == (ids[0],)


@pytest.mark.parametrize(("days_ago", "pair"), [((2, 1, 0), "ab"), ((0, 1, 2), "bc"), ((0, 0, 0), "ab")])
def test_a_tie_between_distances_is_broken_in_canonical_order(
    days_ago: tuple[int, int, int], pair: str
) -> None:
    """East and west are as far from north: the earlier action merges with it, at one time the smaller id."""
    east, north, west = TIED[0], TIED[2], TIED[1]
    happened = [
        Action(pin, vector, days_ago=days)
        for pin, vector, days in zip("abc", (east, north, west), days_ago, strict=True)
    ]
    for arrived in permutations(happened):
        interests = build_interests(actions_of(*arrived), Parameters(alpha=2.0), NOW_S)
        assert sorted(interests.sizes.tolist()) == [1, 2]
        (alone,) = set("abc") - set(pair)
        assert interests.medoid_pin_ids[interests.sizes.tolist().index(1)] == alone


def test_interests_of_equal_importance_are_ordered_by_id() -> None:
    """One action each, at one time: the order is that of the medoids' ids."""
    actions = actions_of(Action("c", TIED[0]), Action("a", TIED[2]), Action("b", TIED[4]))
    assert build_interests(actions, PARAMETERS, NOW_S).medoid_pin_ids == ("a", "b", "c")


def test_one_action_is_one_interest() -> None:
    """A single pin stands for itself."""
    interests = build_interests(actions_of(Action("only", TIED[0], weight=2)), PARAMETERS, NOW_S)
    assert interests.medoid_pin_ids == ("only",)
    assert interests.importances.tolist() == [2]


@pytest.mark.parametrize(("alpha", "n_interests"), [(1.9, 2), (2.0, 1), (2.1, 1)])
def test_two_actions_are_one_interest_or_two(alpha: float, n_interests: int) -> None:
    """Two orthogonal pins, 2 apart, are one interest from alpha = 2 on."""
    actions = actions_of(Action("a", TIED[0]), Action("b", TIED[2]))
    assert len(build_interests(actions, Parameters(alpha=alpha), NOW_S)) == n_interests


@pytest.mark.parametrize("d", [0, 256])
def test_no_action_is_no_interest(d: int) -> None:
    """A user without actions has an empty list of interests."""
    none = Actions(
        pin_ids=(), vectors=np.empty((0, d), np.float16), times_s=np.empty(0, np.int64), weights=np.empty(0)
    )
    interests = build_interests(none, PARAMETERS, NOW_S)
    assert len(interests) == 0
    assert interests.importances.dtype == np.float64
    assert interests.computed_at_s == NOW_S


def test_identical_pins_are_one_interest() -> None:
    """A hundred pins with one vector: one interest of all, shown by the newest."""
    actions = actions_of(*(Action(f"{i:03}", TIED[0], days_ago=abs(i - 42)) for i in range(100)))
    interests = build_interests(actions, Parameters(alpha=1e-9), NOW_S)
    assert interests.medoid_pin_ids == ("042",)
    assert interests.sizes.tolist() == [100]


def test_five_thousand_pins() -> None:
    """The largest users are served: every pin is in one interest, every action in one importance."""
    vectors = clustered_vectors(5_000, 64, n_themes=30)
    actions = Actions(
        pin_ids=tuple(f"{i}" for i in range(5_000)),
        vectors=vectors,
        times_s=np.full(5_000, NOW_S),
        weights=np.ones(5_000),
    )
    interests = build_interests(actions, Parameters(alpha=20), NOW_S)
    assert interests.sizes.sum() == 5_000
    assert interests.importances.sum() == 5_000
    assert len(interests) == 30


@given(actions=any_actions(), skew_s=st.integers(-TEN_YEARS_S, TEN_YEARS_S))
def test_a_clock_that_is_ten_years_off_is_harmless(actions: Actions, skew_s: int) -> None:
    """Before or after the actions, importances are finite, positive, and never grow later."""
    interests = build_interests(actions, PARAMETERS, NOW_S + skew_s)
    later = interests_at(interests, NOW_S, PARAMETERS)
    for each in (interests, later):
        assert np.isfinite(each.importances).all()
        assert (each.importances > 0).all()
    assert (later.importances <= interests.importances).all()


def test_later_importances_are_the_stored_ones_decayed() -> None:
    """After 10 days at 0.01 a day importances are exp(-0.1) of what they were, weights at 0.02 exp(-0.2)."""
    stored = build_interests(
        actions_of(Action("a", TIED[0], weight=3), Action("b", TIED[2])), PARAMETERS, NOW_S
    )
    later = interests_at(stored, NOW_S + 10 * SECONDS_PER_DAY, PARAMETERS)
    assert later.importances.tolist() == [3 * math.exp(-0.1), math.exp(-0.1)]
    assert later.representatives.weights.tolist() == [3 * math.exp(-0.2), math.exp(-0.2)]
    assert later.computed_at_s == NOW_S + 10 * SECONDS_PER_DAY
    undone = replace(
        later,
        importances=stored.importances,
        representatives=stored.representatives,
        computed_at_s=NOW_S,
    )
    assert bits(undone) == bits(stored)


def test_decaying_equals_computing_later() -> None:
    """Stored interests brought to a later time are those computed at that time."""
    actions = actions_of(Action("a", TIED[0], days_ago=7), Action("b", TIED[2], days_ago=30))
    then_s = NOW_S + 5 * SECONDS_PER_DAY
    decayed = interests_at(build_interests(actions, PARAMETERS, NOW_S), then_s, PARAMETERS)
    computed = build_interests(actions, PARAMETERS, then_s)
    np.testing.assert_allclose(decayed.importances, computed.importances, rtol=1e-14)
    np.testing.assert_allclose(decayed.representatives.weights, computed.representatives.weights, rtol=1e-14)


def test_an_earlier_time_changes_nothing() -> None:
    """A reader whose clock is behind sees the interests as they were stored."""
    stored = build_interests(actions_of(Action("a", TIED[0])), PARAMETERS, NOW_S)
    assert interests_at(stored, NOW_S - TEN_YEARS_S, PARAMETERS) is stored


@pytest.mark.parametrize("weight", [0.0, math.nan, math.inf, -math.inf])
def test_a_weight_that_cannot_count_is_refused(weight: float) -> None:
    """Weights are numbers other than 0; the message names the pin."""
    with pytest.raises(
        InvalidInputError, match=r"weight of an action must be .*finite.*, got .* for pin 'b'"
    ):
        build_interests(
            actions_of(Action("a", TIED[0]), Action("b", TIED[1], weight=weight)), PARAMETERS, NOW_S
        )


def test_one_pin_with_two_vectors_is_refused() -> None:
    """Which of them would stand for the pin would depend on the order of the actions."""
    with pytest.raises(InvalidInputError, match="pin 'b' was given two different vectors"):
        build_interests(
            actions_of(Action("a", TIED[0]), Action("b", TIED[1]), Action("b", TIED[2])), PARAMETERS, NOW_S
        )


def test_vectors_that_are_not_unit_vectors_are_refused() -> None:
    """Raw vectors would break exactness silently, so they are refused aloud."""
    with pytest.raises(InvalidInputError, match="vector 0 is not a unit vector"):
        build_interests(actions_of(Action("a", 2 * unit_vectors(1, 8)[0])), PARAMETERS, NOW_S)
