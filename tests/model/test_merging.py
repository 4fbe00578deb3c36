"""Merging interleaves by rank: first occurrence wins, each list within its budget, refilled from its tail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InvalidInputError
from model.merging import interleave, interleave_within
from tests.model.oracles import brute_interleave


def merged_rows(lists: list[list[int]], budget: int, max_candidates: int) -> list[int]:
    merged = interleave(
        [np.array(each, np.int64) for each in lists], budget=budget, max_candidates=max_candidates
    )
    return [lists[number][at] for number, at in zip(merged.lists, merged.positions, strict=True)]


def test_lists_take_turns() -> None:
    """Every list's first, every list's second; a list that ends leaves its turns to the others."""
    assert merged_rows([[1, 2, 3], [11], [21, 22]], 3, 400) == [1, 11, 21, 2, 22, 3]


def test_the_first_occurrence_wins_and_the_loser_refills() -> None:
    """Row 1 stands first in the first list; the second list gives its budget of two all the same."""
    assert merged_rows([[1, 2], [1, 11, 12, 13]], 2, 400) == [1, 2, 11, 12]


def test_rank_goes_before_the_order_of_lists() -> None:
    """A row that is third here and first there is the other list's."""
    merged = interleave([np.array([1, 2, 9]), np.array([9, 11, 12])], budget=3, max_candidates=400)
    assert list(zip(merged.lists.tolist(), merged.positions.tolist(), strict=True)) == [
        (0, 0),
        (1, 0),
        (0, 1),
        (1, 1),
        (1, 2),
    ]


def test_what_is_beyond_a_budget_is_left_to_the_others() -> None:
    """Row 9 is third in a list of budget 2, so the list that has it fourth may give it."""
    assert merged_rows([[1, 2, 9], [1, 2, 11, 9]], 2, 400) == [1, 2, 11, 9]


def test_the_whole_is_truncated() -> None:
    """Rounded-up budgets of three interests make 402; the answer has the 400 asked for."""
    lists = [list(range(start, start + 200)) for start in (0, 1_000, 2_000)]
    rows = merged_rows(lists, 134, 400)
    assert len(rows) == 400
    assert rows[-3:] == [1_132, 2_132, 133]


@pytest.mark.parametrize("lists", [[], [[]], [[], []]])
def test_nothing_merges_to_nothing(lists: list[list[int]]) -> None:
    """No lists or empty lists: an empty answer."""
    assert merged_rows(lists, 1, 1) == []


@given(
    lists=st.lists(st.lists(st.integers(0, 25), max_size=15), max_size=6),
    budget=st.integers(1, 8),
    max_candidates=st.integers(1, 40),
)
def test_merging_is_the_walk_rank_by_rank(lists: list[list[int]], budget: int, max_candidates: int) -> None:
    """The same places in the same order as one plain loop over ranks and lists."""
    merged = interleave(
        [np.array(each, np.int64) for each in lists], budget=budget, max_candidates=max_candidates
    )
    assert list(zip(merged.lists.tolist(), merged.positions.tolist(), strict=True)) == brute_interleave(
        lists, [budget] * len(lists), max_candidates
    )


@given(
    lists=st.lists(st.tuples(st.lists(st.integers(0, 25), max_size=15), st.integers(1, 8)), max_size=6),
    max_candidates=st.integers(1, 40),
)
def test_each_list_keeps_to_a_budget_of_its_own(
    lists: list[tuple[list[int], int]], max_candidates: int
) -> None:
    """The same walk where budgets differ."""
    rows, budgets = [each for each, _ in lists], [budget for _, budget in lists]
    merged = interleave_within(
        [np.array(each, np.int64) for each in rows], budgets=budgets, max_candidates=max_candidates
    )
    assert list(zip(merged.lists.tolist(), merged.positions.tolist(), strict=True)) == brute_interleave(
        rows, budgets, max_candidates
    )


def test_a_list_stops_at_its_budget() -> None:
    """What it lost to an earlier place costs it nothing."""
    lists = [np.array([1, 2, 3, 4]), np.array([1, 5, 6, 7])]
    merged = interleave_within(lists, budgets=[3, 2], max_candidates=10)
    rows = [int(lists[at][position]) for at, position in zip(merged.lists, merged.positions, strict=True)]
    assert rows == [1, 2, 5, 3, 6]


@pytest.mark.parametrize(("budget", "max_candidates"), [(0, 1), (1, 0)])
def test_asking_for_nothing_is_refused(budget: int, max_candidates: int) -> None:
    """A budget or a length below one is a mistake of the caller."""
    with pytest.raises(InvalidInputError, match=f"must be 1 or more: {budget}, {max_candidates}"):
        interleave([], budget=budget, max_candidates=max_candidates)
