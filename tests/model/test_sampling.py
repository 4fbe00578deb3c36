"""Interests are drawn without replacement, each next one in proportion to importance among those left."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from model.errors import InvalidInputError
from model.sampling import probabilities, sample_interests
from tests.model.oracles import successive_sampling_probability

N_DRAWS = 20_000


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("importances", [[8.0, 4, 2, 1], [1.0, 1, 1, 1, 1], [100.0, 0.5, 0.5, 0.25]])
def test_sets_are_drawn_with_the_chances_of_successive_sampling(importances: list[float], k: int) -> None:
    """20,000 draws agree (chi-square) with the exact chance of every set of k."""
    generator = np.random.default_rng(7)
    sets = list(combinations(range(len(importances)), k))
    drawn = Counter(
        tuple(sample_interests(np.array(importances), k, generator).tolist()) for _ in range(N_DRAWS)
    )
    expected = [N_DRAWS * successive_sampling_probability(importances, each) for each in sets]
    assert sum(expected) == pytest.approx(N_DRAWS)
    assert chisquare([drawn[each] for each in sets], expected).pvalue > 0.001


@given(
    importances=st.lists(st.floats(0, 1e300), max_size=30), k=st.integers(1, 40), seed=st.integers(0, 1000)
)
def test_a_sample_is_of_the_size_asked_distinct_and_in_order(
    importances: list[float], k: int, seed: int
) -> None:
    """Min(k, c) different interests, most important first as they are stored."""
    drawn = sample_interests(np.array(importances), k, np.random.default_rng(seed)).tolist()
    assert len(drawn) == min(k, len(importances))
    assert drawn == sorted(set(drawn))
    assert all(0 <= i < len(importances) for i in drawn)


def test_the_same_seed_draws_the_same() -> None:
    """All randomness comes from the generator given."""
    importances = np.arange(50, 0, -1.0)
    one, other = (sample_interests(importances, 3, np.random.default_rng(5)) for _ in range(2))
    assert one.tolist() == other.tolist()


def test_what_has_decayed_to_nothing_comes_last() -> None:
    """An importance of 0 is drawn only when nothing else is left."""
    generator = np.random.default_rng(0)
    for _ in range(100):
        assert sample_interests(np.array([2.0, 1.0, 0.0, 0.0]), 3, generator).tolist() == [0, 1, 2]


def test_when_everything_has_decayed_all_are_equal() -> None:
    """Ten years of a fast decay leave only zeros: the interests then share equally, without NaN."""
    assert probabilities(np.zeros(4)).tolist() == [0.25] * 4
    generator = np.random.default_rng(0)
    assert {int(sample_interests(np.zeros(4), 1, generator)[0]) for _ in range(100)} == {0, 1, 2, 3}


@given(importances=st.lists(st.floats(0, 1e308), min_size=1, max_size=30))
def test_probabilities_are_shares(importances: list[float]) -> None:
    """They are in proportion and sum to 1, whatever the scale."""
    shares = probabilities(np.array(importances))
    assert shares.sum() == pytest.approx(1)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (np.diff(shares[np.argsort(importances)]) >= 0).all()


def test_known_probabilities() -> None:
    """Three to one is 75 % to 25 %; no interests have no probabilities."""
    assert probabilities(np.array([3.0, 1.0])).tolist() == [0.75, 0.25]
    assert probabilities(np.array([3e-320, 1e-320])).tolist() == pytest.approx([0.75, 0.25], rel=1e-3)
    assert probabilities(np.empty(0)).tolist() == []


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_importances_that_are_none_are_refused(bad: float) -> None:
    """Negative, infinite, not a number: refused before anything is drawn."""
    with pytest.raises(InvalidInputError, match=r"importances must be finite and 0 or more, got \[1\.0, "):
        sample_interests(np.array([1.0, bad]), 1, np.random.default_rng(0))


def test_sampling_nothing_is_refused() -> None:
    """A request for no interests is a mistake of the caller."""
    with pytest.raises(InvalidInputError, match="at least one interest must be sampled, got k = 0"):
        sample_interests(np.ones(3), 0, np.random.default_rng(0))
