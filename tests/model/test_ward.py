"""Ward's clustering agrees with Algorithm 1 taken literally, with scipy, and with the definition."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from model.ward import Dendrogram, cut, n_merges_at, ward_dendrogram
from tests.model.oracles import Cluster, algorithm_1, partition, ward_distance
from tests.model.vectors import (
    TIED,
    angles,
    any_points,
    clustered_vectors,
    tied_points,
    unit_vectors,
    untied_points,
)


def alphas_between(heights: NDArray[np.float64]) -> list[float]:
    """One alpha below, between and above the heights, none within 1e-9 of a height."""
    edges = np.concatenate([[0.0], heights, [heights.max(initial=0.0) + 1]])
    return [(low + high) / 2 for low, high in pairwise(edges) if high - low > 2e-9]


@given(points=untied_points)
def test_clusters_are_those_of_algorithm_1(points: NDArray[np.float16]) -> None:
    """The stack, the nearest-neighbour chain and the last loop of the paper give the same at every alpha."""
    dendrogram = ward_dendrogram(points)
    for alpha in alphas_between(dendrogram.heights)[::5]:
        clusters, heights = algorithm_1(points, alpha)
        assert partition(cut(dendrogram, alpha)) == clusters
        np.testing.assert_allclose(dendrogram.heights, heights, rtol=1e-9)


@given(points=untied_points.filter(lambda points: len(points) > 1))
def test_clusters_are_those_of_scipy(points: NDArray[np.float16]) -> None:
    """The heights of scipy are the roots of ours, and its flat clusters at the root of alpha are ours."""
    dendrogram = ward_dendrogram(points)
    linkage = hierarchy.linkage(points.astype(np.float64), "ward")
    np.testing.assert_allclose(dendrogram.heights, linkage[:, 2] ** 2, rtol=1e-9)
    for alpha in alphas_between(dendrogram.heights):
        labels = hierarchy.fcluster(linkage, np.sqrt(alpha), "distance")
        assert partition(cut(dendrogram, alpha)) == partition(labels.astype(np.int64))


@given(points=any_points)
def test_every_merge_joins_the_nearest_two_clusters(points: NDArray[np.float16]) -> None:
    """Replayed from the definition, each merge has Ward's distance and no other pair is nearer.

    This holds whichever of several equal distances is merged first: ties allow several dendrograms, with
    different heights even, and any of them is right.
    """
    clusters: dict[int, Cluster] = {i: frozenset({i}) for i in range(len(points))}
    for i, (one, other, height, size) in enumerate(ward_dendrogram(points).merges.tolist()):
        distances = _all_distances(points, list(clusters.values()))
        a, b = clusters.pop(int(one)), clusters.pop(int(other))
        assert ward_distance(points, a, b) == pytest.approx(height, abs=1e-9)
        assert height <= min(distances) + 1e-9
        clusters[len(points) + i] = a | b
        assert len(a | b) == size


def _all_distances(points: NDArray[np.float16], clusters: list[Cluster]) -> list[float]:
    """Ward's distance of every pair of clusters, from their means."""
    sizes = np.array([len(cluster) for cluster in clusters])
    means = np.array([points[sorted(cluster)].astype(float).mean(axis=0) for cluster in clusters])
    pairs = np.triu_indices(len(clusters), 1)
    squared = ((means[pairs[0]] - means[pairs[1]]) ** 2).sum(axis=1)
    harmonic = 2 * sizes[pairs[0]] * sizes[pairs[1]] / (sizes[pairs[0]] + sizes[pairs[1]])
    return [float(distance) for distance in harmonic * squared]


@given(points=any_points)
def test_heights_add_up_to_the_whole_scatter(points: NDArray[np.float16]) -> None:
    """The heights are ascending and sum to twice the squared distances from the common mean."""
    heights = ward_dendrogram(points).heights
    assert (np.diff(heights) >= 0).all()
    assert heights.sum() == pytest.approx(_scatter(points), abs=1e-9)


def _scatter(points: NDArray[np.float16]) -> float:
    X = points.astype(np.float64)
    return float(2 * ((X - X.mean(axis=0)) ** 2).sum())


