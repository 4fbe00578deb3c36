"""The newest actions strengthen the batch's interests they belong to, or stand as interests of their own."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from model.combining import Combined, Origin, combine
from model.errors import InvalidInputError
from model.fusing import FusePolicy
from model.interests import Interests, Representatives, no_interests
from model.parameters import SECONDS_PER_DAY, Parameters
from tests.model.people import NOW_S
from tests.model.vectors import angles, unit_vectors

Known = dict[str, tuple[float, int]]
"""By medoid: importance and size."""

ANGLE_OF = {"food": 0.0, "snow": 90.0, "cake": 10.0, "ski": 80.0, "moon": 200.0, "mid": 45.0}


def interests_of(known: Known, *, days_ago: float = 0, last_s: int = NOW_S) -> Interests:
    return Interests(
        medoid_pin_ids=tuple(known),
        importances=np.array([importance for importance, _ in known.values()], np.float64),
        sizes=np.array([size for _, size in known.values()], np.int64),
        last_action_times_s=np.full(len(known), last_s),
        computed_at_s=NOW_S - round(days_ago * SECONDS_PER_DAY),
    )


def vectors_of(interests: Interests) -> NDArray[np.float16]:
    return angles(*(ANGLE_OF[medoid] for medoid in interests.medoid_pin_ids))


def combined(batch: Interests, online: Interests, *, alpha: float = 0.2, now_s: int = NOW_S) -> Combined:
    parameters = Parameters(alpha=alpha)
    return combine(batch, vectors_of(batch), online, vectors_of(online), parameters, now_s)


def test_a_near_cluster_strengthens_and_a_far_one_stands_alone() -> None:
    """Cake joins food, which keeps its medoid; the moon is new; snow stays as it was."""
    batch = interests_of({"food": (2.0, 5), "snow": (1.5, 3)}, last_s=NOW_S - 100)
    online = interests_of({"cake": (1.0, 2), "moon": (1.8, 1)})
    answer = combined(batch, online)
    assert answer.interests.medoid_pin_ids == ("food", "moon", "snow")
    assert answer.interests.importances.tolist() == [3.0, 1.8, 1.5]
    assert answer.interests.sizes.tolist() == [7, 1, 3]
    assert answer.interests.last_action_times_s.tolist() == [NOW_S, NOW_S, NOW_S - 100]
    assert answer.origins == (Origin.BATCH_AND_ONLINE, Origin.ONLINE, Origin.BATCH)


def test_several_clusters_may_strengthen_one_interest() -> None:
    """Each online cluster joins its own nearest interest; all of them add up."""
    batch = interests_of({"food": (1.0, 5)})
    answer = combined(batch, interests_of({"cake": (0.25, 1), "mid": (0.5, 2)}), alpha=10)
    assert answer.interests.importances.tolist() == [1.75]
    assert answer.interests.sizes.tolist() == [8]


def test_the_newest_action_of_all_that_join_counts() -> None:
    """Whichever came first, and not an older one of the online actions where a clock was off."""
    batch = interests_of({"food": (1.0, 5)}, last_s=NOW_S - 100)
    online = interests_of({"cake": (0.5, 1), "mid": (0.25, 1)})
    times_s = np.array([NOW_S - 50, NOW_S - 200])
    answer = combined(batch, replace(online, last_action_times_s=times_s), alpha=10)
    assert answer.interests.last_action_times_s.tolist() == [NOW_S - 50]


def test_the_nearest_interest_is_joined() -> None:
    """With both within alpha, ski joins snow (10 degrees away), not food (80 degrees)."""
    batch = interests_of({"food": (1.0, 1), "snow": (1.0, 1)})
    answer = combined(batch, interests_of({"ski": (0.5, 1)}), alpha=10)
    assert answer.interests.medoid_pin_ids == ("snow", "food")
    assert answer.origins == (Origin.BATCH_AND_ONLINE, Origin.BATCH)


def test_of_equally_near_interests_the_more_important_is_joined() -> None:
    """Midway between food and snow, the first in order of importance wins."""
    batch = interests_of({"snow": (2.0, 1), "food": (1.0, 1)})
    answer = combined(batch, interests_of({"mid": (0.5, 1)}), alpha=10)
    assert answer.interests.importances.tolist() == [2.5, 1.0]


def test_nearness_is_wards_and_grows_with_the_clusters() -> None:
    """2 n m / (n + m) |x - y|^2 <= alpha: two orthogonal pins join at alpha 2, two pairs at alpha 4."""
    food, snow = {"food": (1.0, 1)}, {"snow": (1.0, 1)}
    foods, snows = {"food": (1.0, 2)}, {"snow": (1.0, 2)}
    assert len(combined(interests_of(food), interests_of(snow), alpha=2.0).interests) == 1
    assert len(combined(interests_of(food), interests_of(snow), alpha=1.999).interests) == 2
    assert len(combined(interests_of(foods), interests_of(snows), alpha=4.0).interests) == 1
    assert len(combined(interests_of(foods), interests_of(snows), alpha=3.999).interests) == 2


def test_both_decay_to_now() -> None:
    """The batch's values are 10 days old, the online ones 1: each decays by its own age."""
    batch = interests_of({"food": (1.0, 1)}, days_ago=10)
    online = interests_of({"cake": (1.0, 1)}, days_ago=1)
    answer = combined(batch, online)
    assert answer.interests.importances.tolist() == pytest.approx([math.exp(-0.1) + math.exp(-0.01)])
    assert answer.interests.computed_at_s == NOW_S


