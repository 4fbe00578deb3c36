"""Interests drawn by bisection are drawn as successive sampling draws them, and a seed repeats the draw."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.sampling import probabilities
from server.sampling import Sampler, uniforms

seeds = st.integers(0, 2**64 - 1)
importances = st.lists(st.floats(0, 1e6) | st.just(0.0), min_size=1, max_size=40)


def drawn(weights: list[float], k: int, seed: int | None, sampler: Sampler | None = None) -> list[int]:
    shares = probabilities(np.array(weights))
    return (sampler or Sampler(0)).sample(shares.tolist(), np.cumsum(shares).tolist(), k, seed)


@given(importances, st.integers(1, 20), seeds)
def test_a_draw_is_of_distinct_interests_in_order(weights: list[float], k: int, seed: int) -> None:
    """As many as asked for, most important first, the same for the same seed, whatever the importances."""
    chosen = drawn(weights, k, seed)

    assert len(chosen) == min(k, len(weights))
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(range(len(weights)))
    assert drawn(weights, k, seed, Sampler(99)) == chosen


def test_pairs_come_as_often_as_successive_sampling_gives_them() -> None:
    """Of weights 4, 2, 1, 1 two are drawn 20,000 times: every pair within four standard deviations."""
    weights, n = [4.0, 2.0, 1.0, 1.0], 20_000
    p = np.array(weights) / sum(weights)
    came = Counter(tuple(drawn(weights, 2, seed)) for seed in range(n))

    for i, j in itertools.combinations(range(4), 2):
        expected = p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j])
        assert came[i, j] / n == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / n))


def test_what_is_next_to_nothing_is_drawn_last() -> None:
    """When all importance is taken, cumulated shares cannot tell the rest apart: it is drawn all the same."""
    assert drawn([1.0, 1e-9, 1e-9, 1e-300], 1, 3) == [0]
    assert drawn([1.0, 1e-9, 1e-9, 1e-300], 3, 3) == [0, 1, 2]


def test_without_a_seed_every_call_draws_anew_in_all_threads() -> None:
    """Sixty calls from four threads see every one of three equal interests."""
    sampler = Sampler()
    with ThreadPoolExecutor(4) as pool:
        chosen = pool.map(lambda _: drawn([1.0] * 3, 1, None, sampler)[0], range(60))

    assert set(chosen) == {0, 1, 2}


def test_uniform_numbers_are_splitmix64() -> None:
    """The reference's first outputs for the seed 1234567, as 53 bits of each."""
    reference = [6457827717110365317, 3203168211198807973, 9817491932198370423]

    assert uniforms(1234567, 3) == tuple([(each >> 11) / 2**53 for each in reference])
