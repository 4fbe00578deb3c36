"""The candidates asked for are shared equally among the interests, rounded up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.budget import budget_per_interest
from model.errors import InvalidInputError


def test_four_hundred_over_three_is_134() -> None:
    """The paper's setting: 3 interests, 400 candidates."""
    assert budget_per_interest(400, 3) == 134


@given(max_candidates=st.integers(1, 10_000), n_interests=st.integers(1, 100))
def test_the_budget_is_the_least_that_suffices(max_candidates: int, n_interests: int) -> None:
    """With it the interests can fill the list; with one less they cannot."""
    budget = budget_per_interest(max_candidates, n_interests)
    assert (budget - 1) * n_interests < max_candidates <= budget * n_interests


@pytest.mark.parametrize(("max_candidates", "n_interests"), [(0, 3), (400, 0), (-1, 1)])
def test_nothing_cannot_be_shared(max_candidates: int, n_interests: int) -> None:
    """No candidates or no interests is a mistake of the caller."""
    with pytest.raises(InvalidInputError, match=f"got {max_candidates} and {n_interests}"):
        budget_per_interest(max_candidates, n_interests)
