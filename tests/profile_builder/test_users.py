"""One user in, one user's records out: worked by hand, and the same in any order."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.parameters import Parameters
from profile_builder.actions import UserActions
from profile_builder.users import MAX_SEEN_PINS, BuiltUser, Rules, build_together, newest
from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.pins.memory import InMemoryPins
from storage.pins.port import Pins
from storage.profiles.encoding import decode_profile, decode_seen
from storage.profiles.records import Profile
from tests.profile_builder.world import NEWEST_S, SPACE, WEIGHTS, Act, make_pins

PINS = make_pins()
RULES = Rules(
    embedding_space=SPACE,
    parameters=Parameters(alpha=0.5),
    parameters_version="0123456789ab",
    cut_s=NEWEST_S,
    watermark_s=NEWEST_S - 3_600,
    max_actions=2_000,
)


def user(*acts: Act) -> UserActions:
    return UserActions(
        user_id="ann",
        rows=PINS.rows([act.pin or "" for act in acts]),
        times_s=np.array([act.time_s for act in acts], np.int64),
        weights=np.array([WEIGHTS[act.action or ""] for act in acts], np.float64),
    )


def build_user(actions: UserActions, pins: Pins, rules: Rules) -> BuiltUser:
    (built,) = build_together([actions], pins, rules)
    return built


def profile_of(built: BuiltUser) -> Profile:
    assert built.encoded.profile is not None
    return decode_profile(built.encoded.profile, "ann")


def seen_of(built: BuiltUser) -> list[int]:
    assert built.encoded.seen is not None
    return [int(key) for key in decode_seen(built.encoded.seen, "ann")]


def test_the_pins_that_stand_for_a_user_are_stored() -> None:
    """With few pins all of them do, each with its own weight, for the interest it is in."""
    built = build_user(
        user(*(Act("ann", f"cat-{i}") for i in (1, 2, 3)), Act("ann", "car-4", days=100)), PINS, RULES
    )
    stood_for = profile_of(built).interests.representatives
    assert stood_for.pin_ids == ("cat-1", "cat-2", "cat-3", "car-4")
    assert stood_for.weights.tolist() == pytest.approx([1, 1, 1, math.exp(-2)])
    assert stood_for.interests.tolist() == [0, 0, 0, 1]


def test_two_interests_are_found_and_weighed() -> None:
    """Three cats now and two cars 100 days ago, lambda 0.01: importances 3 and 2/e; medoids in the middle."""
    built = build_user(
        user(
            *(Act("ann", f"cat-{i}") for i in (1, 2, 3)),
            *(Act("ann", f"car-{i}", days=100) for i in (4, 5)),
        ),
        PINS,
        RULES,
    )
    profile = profile_of(built)

    assert profile.interests.medoid_pin_ids == ("cat-2", "car-4")
    assert profile.interests.importances.tolist() == pytest.approx([3.0, 2 / math.e])
    assert profile.interests.sizes.tolist() == [3, 2]
    assert profile.interests.computed_at_s == NEWEST_S
    assert (profile.actions_until_s, profile.parameters_version) == (NEWEST_S - 3_600, "0123456789ab")
    assert profile.embedding_space == SPACE
    assert built.n_interests == 2


def test_an_action_weighs_what_its_kind_weighs() -> None:
    """A love counts three saves, in importance only: the cluster's size is pins."""
    profile = profile_of(
        build_user(user(Act("ann", "cat-1", action="love"), Act("ann", "cat-1")), PINS, RULES)
    )
    assert profile.interests.importances.tolist() == [4.0]
    assert profile.interests.sizes.tolist() == [1]


def test_looks_and_hides_make_no_interest_but_are_seen() -> None:
    """Nothing about bees in the profile, of which nothing was saved; no bee comes back either."""
    built = build_user(
        user(Act("ann", "cat-1"), Act("ann", "bee-1", action="look"), Act("ann", "bee-2", action="hide")),
        PINS,
        RULES,
    )
    assert profile_of(built).interests.medoid_pin_ids == ("cat-1",)
    assert seen_of(built) == sorted(hash_ids(["cat-1", "bee-1", "bee-2"]).tolist())


def test_a_hide_lowers_what_it_falls_into() -> None:
    """Three cats saved and one of them hidden, one car and another hidden: two cats, and no cars."""
    saves = [Act("ann", pin) for pin in ("cat-1", "cat-2", "cat-3", "car-4")]
    hides = [Act("ann", pin, action="hide") for pin in ("cat-2", "car-5")]
    built = build_user(user(*saves, *hides), PINS, RULES)

    interests = profile_of(built).interests
    assert interests.medoid_pin_ids == ("cat-1",)
    assert interests.importances.tolist() == [2.0]
    assert interests.sizes.tolist() == [2]
    assert seen_of(built) == sorted(hash_ids(["cat-1", "cat-2", "cat-3", "car-4", "car-5"]).tolist())


