"""Representatives are medoids first, then the pins that explain the most."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.medoid import medoids
from model.representatives import representatives, seats_of
from tests.model.vectors import angles


def test_every_important_cluster_gets_a_seat_before_any_gets_two() -> None:
    """Three clusters, three seats: one each, however unequal."""
    assert seats_of(np.array([100.0, 1.0, 1.0]), np.array([9, 9, 9]), 3).tolist() == [1, 1, 1]


def test_seats_beyond_the_first_follow_importance() -> None:
    """Importances 6 and 2 share four seats as Webster would: 3 and 1."""
    assert seats_of(np.array([6.0, 2.0]), np.array([9, 9]), 4).tolist() == [3, 1]


def test_with_fewer_seats_than_clusters_the_most_important_sit() -> None:
    """Ties go to the first."""
    assert seats_of(np.array([1.0, 3.0, 1.0]), np.array([1, 1, 1]), 2).tolist() == [1, 1, 0]


@given(
    st.lists(st.tuples(st.floats(0.01, 100), st.integers(1, 9)), min_size=1, max_size=8), st.integers(1, 30)
)
def test_all_seats_are_given_and_none_to_an_empty_place(clusters: list[tuple[float, int]], n: int) -> None:
    """As many as asked for or as there are pins; never more than a cluster has pins."""
    importances, sizes = np.array([c[0] for c in clusters]), np.array([c[1] for c in clusters])
    seats = seats_of(importances, sizes, n)
    assert (seats <= sizes).all()
    assert seats.sum() <= n
    if n >= len(sizes):
        assert seats.sum() == min(n, sizes.sum())


def test_a_clusters_first_representative_is_its_medoid() -> None:
    """With one seat each, representatives are the model's medoids with the model's importances."""
    X = angles(0, 15, 30, 180, 195)
    labels = np.array([0, 0, 0, 1, 1])
    medoid_of = medoids(X, labels, np.arange(5))
    found = representatives(_cosines(X), labels, medoid_of, np.ones(5), 2)
    assert found.indices.tolist() == medoid_of.tolist()
    assert found.weights.tolist() == [3.0, 2.0]


def test_a_second_representative_is_the_pin_that_raises_similarity_most() -> None:
    """The medoid stands in a crowd of three; of two far pins the one with more weight, though nearer."""
    X = angles(0, 15, 30, 75, 330)
    found = representatives(
        _cosines(X), np.zeros(5, np.int64), np.array([1]), np.array([1.0, 1.0, 1.0, 1.0, 5.0]), 2
    )
    assert found.indices.tolist() == [4, 1]
    assert found.weights.tolist() == [5.0, 4.0]


def test_a_third_representative_is_for_those_that_both_others_are_far_from() -> None:
    """Beside 0 and 180 degrees the pin at 80, not the heavier at 10: the first stands for that one still."""
    X = angles(0, 10, 180, 80)
    found = representatives(
        _cosines(X), np.zeros(4, np.int64), np.array([0]), np.array([1.0, 2.0, 9.0, 1.0]), 3
    )
    assert found.indices.tolist() == [2, 0, 3]
    assert found.weights.tolist() == [9.0, 3.0, 1.0]


def test_a_twin_of_a_representative_comes_last_and_weighs_nothing() -> None:
    """Everyone else is raised first; those nearest to both are nearest to the one that was there."""
    X = angles(0, 0, 30, 60)
    found = representatives(_cosines(X), np.zeros(4, np.int64), np.array([1]), np.ones(4), 4)
    assert (found.indices.tolist(), found.weights.tolist()) == ([1, 2, 3, 0], [2.0, 1.0, 1.0, 0.0])


def test_in_large_clusters_every_pin_is_weighed() -> None:
    """Of 600 pins the first few and the last few lie apart; the last are heavier, and so come first."""
    X = angles(*[90.0] * 3, *[0.0] * 594, *[270.0] * 3)
    weights = np.concatenate([np.ones(597), np.full(3, 2.0)])
    labels, medoid = np.zeros(600, np.int64), np.array([300])
    assert set(representatives(_cosines(X), labels, medoid, weights, 2).indices.tolist()) == {300, 597}
    assert set(representatives(_cosines(X), labels, medoid, weights, 3).indices.tolist()) == {0, 300, 597}


@given(st.integers(0, 1_000), st.integers(1, 12))
def test_weights_add_up_to_the_importance_of_the_clusters_that_sit(seed: int, n: int) -> None:
    """No pin's weight is lost or counted twice."""
    generator = np.random.default_rng(seed)
    X = angles(*generator.permutation(24)[:8] * 15.0)
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    weights = generator.uniform(0.1, 1, 8)
    found = representatives(_cosines(X), labels, medoids(X, labels, np.arange(8)), weights, n)
    assert len(set(found.indices.tolist())) == len(found.indices) == min(n, 8)
    sitting = np.isin(labels, labels[found.indices])
    assert np.isclose(found.weights.sum(), weights[sitting].sum())
    assert (np.diff(found.weights) <= 0).all()


def _cosines(X: NDArray[np.float16]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = X.astype(np.float32) @ X.astype(np.float32).T
    return found
