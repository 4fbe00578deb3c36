"""Fusion knows all representatives at once; the tail is fair to each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InvalidInputError
from model.fusing import FusePolicy, contributions, fuse, fused_scores, traced, union
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


def test_a_score_is_the_sum_of_what_each_representative_adds() -> None:
    """Weights 3 and 1 at cosine 1 and 1 - T: three quarters, and a quarter of 1 / e."""
    parts = contributions(np.array([[1.0], [0.5]], np.float32), np.array([3.0, 1.0]), 0.5)
    assert parts[:, 0].tolist() == pytest.approx([0.75, 0.25 / np.e])
    assert fused_scores(np.array([[1.0], [0.5]], np.float32), np.array([3.0, 1.0]), 0.5) == pytest.approx(
        0.75 + 0.25 / np.e
    )


def test_weights_that_have_decayed_to_nothing_count_equally() -> None:
    """Someone away for so long that every weight is 0 still has an order of pins."""
    cosines = np.array([[0.9, 0.1], [0.9, 0.2]], np.float32)
    scores = fused_scores(cosines, np.zeros(2), 1.0)
    assert scores[0] > scores[1] > 0


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


def test_ties_in_the_head_go_to_the_first() -> None:
    """Whether all are sorted or only the best."""
    scores = np.array([0.5, 0.9, 0.5, 0.5], np.float32)
    everything = np.arange(4)
    assert fuse([everything], scores, fused_share=1, n=3).tolist() == [1, 0, 2]
    assert fuse([everything], scores, fused_share=1, n=4).tolist() == [1, 0, 2, 3]


def test_a_candidate_comes_from_the_list_that_counts_most_for_it() -> None:
    """Of place 0 the second counts more; place 1 is in the first only, though the second counts more."""
    lists = [np.array([0, 1]), np.array([2, 0])]
    parts = np.array([[0.1, 0.3, 0.2], [0.4, 0.5, 0.2]], np.float32)
    came = traced(lists, parts, np.array([0, 1, 2]))
    assert came.lists.tolist() == [1, 0, 1]
    assert came.positions.tolist() == [1, 1, 0]


def test_of_lists_that_count_alike_the_first_is_named() -> None:
    """Lists come heaviest first."""
    came = traced([np.array([0]), np.array([0])], np.full((2, 1), 0.5, np.float32), np.array([0]))
    assert (came.lists.tolist(), came.positions.tolist()) == ([0], [0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_representatives": 0}, "n_representatives must be 1 or more, got 0"),
        ({"temperature": 0.0}, "temperature must be a positive number, got 0.0"),
        ({"temperature": np.inf}, "temperature must be a positive number, got inf"),
        ({"fused_share": 1.1}, "fused_share must be 0 to 1, got 1.1"),
        ({"fused_share": np.nan}, "fused_share must be 0 to 1, got nan"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float], message: str) -> None:
    """Where it is given, with the value."""
    with pytest.raises(InvalidInputError, match=message):
        FusePolicy(**wrong)  # type: ignore[arg-type] # by name


LISTS = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True), min_size=1, max_size=5)


@given(LISTS, st.integers(1, 20), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_answers_are_distinct_and_as_long_as_can_be(lists: list[list[int]], n: int, share: float) -> None:
    """Whatever the lists: n of them, or all that there are."""
    rows, places = union([np.array(of_list) for of_list in lists])
    scores = np.cos(rows).astype(np.float32)
    answer = fuse(places, scores, fused_share=share, n=n)
    assert len(set(answer.tolist())) == len(answer) == min(n, len(rows))


@given(LISTS, st.integers(1, 20), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_every_candidate_stands_where_it_is_said_to_come_from(
    lists: list[list[int]], n: int, share: float
) -> None:
    """The list named holds it at the position named, and none that holds it counts more."""
    rows, places = union([np.array(of_list) for of_list in lists])
    parts = np.sin(np.outer(np.arange(1, len(lists) + 1), rows + 1)).astype(np.float32) ** 2
    answer = fuse(places, parts.sum(axis=0), fused_share=share, n=n)
    came = traced(places, parts[:, answer], answer)
    for at, row in enumerate(rows[answer]):
        assert lists[came.lists[at]][came.positions[at]] == row
        holders = [i for i, of_list in enumerate(lists) if row in of_list]
        assert parts[came.lists[at], answer[at]] == max(parts[i, answer[at]] for i in holders)


@given(LISTS, st.integers(1, 20))
def test_without_a_fused_part_it_is_the_servers_interleaving(lists: list[list[int]], n: int) -> None:
    """The same rows in the same order as model.merging gives."""
    rows, places = union([np.array(of_list) for of_list in lists])
    merged = interleave(places, budget=n, max_candidates=n)
    expected = [places[i][at] for i, at in zip(merged.lists, merged.positions, strict=True)]
    answer = fuse(places, np.zeros(len(rows), np.float32), fused_share=0.0, n=n)
    assert answer.tolist() == [int(place) for place in expected]
