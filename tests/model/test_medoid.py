"""Medoids are found by whole numbers: exact costs, so that ties are real and broken as promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.distances import widen
from model.errors import InvalidInputError
from model.medoid import MAX_CLUSTER_SIZE, exact_costs, medoids
from tests.model.oracles import brute_medoid, whole_number_distances
from tests.model.vectors import angles, any_points, unit_vectors


@st.composite
def clusterings(draw: st.DrawFn) -> tuple[NDArray[np.float16], NDArray[np.int64], NDArray[np.int64]]:
    """Points, labels without empty clusters, and a preference."""
    points = draw(any_points)
    raw = draw(st.lists(st.integers(0, 4), min_size=len(points), max_size=len(points)))
    labels = np.unique(raw, return_inverse=True)[1].astype(np.int64)
    preference = np.array(draw(st.permutations(range(len(points)))), np.int64)
    return points, labels, preference


def costs_of(points: NDArray[np.float16], labels: NDArray[np.int64]) -> list[int]:
    """The sum of squared distances from each point to all of its cluster, in units of 2^-48."""
    X, of = widen(points), np.eye(labels.max() + 1)[labels]
    above = exact_costs(X.X, (of.T @ X.X)[labels], np.bincount(labels)[labels]).tolist()
    norms = [int(norm * 2**48) for norm in X.norms]
    norm_sums = [sum(norms[j] for j in np.flatnonzero(labels == label)) for label in range(labels.max() + 1)]
    return [cost + norm_sums[label] for cost, label in zip(above, labels, strict=True)]


@given(clustering=clusterings())
def test_medoids_are_those_of_brute_force(
    clustering: tuple[NDArray[np.float16], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """The least sum of squared distances within the cluster, ties to the smaller preference."""
    points, labels, preference = clustering
    expected = [
        brute_medoid(points, np.flatnonzero(labels == label).tolist(), preference.tolist())
        for label in range(labels.max() + 1)
    ]
    assert medoids(points, labels, preference).tolist() == expected


@pytest.mark.parametrize("d", [64, 256, 1024])
def test_costs_have_no_rounding(d: int) -> None:
    """Costs through the cluster's sum equal the sums of unbounded whole-number distances."""
    points, labels = unit_vectors(9, d), np.array([0, 1, 0, 1, 0, 0, 1, 2, 0])
    exact = whole_number_distances(points)
    expected = [
        sum(exact[i][j] for j in range(9) if labels[j] == labels[i])  # within the own cluster
        for i in range(9)
    ]
    assert costs_of(points, labels) == expected


def test_the_middle_pin_is_the_medoid() -> None:
    """Of pins at 0, 10 and 30 degrees the one at 10 stands for all; a cluster of one stands for itself."""
    found = medoids(angles(30, 200, 0, 10), np.array([0, 1, 0, 0]), np.arange(4))
    assert found.tolist() == [3, 1]


def test_costs_differ_by_the_last_bit() -> None:
    """Pin 50 beats pin 51 by 2 in 2^55, which float64 cannot hold, though ties would go to pin 51."""
    steps = [*range(101), 100]
    points = np.array([[1, step * 2.0**-24] for step in steps], np.float16)
    labels = np.zeros(102, np.int64)
    costs = costs_of(points, labels)
    assert costs[51] - costs[50] == 2
    assert medoids(points, labels, -np.arange(102)).tolist() == [50]


@given(clustering=clusterings(), seed=st.integers(0, 100))
def test_permuting_the_points_permutes_the_medoids(
    clustering: tuple[NDArray[np.float16], NDArray[np.int64], NDArray[np.int64]], seed: int
) -> None:
    """With its preference travelling along, the same pin is the medoid in any order."""
    points, labels, preference = clustering
    order = np.random.default_rng(seed).permutation(len(points))
    permuted = medoids(points[order], labels[order], preference[order])
    assert np.array_equal(order[permuted], medoids(points, labels, preference))


def test_the_largest_cluster_with_the_largest_costs_fits() -> None:
    """8,000 pins as far apart as unit vectors can be: the costs stay within int64 and right."""
    longest = np.float16(1.00976)
    points = np.full((MAX_CLUSTER_SIZE, 1), -longest)
    points[17] = longest
    labels = np.zeros(MAX_CLUSTER_SIZE, np.int64)
    apart = (2 * int(float(longest) * 2**24)) ** 2
    costs = costs_of(points, labels)
    assert costs[17] == (MAX_CLUSTER_SIZE - 1) * apart
    assert costs[0] == apart
    preference = np.arange(MAX_CLUSTER_SIZE)[::-1].copy()
    assert medoids(points, labels, preference).tolist() == [MAX_CLUSTER_SIZE - 1]


def test_a_cluster_above_the_bound_is_refused() -> None:
    """One pin more could overflow: the message says what to do."""
    m = MAX_CLUSTER_SIZE + 1
    with pytest.raises(
        InvalidInputError, match=r"a cluster of 8001 pins: .* exact up to 8000\. Cap the actions"
    ):
        medoids(np.ones((m, 1), np.float16), np.zeros(m, np.int64), np.arange(m))


def test_no_points_have_no_medoids() -> None:
    """Nothing in, nothing out."""
    none = np.empty(0, np.int64)
    assert medoids(unit_vectors(0, 8), none, none).tolist() == []


def test_arrays_that_do_not_fit_are_refused() -> None:
    """Every point has a label and a preference, every cluster a point."""
    points, three = unit_vectors(3, 8), np.arange(3)
    with pytest.raises(InvalidInputError, match="3 points, 2 labels, 3 preferences: they do not fit"):
        medoids(points, three[:2], three)
    with pytest.raises(InvalidInputError, match="3 points, 3 labels, 2 preferences: they do not fit"):
        medoids(points, three, three[:2])
    with pytest.raises(InvalidInputError, match="cluster 1 has no points"):
        medoids(points, np.array([0, 2, 2]), three)
    with pytest.raises(InvalidInputError, match="vector 0 is not a unit vector"):
        medoids(np.ones((3, 8), np.float16), three, three)
