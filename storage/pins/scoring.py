"""Exact cosines of stored unit vectors, and exact search: the same on every machine and in any batching.

A product of two float16 numbers is exact in float64, and so is the sum of a vector's products in any order
(up to d in the thousands): rounding happens once, at the end.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storage.compiled import compiled
from storage.pins.port import Vectors

_scoring = compiled("storage.pins._scoring")

_BLOCK_ROWS = 8_192
_CACHED_ROWS = 512
_SIGN_EXPONENT_FRACTION = np.int32(-0x7000_2000)
"""The bits of a float32 that a float16 can set: 1, the lower 5 of 8, and the upper 10 of 23."""

FLOAT32_ERROR = 2e-6
"""Twice what `float32_products` may be off: two rows closer than this may stand in the wrong order, and two
products of one pair, summed in different orders, differ by less."""

Ranked = tuple[NDArray[np.float32], NDArray[np.int64]]


def cosines(queries: NDArray[np.float16], vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """float32 [..., n]: inner products of unit vectors [..., d] with unit vectors [n, d], within [-1, 1]."""
    # By way of float32: from float16 alone numpy converts one by one.
    products = widened(queries).astype(np.float64) @ widened(vectors).astype(np.float64).T
    return np.clip(products, -1.0, 1.0).astype(np.float32)


def float32_products(queries: NDArray[np.float16], vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """float32 [nq, n]: inner products of [nq, d] with [n, d], within 1e-6 of `cosines` and far cheaper."""
    return widened(queries) @ widened(vectors).T


def float32_products_with(
    queries: NDArray[np.float16], vectors: Vectors, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """float32 [nq, r]: `float32_products` of the queries with some of the vectors.

    Block by block: one that is gathered and widened is still in the processor's cache when it is multiplied.
    """
    products = np.empty((len(queries), len(rows)), np.float32)
    wide = widened(queries)
    for start in range(0, len(rows), _CACHED_ROWS):
        some = slice(start, start + _CACHED_ROWS)
        products[:, some] = wide @ _gathered(vectors, rows[some]).T
    return products


def _gathered(vectors: Vectors, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """float32 [r, d]: some of the vectors, widened."""
    if _scoring is None or not isinstance(vectors, np.ndarray):
        return widened(vectors[rows])
    found: NDArray[np.float32] = _scoring.gathered(vectors, rows)
    return found


def widened(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """The same finite numbers as float32, several times as fast as astype, which converts one by one.

    Sign, exponent and fraction of a float16, moved to their places in a float32, are the number divided by
    2^112, the difference of the exponents' biases; a power of two multiplies exactly.
    """
    bits = vectors.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_EXPONENT_FRACTION
    numbers = bits.view(np.float32)
    numbers *= np.float32(2.0**112)
    return numbers


def best_first(scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Ranked:
    """The k highest scores, descending, and their rows; ties by row."""
    if (scores[1:] < scores[:-1]).all():
        # As an index hands them out, but for what its roundings exchange now and then.
        return scores[:k], rows[:k]
    order = np.lexsort((rows, -scores))[:k]
    return scores[order], rows[order]


def ranked(queries: NDArray[np.float16], vectors: NDArray[np.float16], rows: NDArray[np.int64]) -> Ranked:
    """Each query's own rows of the vectors by their cosines with it: `best_first` of `cosines`.

    Args:
        queries: float16 [nq, d], unit norm.
        vectors: float16 [n, d], unit norm.
        rows: int64 [nq, k], about in order.

    Returns:
        Cosines float32 [nq, k], descending, and rows int64 [nq, k]; ties by row.
    """
    if _scoring is None:
        k = rows.shape[1]
        each = zip(queries, rows, strict=True)
        return _stacked(
            [best_first(cosines(query, vectors.take(of, axis=0)), of, k) for query, of in each], k
        )
    found: Ranked = _scoring.ranked(np.ascontiguousarray(queries), vectors, rows)
    return found


def nearer(ours: Ranked, theirs: Ranked, k: int, *, first_row: int) -> Ranked:
    """The best of two answers to the same queries, over two pools that are read as one.

    Args:
        ours: Cosines float32 [nq, k1] and rows int64 [nq, k1].
        theirs: The same [nq, k2].
        k: How many are wanted: k' = min(k, k1 + k2).
        first_row: The row that their row 0 is.
    """
    scores = np.concatenate([ours[0], theirs[0]], axis=1)
    rows = np.concatenate([ours[1], theirs[1] + first_row], axis=1)
    best = [best_first(*each, k) for each in zip(scores, rows, strict=True)]
    return _stacked(best, min(k, scores.shape[1]))


def exact_search(queries: NDArray[np.float16], pool: NDArray[np.float16], k: int) -> Ranked:
    """The k rows of the pool nearest to each query, by comparing all of them.

    Args:
        queries: float16 [nq, d], unit norm.
        pool: float16 [n, d], unit norm; read in blocks.
        k: At most n.

    Returns:
        Cosines float32 [nq, k], descending, and rows int64 [nq, k]; ties by row.
    """
    nothing = np.empty(0, np.float32), np.empty(0, np.int64)
    best: list[Ranked] = [nothing] * len(queries)
    for start in range(0, len(pool), _BLOCK_ROWS):
        block = cosines(queries, pool[start : start + _BLOCK_ROWS])
        best = [_merged(ranked, scores, start, k) for ranked, scores in zip(best, block, strict=True)]
    return _stacked(best, k)


def _merged(ranked: Ranked, scores: NDArray[np.float32], start: int, k: int) -> Ranked:
    """The k best of those so far and of a block of later rows, which lose ties."""
    best, rows = ranked
    better = np.flatnonzero(scores > best[-1]) if len(best) == k else np.arange(len(scores))
    return best_first(np.concatenate([best, scores[better]]), np.concatenate([rows, better + start]), k)


def _stacked(answers: list[Ranked], k: int) -> Ranked:
    scores = np.array([scores for scores, _ in answers], np.float32).reshape(len(answers), k)
    return scores, np.array([rows for _, rows in answers], np.int64).reshape(len(answers), k)


def exact_search_among(
    queries: NDArray[np.float16], pool: Vectors, among: NDArray[np.int64], k: int
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.int64]]]:
    """The k rows nearest to each query of those named, by comparing all of them.

    Whoever float32 cannot tell from the last is compared exactly: the answer is that of `cosines`.

    Args:
        queries: float16 [nq, d], unit norm.
        pool: float16 [n, d], unit norm; read in blocks.
        among: int64 [m], rows of the pool, ascending.
        k: How many.

    Returns:
        Of each query cosines float32 [k'], descending, and rows int64 [k'], k' = min(k, m); ties by row.
    """
    products = float32_products_with(queries, pool, among)
    found = [best_among(query, pool, among, row, k) for query, row in zip(queries, products, strict=True)]
    return [scores for scores, _ in found], [rows for _, rows in found]


def padded(scores: Sequence[NDArray[np.float32]], rows: Sequence[NDArray[np.int64]], k: int) -> Ranked:
    """Answers of up to k as arrays [nq, k]: at their ends rows of -1 with cosines of -1."""
    all_scores = np.full((len(scores), k), -1, np.float32)
    all_rows = np.full((len(rows), k), -1, np.int64)
    for at, (some_scores, some_rows) in enumerate(zip(scores, rows, strict=True)):
        all_scores[at, : len(some_scores)], all_rows[at, : len(some_rows)] = some_scores, some_rows
    return all_scores, all_rows


def best_among(
    query: NDArray[np.float16],
    pool: Vectors,
    among: NDArray[np.int64],
    products: NDArray[np.float32],
    k: int,
) -> Ranked:
    """The k rows nearest to one query of those named: `exact_search_among` for whom products are known.

    Args:
        query: float16 [d], unit norm.
        pool: float16 [n, d], unit norm.
        among: int64 [m], rows of the pool, ascending.
        products: float32 [m], the query's `float32_products` with them.
        k: How many.
    """
    if k < len(among):
        least = np.partition(products, len(among) - k)[len(among) - k] - FLOAT32_ERROR
        among = among[products >= least]
    return best_first(cosines(query, pool[among]), among, k)
