"""Fusion knows all representatives at once; the tail is fair to each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.fusing import fuse, fused_scores, union
from model.merging import interleave


def test_a_low_temperature_ranks_by_the_nearest_representative() -> None:
    """0.9 to one beats 0.8 to both."""
    cosines = np.array([[0.9, 0.8], [0.0, 0.8]], np.float32)
    cold = fused_scores(cosines, np.ones(2), 0.01)
    assert cold[0] > cold[1]


def test_a_high_temperature_ranks_as_the_average_does() -> None:
    """0.8 to both beats 0.9 to one."""
    cosines = np.array([[0.9, 0.8], [0.0, 0.8]], np.float32)
    warm = fused_scores(cosines, np.ones(2), 100.0)
    assert warm[1] > warm[0]


def test_only_the_ratios_of_weights_matter() -> None:
    """Importances decay together without changing an answer."""
    cosines = np.array([[0.9, 0.1], [0.2, 0.7]], np.float32)
    weights = np.array([1.0, 3.0])
    assert fused_scores(cosines, weights, 0.3) == pytest.approx(fused_scores(cosines, weights / 1e6, 0.3))


def test_union_gives_each_list_as_places_among_the_distinct_rows() -> None:
    """Rows 30 and 10, then 20 and 10."""
    rows, places = union([np.array([30, 10]), np.array([20, 10])])
    assert rows.tolist() == [10, 20, 30]
    assert [of_list.tolist() for of_list in places] == [[2, 0], [1, 0]]


def test_the_head_is_by_score_and_the_tail_by_turns() -> None:
    """The best two by score; then the first of each list that is left."""
    scores = np.array([0.9, 0.8, 0.1, 0.2, 0.3], np.float32)
    answer = fuse([np.array([0, 2, 3]), np.array([1, 4])], scores, fused_share=0.5, n=4)
    assert answer.tolist() == [0, 1, 2, 4]


LISTS = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True), min_size=1, max_size=5)


@given(LISTS, st.integers(1, 20), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_answers_are_distinct_and_as_long_as_can_be(lists: list[list[int]], n: int, share: float) -> None:
    """Whatever the lists: n of them, or all that there are."""
    rows, places = union([np.array(of_list) for of_list in lists])
    scores = np.cos(rows).astype(np.float32)
    answer = fuse(places, scores, fused_share=share, n=n)
    assert len(set(answer.tolist())) == len(answer) == min(n, len(rows))


@given(LISTS, st.integers(1, 20))
def test_without_a_fused_part_it_is_the_servers_interleaving(lists: list[list[int]], n: int) -> None:
    """The same rows in the same order as model.merging gives."""
    rows, places = union([np.array(of_list) for of_list in lists])
    merged = interleave(places, budget=n, max_candidates=n)
    expected = [places[i][at] for i, at in zip(merged.lists, merged.positions, strict=True)]
    answer = fuse(places, np.zeros(len(rows), np.float32), fused_share=0.0, n=n)
    assert answer.tolist() == [int(place) for place in expected]
