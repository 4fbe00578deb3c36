"""What methods make of a history is what the model makes of it, with one part exchanged."""

import numpy as np
import pytest

from evaluation.drawing import draws
from evaluation.embeddings import (
    NO_ROW,
    centroid_embeddings,
    clusters_of,
    complete_linkage,
    decay_average,
    k_means,
    last_pin,
    medoid_embeddings,
    pin_id,
    ward,
)
from model.interests import Actions
from model.parameters import Parameters
from model.profile import build_interests
from model.sampling import sample_interests
from tests.evaluation.town import case_of, circle

POOL = circle()
ALPHA = 0.2


def test_the_default_is_the_models_algorithm_2() -> None:
    """Medoids, importances and their order are those of build_interests."""
    case = case_of([0, 1, 2, 12, 13, 0, 6], [3])
    found = medoid_embeddings(clusters_of(case, POOL, ward(ALPHA)), POOL, case.now_s, 0.01)
    actions = Actions(
        pin_ids=tuple(pin_id(row) for row in case.rows.tolist()),
        vectors=POOL[case.rows],
        times_s=case.times_s,
        weights=np.ones(len(case.rows)),
    )
    expected = build_interests(actions, Parameters(alpha=ALPHA), case.now_s)
    assert [pin_id(row) for row in found.rows.tolist()] == list(expected.medoid_pin_ids)
    assert found.importances.tolist() == expected.importances.tolist()


def test_the_last_pin_is_that_of_the_newest_action() -> None:
    """Which is the last of a history."""
    assert last_pin(case_of([5, 7], [3]), POOL).rows.tolist() == [7]


def test_an_average_without_decay_points_between() -> None:
    """Pins at 0 and 90 degrees: 45 degrees."""
    found = decay_average(case_of([0, 6], [3]), POOL, 0.0)
    assert found.vectors[0] == pytest.approx([2**-0.5, 2**-0.5], abs=1e-3)
    assert found.rows.tolist() == [NO_ROW]


def test_decay_turns_an_average_towards_the_newest() -> None:
    """At ln 2 a day, an action a day older weighs half."""
    found = decay_average(case_of([0, 6], [3], ages_days=[2.0, 1.0]), POOL, float(np.log(2)))
    assert found.vectors[0] == pytest.approx(np.array([1, 2]) / 5**0.5, abs=1e-3)


def test_an_old_history_does_not_vanish() -> None:
    """exp(-0.25 x 5,000 days) is 0 in floating point; only ratios count."""
    found = decay_average(case_of([0, 6], [3], ages_days=[5000.0, 5000.0]), POOL, 0.25)
    assert np.linalg.norm(found.vectors) == pytest.approx(1, abs=1e-3)


def test_a_centroid_of_one_pin_is_that_pin() -> None:
    """So its list comes from the cache; one of several pins is none of them."""
    clusters = clusters_of(case_of([0, 1, 12], [3]), POOL, ward(ALPHA))
    found = centroid_embeddings(clusters, case_of([0, 1, 12], [3]).now_s, 0.01)
    assert found.rows.tolist() == [NO_ROW, 12]
    assert found.vectors[0] == pytest.approx(
        (POOL[0] + POOL[1]) / np.linalg.norm(POOL[0] + POOL[1]), abs=1e-3
    )


def test_complete_linkage_makes_as_many_clusters_as_ward() -> None:
    """Its heights are on another scale than alpha."""
    points = POOL[[0, 1, 3, 12, 13, 19]]
    n_ward = len(np.unique(ward(ALPHA)(points)))
    found = complete_linkage(ALPHA)(points)
    assert sorted(set(found.tolist())) == list(range(n_ward))


@pytest.mark.parametrize("labeller", [ward(ALPHA), complete_linkage(ALPHA), k_means(5)])
def test_one_pin_is_one_cluster(labeller: object) -> None:
    """The smallest history there is."""
    assert callable(labeller)
    assert labeller(POOL[:1]).tolist() == [0]


def test_k_means_finds_clusters_that_anyone_sees() -> None:
    """Two pins in each of two directions; labels begin at 0 without a gap."""
    labels = k_means(2)(POOL[[0, 1, 12, 13]])
    assert labels[0] == labels[1] != labels[2] == labels[3]
    assert sorted(set(labels.tolist())) == [0, 1]


def test_many_draws_are_the_models_draws() -> None:
    """The same generator gives the same interests as asking the model one request after another."""
    importances = np.array([5.0, 3.0, 1.0, 0.5])
    many = draws(importances, 2, 50, np.random.default_rng(7))
    generator = np.random.default_rng(7)
    expected = [sample_interests(importances, 2, generator).tolist() for _ in range(50)]
    assert many.tolist() == expected


def test_without_a_choice_there_is_one_draw() -> None:
    """A user with no more than e interests has no sampling noise."""
    assert draws(np.ones(3), 3, 20, np.random.default_rng(0)).tolist() == [[0, 1, 2]]