def test_what_was_hidden_is_seen_before_all_else() -> None:
    """Of more pins than are kept: the oldest of all, hidden, stays away."""
    n = MAX_SEEN_PINS + 1
    ids = [f"pin-{i:05}" for i in range(n)]
    vectors = np.tile(np.eye(1, 8), (n, 1)).astype(np.float16)
    pins = InMemoryPins(ids, vectors, embedding_space=EmbeddingSpace("one-1", 8))
    weights = np.zeros(n)
    weights[0] = -1
    actions = UserActions(user_id="ann", rows=np.arange(n), times_s=np.arange(n), weights=weights)
    gone = set(hash_ids(ids).tolist()) - set(seen_of(build_user(actions, pins, RULES)))
    assert gone == set(hash_ids(["pin-00001"]).tolist())


def test_records_say_which_wish_to_be_forgotten_they_were_made_with() -> None:
    """Of that user; of others nothing."""
    for user_id, until_s in (("ann", 1_600_000_000), ("ben", 0)):
        actions = replace(user(Act("ann", "cat-1")), user_id=user_id)
        built = build_user(actions, PINS, replace(RULES, forgotten_until_s={"ann": 1_600_000_000}))
        assert built.encoded.profile is not None
        assert built.encoded.seen is not None
        assert decode_profile(built.encoded.profile, user_id).forgotten_until_s == until_s
        assert len(decode_seen(built.encoded.seen, user_id, 1_600_000_000)) == (1 if until_s else 0)


def test_a_user_who_only_looked_has_no_profile() -> None:
    """What they saw is kept."""
    built = build_user(user(Act("ann", "cat-1", action="look")), PINS, RULES)

    assert built.encoded.profile is None
    assert built.n_interests == 0
    assert seen_of(built) == hash_ids(["cat-1"]).tolist()


def test_a_user_of_unknown_pins_leaves_nothing() -> None:
    """No action on a known pin is left of them."""
    built = build_user(user(), PINS, RULES)
    assert (built.encoded.profile, built.encoded.seen, built.n_interests) == (None, None, 0)


def test_the_newest_actions_make_the_profile() -> None:
    """A cap of three: the cars, older, are gone from the interests, yet are seen."""
    cars = [Act("ann", f"car-{i}", days=50) for i in range(4)]
    cats = [Act("ann", f"cat-{i}", days=i) for i in range(3)]
    hides = [Act("ann", f"bee-{i}", action="hide") for i in range(5)]
    built = build_user(user(*cars, *cats, *hides), PINS, replace(RULES, max_actions=3))

    assert built.is_capped
    assert profile_of(built).interests.sizes.tolist() == [3]
    assert profile_of(built).interests.medoid_pin_ids[0].startswith("cat")
    assert len(seen_of(built)) == 12
    assert not build_user(user(*cats, *hides), PINS, replace(RULES, max_actions=3)).is_capped


def test_of_equally_old_actions_the_smallest_ids_stay() -> None:
    """So that the cap does not depend on an order; of one pin the heaviest action."""
    acts = user(
        Act("ann", "cat-3"), Act("ann", "cat-1"), Act("ann", "cat-1", action="love"), Act("ann", "cat-2")
    )
    kept = newest(acts, PINS, 2)

    assert PINS.pin_ids(kept.rows) == ["cat-1", "cat-1"]
    assert kept.weights.tolist() == [3.0, 1.0]
    assert PINS.pin_ids(newest(acts, PINS, 3).rows)[2] == "cat-2"


def test_the_newest_two_thousand_pins_are_seen() -> None:
    """By each pin's newest action; ties at the border by the smaller id."""
    n = MAX_SEEN_PINS + 2
    ids = [f"pin-{i:05}" for i in range(n)]
    vectors = np.tile(np.eye(1, 8), (n, 1)).astype(np.float16)
    pins = InMemoryPins(ids, vectors, embedding_space=EmbeddingSpace("one-1", 8))
    times = np.arange(n, dtype=np.int64)
    times[[0, 1, 2]] = 3
    # pin-00000 was looked at again, now.
    actions = UserActions(
        user_id="ann",
        rows=np.append(np.arange(n), 0),
        times_s=np.append(times, n),
        weights=np.zeros(n + 1),
    )
    gone = set(hash_ids(ids).tolist()) - set(seen_of(build_user(actions, pins, RULES)))
    assert gone == set(hash_ids(["pin-00002", "pin-00003"]).tolist())


acts = st.builds(
    Act,
    user=st.just("ann"),
    pin=st.sampled_from([f"{topic}-{i}" for topic in ("cat", "car") for i in range(4)]),
    days=st.integers(0, 3),
    action=st.sampled_from(["save", "love", "hide"]),
)


@given(st.data(), st.lists(acts, min_size=1, max_size=10), st.integers(1, 6))
def test_the_order_of_actions_does_not_matter(data: st.DataObject, in_order: list[Act], cap: int) -> None:
    """To the byte, with and without the cap."""
    rules = replace(RULES, max_actions=cap)
    shuffled = data.draw(st.permutations(in_order))
    assert build_user(user(*in_order), PINS, rules) == build_user(user(*shuffled), PINS, rules)
