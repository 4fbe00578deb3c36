"""Labels know their titles, their relatives, their hearts, and what an interest leads to."""

import numpy as np
import pytest

from evaluation.large_world.pool import pool_rows
from evaluation.large_world.topics import Topics
from tests.evaluation.large_world.conftest import heap_labels, heap_vectors


def test_a_label_without_titles_is_no_topic(topics: Topics) -> None:
    """Whole labels may be missing from a small pool."""
    assert topics.labels.tolist() == [0, 1, 2, 3]
    assert topics.rows(2).tolist() == list(range(24, 36))
    assert topics.rows(4).tolist() == []
    assert topics.n_titles == 48


def test_the_nearest_label_is_the_relative(topics: Topics) -> None:
    """0 and 1 lean towards each other, 2 and 3 do."""
    assert [topics.relatives(label).tolist() for label in range(4)] == [[1], [0], [3], [2]]


def test_there_are_no_more_relatives_than_other_labels() -> None:
    """Of four labels each has three others, nearest first, never itself."""
    topics = Topics(heap_vectors(), heap_labels(), n_labels=5, relatives=50, hearts=1.0)
    assert [len(topics.relatives(label)) for label in range(4)] == [3] * 4
    assert topics.relatives(0)[0] == 1
    assert all(label not in topics.relatives(label) for label in range(4))


def test_hearts_have_many_like_them() -> None:
    """Ten titles alike and thirty apart: the hearts of a quarter are the ten."""
    alike = np.tile([1.0, 0.0], (30, 1))
    turn = np.radians(np.linspace(40, 180, 10))
    apart = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    vectors = np.concatenate([apart, alike]).astype(np.float16)
    topics = Topics(vectors, np.repeat([0, 1], [40, 0]), n_labels=2, relatives=1, hearts=0.25)
    assert sorted(topics.hearts(0).tolist()) == list(range(10, 20))


def test_attraction_falls_with_distance_from_the_heart(topics: Topics) -> None:
    """By e for each breadth of cosine; the heart itself attracts no more, it has been met."""
    attraction = topics.attraction(0, heart=0, breadth=0.1)
    assert attraction[0] == 0
    assert (np.diff(attraction[1:]) < 0).all()
    cosines = np.cos(np.radians([3, 9]))
    assert attraction[3] / attraction[9] == pytest.approx(np.exp((cosines[0] - cosines[1]) / 0.1), rel=0.02)


def test_a_pool_is_made_of_whole_labels() -> None:
    """Thirteen titles need two labels of twelve; titles without a vector are in no pool."""
    is_usable = np.ones(48, np.bool_)
    is_usable[[0, 12, 24, 36]] = False
    rows = pool_rows(heap_labels(), is_usable, 13, np.random.default_rng(0))
    assert len(rows) == 22
    assert len(np.unique(heap_labels()[rows])) == 2
    assert is_usable[rows].all()
    assert (np.diff(rows) > 0).all()


def test_a_smaller_pool_is_part_of_a_larger_one() -> None:
    """So that worlds of one sweep differ in what is swept alone."""
    everything = np.ones(48, np.bool_)
    small, large, whole = (
        set(pool_rows(heap_labels(), everything, n, np.random.default_rng(3)).tolist()) for n in (1, 30, 99)
    )
    assert small < large < whole == set(range(48))
    assert len(small) == 24
