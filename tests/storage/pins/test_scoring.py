"""Exact cosines and exact search."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from storage.pins import scoring
from storage.pins.scoring import (
    best_first,
    cosines,
    exact_search,
    exact_search_among,
    float32_products,
    float32_products_with,
    ranked,
    widened,
)
from tests.compiling import compiled_or_skip
from tests.storage.pins.worlds import cloud, on_circle


@pytest.fixture(scope="module")
def loop() -> ModuleType:
    """The compiled module."""
    return compiled_or_skip("storage.pins._scoring")


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


def require_ranked(
    queries: NDArray[np.float16],
    vectors: NDArray[np.float16],
    rows: NDArray[np.int64],
    *,
    by: Sequence[ModuleType | None],
) -> None:
    """Each way gives the bits of `cosines` in the order of `best_first`; the rows stay as they were."""
    before = rows.copy()
    for way in by:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scoring, "_scoring", way)
            scores, found = ranked(queries, vectors, rows)
        np.testing.assert_array_equal(rows, before)
        assert scores.shape == found.shape == rows.shape
        for at, query in enumerate(queries):
            expected = best_first(cosines(query, vectors[rows[at]]), rows[at], len(rows[at]))
            np.testing.assert_array_equal(scores[at], expected[0], strict=True)
            np.testing.assert_array_equal(found[at], expected[1], strict=True)


@given(st.integers(1, 30), st.data())
@settings(deadline=None)
def test_ranked_rows_have_their_cosines_to_the_bit(loop: ModuleType, d: int, data: st.DataObject) -> None:
    """Compiled or not: any numbers up to 1, subnormal ones too, of any number of dimensions; rows repeat."""
    n = data.draw(st.integers(1, 9))
    numbers = st.floats(-1, 1, width=16)
    vectors = data.draw(arrays(np.float16, (n, d), elements=numbers))
    shape = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 9)))
    queries = data.draw(arrays(np.float16, (shape[0], d), elements=numbers))
    rows = data.draw(arrays(np.int64, shape, elements=st.integers(0, n - 1)))
    require_ranked(queries, vectors, rows, by=(None, loop))


@pytest.mark.parametrize(("d", "k"), [(256, 200), (256, 128), (100, 1_000), (4_099, 7), (40_000, 3)])
def test_many_ranked_rows_have_their_cosines_to_the_bit(loop: ModuleType, d: int, k: int) -> None:
    """However often the loop has to stop for the processor's cache, and wherever in a list."""
    vectors = cloud(300, d).rows.embeddings
    rows = np.random.default_rng(d).integers(0, 300, (3, k))
    require_ranked(vectors[:3], vectors, rows, by=(None, loop))


def test_queries_may_lie_apart(loop: ModuleType) -> None:
    """Every other line of an array."""
    vectors = cloud(20, 24).rows.embeddings
    require_ranked(vectors[::2], vectors, np.arange(20).reshape(10, 2), by=(None, loop))


@given(st.integers(1, 30), st.data())
@settings(deadline=None)
def test_gathered_vectors_are_the_same_numbers(loop: ModuleType, d: int, data: st.DataObject) -> None:
    """Of any rows, in any order: what numpy widens one by one."""
    n = data.draw(st.integers(1, 9))
    vectors = data.draw(arrays(np.float16, (n, d), elements=st.floats(-1, 1, width=16)))
    rows = data.draw(arrays(np.int64, st.integers(0, 40), elements=st.integers(0, n - 1)))
    expected = vectors[rows].astype(np.float32)
    np.testing.assert_array_equal(loop.gathered(vectors, rows), expected, strict=True)
    np.testing.assert_array_equal(widened(vectors[rows]), expected, strict=True)


def test_many_gathered_vectors_are_the_same_numbers(loop: ModuleType) -> None:
    """More than are asked for at a time."""
    vectors = cloud(300, 256).rows.embeddings
    rows = np.random.default_rng(1).integers(0, 300, 1_000)
    np.testing.assert_array_equal(loop.gathered(vectors, rows), vectors[rows].astype(np.float32), strict=True)


