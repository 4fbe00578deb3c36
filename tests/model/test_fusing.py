"""Fusion knows all representatives at once; the tail is fair to each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.errors import InvalidInputError
from model.fusing import (
    NOT_COUNTED,
    SPREAD_OVER,
    FusePolicy,
    Spread,
    contributions,
    fuse,
    fused_scores,
    spread_of,
    traced,
    union,
)
from model.merging import interleave


def spread_at(temperature: float, q: int = 2) -> Spread:
    """A spread of these temperatures, normalised by nothing."""
    return Spread(temperatures=np.full(q, temperature), log_sums=np.zeros(q))


def p_of(cosines: NDArray[np.float32], found: Spread) -> NDArray[np.float64]:
    """p_i(x) as the formula has it."""
    T, log_Z = found.temperatures[:, np.newaxis], found.log_sums[:, np.newaxis]
    return np.where(np.isfinite(cosines), np.exp((cosines.astype(np.float64) - 1) / T - log_Z), 0)


def perplexity_of(p: NDArray[np.float64]) -> float:
    """Exp of the entropy."""
    held = p[p > 0]
    return float(np.exp(-(held * np.log(held)).sum()))


def test_a_low_temperature_ranks_by_the_nearest_representative() -> None:
    """0.9 to one beats 0.8 to both."""
    cosines = np.array([[0.9, 0.8], [0.0, 0.8]], np.float32)
    cold = fused_scores(cosines, np.ones(2), spread_at(0.01))
    assert cold[0] > cold[1]


def test_a_high_temperature_ranks_as_the_average_does() -> None:
    """0.8 to both beats 0.9 to one."""
    cosines = np.array([[0.9, 0.8], [0.0, 0.8]], np.float32)
    warm = fused_scores(cosines, np.ones(2), spread_at(100.0))
    assert warm[1] > warm[0]


def test_only_the_ratios_of_weights_matter() -> None:
    """Importances decay together without changing an answer."""
    cosines = np.array([[0.9, 0.1], [0.2, 0.7]], np.float32)
    weights = np.array([1.0, 3.0])
    later = fused_scores(cosines, weights / 1e6, spread_at(0.3))
    assert fused_scores(cosines, weights, spread_at(0.3)) == pytest.approx(later)


def test_a_score_is_the_sum_of_what_each_representative_adds() -> None:
    """Weights 3 and 1 at cosine 1 and 1 - T, the second's sum 2: three quarters, and an eighth of 1 / e."""
    cosines, weights = np.array([[1.0], [0.5]], np.float32), np.array([3.0, 1.0])
    found = Spread(temperatures=np.full(2, 0.5), log_sums=np.log([1.0, 2.0]))
    parts = contributions(cosines, weights, found)
    assert parts[:, 0].tolist() == pytest.approx([0.75, 0.125 / np.e])
    assert fused_scores(cosines, weights, found) == pytest.approx(0.75 + 0.125 / np.e)


def test_weights_that_have_decayed_to_nothing_count_equally() -> None:
    """Someone away for so long that every weight is 0 still has an order of pins."""
    cosines = np.array([[0.9, 0.1], [0.9, 0.2]], np.float32)
    scores = fused_scores(cosines, np.zeros(2), spread_at(1.0))
    assert scores[0] > scores[1] > 0


def test_a_representative_without_weight_beside_others_adds_nothing() -> None:
    """Not even a warning."""
    assert contributions(np.ones((2, 1), np.float32), np.array([1.0, 0.0]), spread_at(1.0))[1] == 0


COSINES = np.linspace(0.9, 0.1, SPREAD_OVER, dtype=np.float32)


@pytest.mark.parametrize("perplexity", [20.0, 100.0, 325.0, 390.0])
def test_every_list_is_given_the_perplexity(perplexity: float) -> None:
    """However wide its cosines are, p adds up to 1 over it, as evenly as asked for."""
    lists = np.stack([COSINES, 0.5 + 0.1 * COSINES, 0.2 * COSINES**8])
    p = p_of(lists, spread_of(lists, perplexity))
    assert p.sum(axis=1) == pytest.approx(1)
    assert [perplexity_of(row) for row in p] == pytest.approx([perplexity] * 3, rel=1e-4)


