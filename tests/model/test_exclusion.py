"""Exclusion goes by representative: a saved pin never comes back, nor does its near-identical twin."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.exclusion import not_excluded, representative_rows

# Rows 0 to 2 are indexed; 3 is of low quality, with none near; 4 is a near-duplicate of 1, 5 and 6 of 0.
REPRESENTATIVES = np.array([0, 1, 2, -1, 1, 0, 0], np.int32)


def rows(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def test_a_saved_near_duplicate_never_returns_as_its_twin() -> None:
    """Saving row 4 excludes row 1, which stands for it, and nothing else."""
    excluded = representative_rows(rows(4), REPRESENTATIVES)
    assert excluded.tolist() == [1]
    assert not_excluded(rows(2, 1, 0), REPRESENTATIVES, excluded).tolist() == [True, False, True]


def test_representatives_are_unique_ascending_and_known() -> None:
    """Unknown pins and pins that nothing stands for exclude nothing."""
    assert representative_rows(rows(4, -1, 2, 3, 1), REPRESENTATIVES).tolist() == [1, 2]
    assert representative_rows(rows(-1, 3), REPRESENTATIVES).tolist() == []
    assert representative_rows(rows(), REPRESENTATIVES).dtype == np.int64


def test_without_exclusions_every_candidate_stays() -> None:
    """A row of -1 is no candidate."""
    assert not_excluded(rows(0, 1, -1), REPRESENTATIVES, rows()).tolist() == [True, True, False]
    assert not_excluded(rows(), REPRESENTATIVES, rows(1)).tolist() == []


@given(
    candidates=st.lists(st.integers(-1, 19), max_size=30),
    representatives=st.lists(st.integers(-1, 19), min_size=20, max_size=20),
    excluded=st.lists(st.integers(0, 19), max_size=10),
)
def test_exclusion_is_membership_of_the_representative(
    candidates: list[int], representatives: list[int], excluded: list[int]
) -> None:
    """The same as looking each candidate's representative up, for exclusions in any order."""
    stays = not_excluded(rows(*candidates), np.array(representatives, np.int32), rows(*excluded))
    expected = [row != -1 and representatives[row] not in excluded for row in candidates]
    assert stays.tolist() == expected