@given(points=tied_points)
def test_a_lower_alpha_only_splits_clusters(points: NDArray[np.float16]) -> None:
    """The clusters at one alpha are unions of those at any smaller one, and their number is as counted."""
    dendrogram = ward_dendrogram(points)
    finer = partition(cut(dendrogram, 0.1))
    for alpha in (0.5, 2, 3.9, 8):
        coarser = partition(cut(dendrogram, alpha))
        assert all(any(small <= large for large in coarser) for small in finer)
        assert len(coarser) == len(points) - n_merges_at(dendrogram.heights, alpha)
        finer = coarser


def test_pins_that_no_merge_reaches_are_clusters_of_one() -> None:
    """Two pairs of neighbours and a pin on its own: three clusters, the lone pin first."""
    labels = cut(ward_dendrogram(angles(0, 90, 180, 5, 98)), alpha=0.1)
    assert labels.tolist() == [1, 2, 0, 1, 2]


def test_the_worked_example_of_equation_1() -> None:
    """Pins at 0 and at 90 degrees twice: the twins merge at 0, then with the third at 2 x 2 x 1 / 3 x 2."""
    heights = ward_dendrogram(np.array([[1, 0], [0, 1], [0, 1]], np.float16)).heights
    np.testing.assert_allclose(heights, [0, 8 / 3])


def test_a_distance_equal_to_alpha_merges() -> None:
    """At alpha = 2 a d of 2 merges, though the square of the rounded root of 2 is 2.0000000000000004."""
    dendrogram = ward_dendrogram(np.array([[1, 0], [0, 1]], np.float16))
    assert dendrogram.heights[0] > 2
    assert cut(dendrogram, 2.0).tolist() == [0, 0]
    assert cut(dendrogram, 2.0 - 1e-9).tolist() == [0, 1]


def test_identical_pins_are_one_cluster_at_any_alpha() -> None:
    """Without any distance between them no alpha is too small."""
    dendrogram = ward_dendrogram(np.repeat(unit_vectors(1, 16), 50, axis=0))
    assert not dendrogram.heights.any()
    assert not cut(dendrogram, 1e-300).any()


@pytest.mark.parametrize("m", [0, 1])
def test_fewer_than_two_pins_never_merge(m: int) -> None:
    """One pin is one cluster; no pin is none."""
    dendrogram = ward_dendrogram(TIED[:m])
    assert dendrogram.merges.shape == (0, 4)
    assert cut(dendrogram, 1.0).tolist() == [0] * m


def test_a_long_chain_of_merges_is_followed_to_its_end() -> None:
    """A dendrogram as deep as it has points still gives one cluster, and two just below the top."""
    m = 1_000
    merges = np.array([[i and m + i - 1, i + 1, i, i + 2] for i in range(m - 1)], np.float64)
    chain = Dendrogram(n_points=m, merges=merges)
    assert not cut(chain, m).any()
    assert cut(chain, m - 3).tolist() == [1] * (m - 1) + [0]


def test_five_thousand_pins_cluster() -> None:
    """The largest users are served: the heights add up, and the ten themes come out as ten clusters."""
    points = clustered_vectors(5_000, 64, n_themes=10)
    dendrogram = ward_dendrogram(points)
    assert dendrogram.heights.sum() == pytest.approx(_scatter(points), rel=1e-9)
    alpha = float(dendrogram.heights[-10:-8].mean())
    assert len(partition(cut(dendrogram, alpha))) == 10


def test_memory_is_the_condensed_distances_and_one_copy() -> None:
    """Beside the m (m - 1) / 2 distances and fastcluster's copy of them there is next to nothing."""
    points, condensed_bytes = unit_vectors(3_000, 64), 8 * 3_000 * 2_999 // 2
    tracemalloc.start()
    ward_dendrogram(points)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2.1 * condensed_bytes


def test_the_points_are_left_as_they_are() -> None:
    """Clustering works in place on its own distances, never on the caller's vectors."""
    points = unit_vectors(20, 8)
    before = points.copy()
    ward_dendrogram(points)
    assert np.array_equal(points, before)
