"""Exact cosines and exact search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.pins import scoring
from storage.pins.scoring import (
    best_first,
    cosines,
    exact_search,
    exact_search_among,
    float32_products,
    widened,
)
from tests.storage.pins.worlds import cloud, on_circle


def test_cosines_on_a_circle() -> None:
    """The cosine of the angle between."""
    np.testing.assert_allclose(
        cosines(on_circle([0])[0], on_circle([0, 60, 90, 180])), [1, 0.5, 0, -1], atol=1e-3
    )


@given(st.permutations(range(64)))
def test_cosines_do_not_depend_on_the_order_of_summation(order: list[int]) -> None:
    """Permuting the dimensions changes not one bit."""
    vectors = cloud(20, 64).rows.embeddings
    permuted = np.ascontiguousarray(vectors[:, order])
    np.testing.assert_array_equal(cosines(vectors[0], vectors), cosines(permuted[0], permuted))


def test_cosines_do_not_depend_on_batching() -> None:
    """One query or many, the same bits."""
    vectors = cloud(50, 128).rows.embeddings
    together = cosines(vectors, vectors)
    for at in range(50):
        np.testing.assert_array_equal(cosines(vectors[at], vectors), together[at])


def test_best_first_orders_by_score_then_row() -> None:
    """Ties by row, cut at k."""
    scores, rows = best_first(np.array([0.5, 0.9, 0.5, 0.1], np.float32), np.array([7, 3, 2, 1]), 3)
    assert rows.tolist() == [3, 2, 7]
    np.testing.assert_allclose(scores, [0.9, 0.5, 0.5])


@pytest.mark.parametrize("block", [1, 7, 36, 1_000])
@pytest.mark.parametrize("k", [1, 5, 36])
def test_exact_search_is_the_same_in_any_blocks(monkeypatch: pytest.MonkeyPatch, block: int, k: int) -> None:
    """Ties across blocks included: the circle is full of them."""
    pool = on_circle(range(0, 360, 10))
    expected = [np.lexsort((np.arange(36), -cosines(query, pool)))[:k].tolist() for query in pool]
    monkeypatch.setattr(scoring, "_BLOCK_ROWS", block)
    scores, rows = exact_search(pool, pool, k)
    assert rows.tolist() == expected
    np.testing.assert_array_equal(scores, np.take_along_axis(cosines(pool, pool), rows, axis=1))


def test_every_float16_is_widened_exactly() -> None:
    """All finite ones, zeros of both signs and subnormals included, to the bit that astype gives."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)].reshape(1, -1)
    np.testing.assert_array_equal(widened(finite).view(np.uint32), finite.astype(np.float32).view(np.uint32))


def test_products_in_float32_are_the_cosines_but_for_rounding() -> None:
    """Each query with each vector, as `cosines` has them."""
    vectors = cloud(50, 256).rows.embeddings
    np.testing.assert_allclose(
        float32_products(vectors[:3], vectors), cosines(vectors[:3], vectors), atol=1e-6
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_exact_search_among_some_is_exact_search_of_them(seed: int, k: int, share: float) -> None:
    """Ties included: vectors come twice."""
    generator = np.random.default_rng(seed)
    half = generator.standard_normal((60, 8))
    unit = (half / np.linalg.norm(half, axis=1, keepdims=True)).astype(np.float16)
    X = np.concatenate([unit, unit])
    rows = np.flatnonzero(generator.random(120) < share)
    scores, found = exact_search_among(X[:3], X, rows, k)
    expected_scores, expected = exact_search(X[:3], X[rows], min(k, len(rows)))
    assert [each.tolist() for each in found] == rows[expected].tolist()
    assert [each.tolist() for each in scores] == expected_scores.tolist()