@pytest.mark.parametrize("way", [None, "compiled"])
def test_products_with_some_vectors_are_those_of_all(
    loop: ModuleType, monkeypatch: pytest.MonkeyPatch, way: str | None
) -> None:
    """Gathered in one pass or by numpy."""
    monkeypatch.setattr(scoring, "_scoring", loop if way else None)
    vectors = cloud(700, 64).rows.embeddings
    rows = np.random.default_rng(1).permutation(700)
    np.testing.assert_allclose(
        float32_products_with(vectors[:3], vectors, rows),
        float32_products(vectors[:3], vectors)[:, rows],
        atol=1e-6,
    )


VECTORS = np.zeros((5, 8), np.float16)
ROWS = np.zeros((2, 3), np.int64)


@pytest.mark.parametrize(
    ("queries", "vectors", "rows", "why"),
    [
        (VECTORS[:2], VECTORS, ROWS + 5, "row 5 is none of 5 vectors"),
        (VECTORS[:2], VECTORS, ROWS - 1, "row -1 is none of 5 vectors"),
        (VECTORS[:2], VECTORS, np.full((2, 3), 2**62), "is none of 5 vectors"),
        (VECTORS[:2], VECTORS[:0], ROWS, "row 0 is none of 0 vectors"),
        (VECTORS[:3], VECTORS, ROWS, r"rows \(2, 3\) of vectors \(5, 8\) for queries \(3, 8\)"),
        (VECTORS[:2, :4].copy(), VECTORS, ROWS, r"vectors \(5, 8\) for queries \(2, 4\)"),
        (VECTORS[:2].astype(np.float32), VECTORS, ROWS, "queries float32"),
        (VECTORS[:4:2], VECTORS, ROWS, "queries .* not in one piece"),
        (VECTORS[:2], VECTORS.view(np.uint16), ROWS, "vectors uint16"),
        (VECTORS[:2], np.asfortranarray(VECTORS), ROWS, "vectors .* not in one piece"),
        (VECTORS[:2], VECTORS.astype(">f2"), ROWS, "vectors >f2"),
        (VECTORS[:2], VECTORS, ROWS.astype(np.int32), "rows int32"),
        (VECTORS[:2], VECTORS, ROWS[0], "rows int64"),
        (VECTORS[0], VECTORS, ROWS, "queries float16"),
    ],
)
def test_the_loop_reads_nothing_outside_of_its_arrays(
    loop: ModuleType, queries: object, vectors: object, rows: object, why: str
) -> None:
    """Whatever it is given, it says what is wrong with it."""
    with pytest.raises(ValueError, match=why):
        loop.ranked(queries, vectors, rows)


def test_rows_that_change_meanwhile_lead_nowhere_else(loop: ModuleType) -> None:
    """Another thread may write into them at any moment: they are refused, or were good when a loop began."""
    vectors, rows = np.ones((50, 64), np.float16), np.zeros(20_000, np.int64)
    done = threading.Event()

    def scribble() -> None:
        while not done.is_set():
            rows[-1] = 2**45
            rows[-1] = 0

    scribbling = threading.Thread(target=scribble)
    scribbling.start()
    try:
        for _ in range(30):
            with suppress(ValueError):
                assert (loop.gathered(vectors, rows) == 1).all()
    finally:
        done.set()
        scribbling.join()


def test_the_loop_wants_arrays(loop: ModuleType) -> None:
    """No lists, and not nothing."""
    with pytest.raises(TypeError, match="vectors are no array but NoneType"):
        loop.ranked(VECTORS, None, ROWS)


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


@pytest.mark.parametrize(
    ("vectors", "rows", "why"),
    [
        (VECTORS, ROWS[0] + 5, "row 5 is none of 5 vectors"),
        (VECTORS, ROWS[0] - 1, "row -1 is none of 5 vectors"),
        (VECTORS, ROWS, "rows int64"),
        (VECTORS, ROWS[0].astype(np.int32), "rows int32"),
        (VECTORS[:, ::2], ROWS[0], "vectors .* not in one piece"),
        (VECTORS[0], ROWS[0], "vectors float16"),
    ],
)
def test_gathering_reads_nothing_outside_of_its_arrays(
    loop: ModuleType, vectors: object, rows: object, why: str
) -> None:
    """Whatever it is given, it says what is wrong with it."""
    with pytest.raises(ValueError, match=why):
        loop.gathered(vectors, rows)