@pytest.mark.parametrize("skew_days", [-3_653, -1, 0, 1, 3_653])
def test_a_clock_that_is_off_keeps_the_sources_in_proportion(skew_days: int) -> None:
    """However wrong now is, both are brought to one time, finite and positive."""
    batch = interests_of({"food": (1.0, 1)}, days_ago=10)
    online = interests_of({"moon": (1.0, 1)})
    answer = combined(batch, online, now_s=NOW_S + skew_days * SECONDS_PER_DAY).interests
    assert answer.medoid_pin_ids == ("moon", "food")
    assert (answer.importances > 0).all()
    assert answer.importances[1] / answer.importances[0] == pytest.approx(math.exp(-0.1))


def test_one_source_alone_is_enough() -> None:
    """Without online clusters the batch stays, without a batch the online ones stand; nothing is nothing."""
    known, none = interests_of({"food": (2.0, 1), "moon": (1.0, 1)}), no_interests(NOW_S)
    for answer, origin in (
        (combined(known, none), Origin.BATCH),
        (combined(none, known), Origin.ONLINE),
    ):
        assert answer.interests.medoid_pin_ids == ("food", "moon")
        assert answer.origins == (origin, origin)
    assert combined(none, none).origins == ()


def stood_for_by(interests: Interests, *pins: tuple[str, float, int]) -> Interests:
    """The interests with these representatives: pin, weight, interest."""
    pin_ids, weights, of = zip(*pins, strict=True)
    return replace(
        interests,
        representatives=Representatives(
            pin_ids=pin_ids, weights=np.array(weights, np.float64), interests=np.array(of)
        ),
    )


def test_representatives_of_both_sources_stand_together() -> None:
    """Cake joins food and hands over its pins; the moon stands alone with its own."""
    batch = stood_for_by(
        interests_of({"food": (5.0, 5), "snow": (1.5, 3)}),
        ("food", 3.0, 0),
        ("soup", 2.0, 0),
        ("snow", 1.5, 1),
    )
    online = stood_for_by(
        interests_of({"moon": (2.5, 1), "cake": (1.25, 2)}),
        ("moon", 2.5, 0),
        ("cake", 1.0, 1),
        ("tart", 0.25, 1),
    )
    interests = combined(batch, online).interests
    stood_for = interests.representatives
    assert stood_for.pin_ids == ("food", "moon", "soup", "snow", "cake", "tart")
    assert [interests.medoid_pin_ids[i] for i in stood_for.interests] == [
        "food",
        "moon",
        "food",
        "snow",
        "food",
        "food",
    ]


def test_a_pin_that_stands_in_both_sources_stands_once() -> None:
    """Acted on before the watermark and after: one representative, with both weights."""
    batch = stood_for_by(interests_of({"food": (2.0, 2)}), ("cake", 1.5, 0), ("food", 0.5, 0))
    online = stood_for_by(interests_of({"cake": (1.0, 1)}), ("cake", 1.0, 0))
    stood_for = combined(batch, online).interests.representatives
    assert stood_for.pin_ids == ("cake", "food")
    assert stood_for.weights.tolist() == [2.5, 0.5]


def test_no_more_representatives_stay_than_one_source_may_have() -> None:
    """Of three and one, the two heaviest; an interest may be left without."""
    batch = stood_for_by(
        interests_of({"food": (2.0, 2), "snow": (0.5, 1)}),
        ("food", 1.5, 0),
        ("soup", 0.75, 0),
        ("snow", 0.5, 1),
    )
    parameters = Parameters(alpha=0.2, fusing=FusePolicy(n_representatives=2))
    moon = interests_of({"moon": (1.0, 1)})
    answer = combine(batch, vectors_of(batch), moon, vectors_of(moon), parameters, NOW_S)
    assert answer.interests.representatives.pin_ids == ("food", "moon")
    assert answer.interests.medoid_pin_ids == ("food", "moon", "snow")


def test_the_inputs_are_left_as_they_are() -> None:
    """A cached batch profile is not changed by combining it."""
    batch, online = interests_of({"food": (2.0, 1)}), interests_of({"cake": (1.0, 1)})
    combined(batch, online)
    assert (batch.importances.tolist(), batch.sizes.tolist()) == ([2.0], [1])


def test_vectors_that_do_not_fit_are_refused() -> None:
    """Every medoid needs its vector, and all of them one dimension."""
    one, parameters = interests_of({"food": (1.0, 1)}), Parameters(alpha=1)
    two_vectors, flat, deep = unit_vectors(2, 2), unit_vectors(1, 2), unit_vectors(1, 4)
    with pytest.raises(InvalidInputError, match="1 interests and 2 vectors do not fit together"):
        combine(one, two_vectors, one, flat, parameters, NOW_S)
    with pytest.raises(InvalidInputError, match="1 interests and 2 vectors do not fit together"):
        combine(one, flat, one, two_vectors, parameters, NOW_S)
    with pytest.raises(InvalidInputError, match="vectors of 2 and of 4 dimensions"):
        combine(one, deep, one, flat, parameters, NOW_S)
