"""Squared Euclidean distances between float16 vectors, without any rounding.

A float16 is a whole number of units of 2^-24, so the product of two is a whole number of units of 2^-48.
float64 holds every such number up to 32 exactly, and the partial sums of unit vectors' inner products stay
near 1, distances near 4. The result is therefore the same whatever the order of the pins, the size of the
blocks, the BLAS or the machine.
"""

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError

MAX_SQUARED_NORM = 1.02
"""Unit vectors rounded to float16 stay below 1.002; the exactness here and in model.medoid needs a bound."""

_BLOCK_ROWS = 128


def squared_distances(points: NDArray[np.float16], *, block_rows: int = _BLOCK_ROWS) -> NDArray[np.float64]:
    """|x_i - x_j|^2 for all i < j, exactly.

    Args:
        points: float16 [m, d], unit vectors.
        block_rows: Rows of the Gram matrix that exist at a time; the result does not depend on it.

    Returns:
        float64 [m (m - 1) / 2], scipy's condensed form: (0, 1), (0, 2), ..., (1, 2), ...

    Raises:
        InvalidInputError: Not a float16 matrix of unit vectors.
    """
    norms = squared_norms(points)
    X = points.astype(np.float64)
    m = len(X)
    condensed = np.empty(m * (m - 1) // 2)
    end = 0
    for first in range(0, m, block_rows):
        block = _distances(
            X[first : first + block_rows], norms[first : first + block_rows], X[first:], norms[first:]
        )
        for i, row in enumerate(block):
            start, end = end, end + len(row) - i - 1
            condensed[start:end] = row[i + 1 :]
    return condensed


def squared_distances_between(
    queries: NDArray[np.float16], points: NDArray[np.float16]
) -> NDArray[np.float64]:
    """|q_i - x_j|^2, exactly.

    Args:
        queries: float16 [q, d], unit vectors.
        points: float16 [m, d], unit vectors.

    Returns:
        float64 [q, m].

    Raises:
        InvalidInputError: Not float16 matrices of unit vectors of one dimension.
    """
    query_norms, norms = squared_norms(queries), squared_norms(points)
    if queries.shape[1] != points.shape[1]:
        raise InvalidInputError(f"vectors of {queries.shape[1]} and of {points.shape[1]} dimensions")
    return _distances(queries.astype(np.float64), query_norms, points.astype(np.float64), norms)


def cosines_among(points: NDArray[np.float16]) -> NDArray[np.float32]:
    """x_i . x_j of unit vectors float16 [m, d]: float32 [m, m], rounded once from the exact value."""
    X = points.astype(np.float64)
    return (X @ X.T).astype(np.float32)


def squared_norms(points: NDArray[np.float16]) -> NDArray[np.float64]:
    """|x_i|^2, exactly: float64 [m].

    Raises:
        InvalidInputError: Not a float16 matrix, or a row that is not a unit vector: too long, NaN, infinite.
    """
    if points.dtype != np.float16 or points.ndim != 2:
        raise InvalidInputError(f"vectors must be float16 [m, d], got {points.dtype} {list(points.shape)}")
    X = points.astype(np.float64)
    norms: NDArray[np.float64] = np.einsum("ij,ij->i", X, X)
    if not (norms <= MAX_SQUARED_NORM).all():
        row = int(np.argmin(norms <= MAX_SQUARED_NORM))
        raise InvalidInputError(f"vector {row} is not a unit vector: its squared norm is {norms[row]}")
    return norms


def _distances(
    Q: NDArray[np.float64], q_norms: NDArray[np.float64], X: NDArray[np.float64], x_norms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """d_ij = g_ii + g_jj - 2 g_ij, in place: the block is the only matrix held."""
    D: NDArray[np.float64] = Q @ X.T
    D *= -2
    D += x_norms
    D += q_norms[:, None]
    return D