def test_a_scale_of_cosines_is_a_scale_of_temperatures() -> None:
    """Cosines a tenth as wide have a tenth of the temperature: no space needs a scale of its own."""
    found = spread_of(np.stack([COSINES, COSINES / 10]), 325)
    assert found.temperatures[0] / found.temperatures[1] == pytest.approx(10, rel=1e-4)


def test_a_shorter_list_gets_the_same_share_of_its_length() -> None:
    """Of 100 pins a perplexity of 81.25, whether the list ends there or the others do not count."""
    padded = np.full(SPREAD_OVER, NOT_COUNTED)
    padded[50:150] = COSINES[:100]
    short, holed = spread_of(COSINES[np.newaxis, :100], 325), spread_of(padded[np.newaxis], 325)
    assert perplexity_of(p_of(COSINES[np.newaxis, :100], short)[0]) == pytest.approx(81.25, rel=1e-4)
    assert (short.temperatures[0], short.log_sums[0]) == pytest.approx(
        (holed.temperatures[0], holed.log_sums[0])
    )


@given(
    st.lists(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30), min_size=1, max_size=4),
    st.floats(1, 400),
)
def test_any_lists_are_spread(lists: list[list[float]], perplexity: float) -> None:
    """Empty, alike, of one pin, far away: temperatures stay within bounds and p adds up to 1."""
    cosines = np.full((len(lists) + 1, 30), NOT_COUNTED)
    for row, of_list in zip(cosines, lists, strict=False):
        row[: len(of_list)] = of_list
    found = spread_of(cosines, perplexity)
    assert ((found.temperatures >= 1e-3) & (found.temperatures <= 10)).all()
    assert np.isfinite(found.log_sums).all()
    assert p_of(cosines, found)[:-1].sum(axis=1) == pytest.approx(1)


def test_a_list_does_not_depend_on_those_beside_it() -> None:
    """Alone or in a batch, the same bits: T and Z are the pin's own."""
    lists = np.stack([COSINES, 0.3 * COSINES, COSINES**2])
    together = spread_of(lists, 325)
    for at in range(3):
        alone = spread_of(lists[at : at + 1], 325)
        assert alone.temperatures[0] == together.temperatures[at]
        assert alone.log_sums[0] == together.log_sums[at]


def test_a_spread_can_be_kept_list_by_list_and_put_together_again() -> None:
    """Each representative's T and log Z lie with its own list; together they are what they were."""
    found = spread_of(np.stack([COSINES, 0.3 * COSINES]), 325)
    again = Spread.of(found.each())
    assert (again.temperatures.tolist(), again.log_sums.tolist()) == (
        found.temperatures.tolist(),
        found.log_sums.tolist(),
    )


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


@pytest.mark.parametrize(("n", "by_score"), [(1, 1), (2, 2), (3, 3), (4, 4), (6, 5), (10, 9)])
def test_the_part_by_score_is_rounded(n: int, by_score: int) -> None:
    """Of nine tenths: an answer of one is the best, and one of six has its sixth by turns."""
    scores = np.arange(20, dtype=np.float32)
    answer = fuse([np.arange(20)], scores, fused_share=0.9, n=n).tolist()
    assert answer == [*range(19, 19 - by_score, -1), *range(n - by_score)]


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


def test_a_candidate_that_nobody_adds_to_comes_from_a_list_that_holds_it() -> None:
    """The only one that holds it has no weight beside the others: it is that one all the same."""
    came = traced([np.array([1]), np.array([2, 0])], np.zeros((2, 1), np.float32), np.array([0]))
    assert (came.lists.tolist(), came.positions.tolist()) == ([1], [1])


def test_of_lists_that_count_alike_the_first_is_named() -> None:
    """Lists come heaviest first."""
    came = traced([np.array([0]), np.array([0])], np.full((2, 1), 0.5, np.float32), np.array([0]))
    assert (came.lists.tolist(), came.positions.tolist()) == ([0], [0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_representatives": 0}, "n_representatives must be 1 to 64, got 0"),
        ({"n_representatives": 65}, "n_representatives must be 1 to 64, got 65"),
        ({"perplexity": 0.5}, "perplexity must be 1 to 400, got 0.5"),
        ({"perplexity": np.nan}, "perplexity must be 1 to 400, got nan"),
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
