"""Squared Euclidean distances between float16 vectors, without any rounding.

A float16 is a whole number of units of 2^-24, so the product of two is a whole number of units of 2^-48.
float64 holds every such number up to 32 exactly, and the partial sums of unit vectors' inner products stay
near 1, distances near 4. The result is therefore the same whatever the order of the pins, the size of the
blocks, the BLAS or the machine.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError

MAX_SQUARED_NORM = 1.02
"""Unit vectors rounded to float16 stay below 1.002; the exactness here and in model.medoid needs a bound."""

_BLOCK_ROWS = 128
_MATRIX_ROWS = 1_024
"""8 MB; above that the condensed form is all that is held."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Widened:
    """Unit vectors as float64, made once and used for everything that is exact; see `widen`.

    Attributes:
        X: float64 [m, d].
        norms: float64 [m], |x_i|^2.
        X_and_norms: float64 [m, d + 1]: both side by side, of which the others are views. A product with it
            adds |x_j|^2 on its way.
    """

    X: NDArray[np.float64]
    norms: NDArray[np.float64]
    X_and_norms: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.X)

    def span(self, start: int, end: int) -> "Widened":
        """The points start to end - 1."""
        return _views(self.X_and_norms[start:end])


def widen(*points: NDArray[np.float16]) -> Widened:
    """float16 [m, d] as float64, with the squared norms; several end to end.

    Raises:
        InvalidInputError: Not a float16 matrix, or a row that is not a unit vector: too long, NaN, infinite;
            or matrices of several dimensions.
    """
    for each in points:
        if each.dtype != np.float16 or each.ndim != 2:
            raise InvalidInputError(f"vectors must be float16 [m, d], got {each.dtype} {list(each.shape)}")
    _require_one_dimension(*points)
    widened = _views(np.empty((sum(map(len, points)), points[0].shape[1] + 1)))
    np.concatenate(points, out=widened.X)
    np.einsum("ij,ij->i", widened.X, widened.X, out=widened.norms)
    if not (widened.norms <= MAX_SQUARED_NORM).all():
        raise InvalidInputError(_not_unit(points, widened.norms))
    return widened


def squared_distances(points: NDArray[np.float16], *, block_rows: int = _BLOCK_ROWS) -> NDArray[np.float64]:
    """|x_i - x_j|^2 for all i < j, exactly.

    Args:
        points: float16 [m, d], unit vectors.
        block_rows: Rows of the matrix that exist at a time; the result does not depend on it.

    Returns:
        float64 [m (m - 1) / 2], scipy's condensed form: (0, 1), (0, 2), ..., (1, 2), ...

    Raises:
        InvalidInputError: Not a float16 matrix of unit vectors.
    """
    return condensed_distances(widen(points), block_rows=block_rows)


def condensed_distances(points: Widened, *, block_rows: int = _BLOCK_ROWS) -> NDArray[np.float64]:
    """`squared_distances` of vectors that are widened already."""
    if len(points) <= min(block_rows, _BLOCK_ROWS):
        return _at_once(points)
    blocks = _upper_blocks(points, block_rows)
    return _by_matrix(len(points), blocks) if len(points) <= _MATRIX_ROWS else _by_rows(len(points), blocks)


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
    Q, X = widen(queries), widen(points)
    _require_one_dimension(queries, points)
    D = np.empty((len(Q), len(X)))
    _distances(Q, X, out=D)
    return D


def squared_norms(points: NDArray[np.float16]) -> NDArray[np.float64]:
    """|x_i|^2, exactly: float64 [m].

    Raises:
        InvalidInputError: Not a float16 matrix, or a row that is not a unit vector: too long, NaN, infinite.
    """
    return widen(points).norms


def _upper_blocks(points: Widened, block_rows: int) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """The first row of each block, and the distances of its rows to themselves and to all later points."""
    for first in range(0, len(points), block_rows):
        rows, later = points.span(first, first + block_rows), points.span(first, len(points))
        D = np.empty((len(rows), len(later)))
        _distances(rows, later, out=D)
        yield first, D


def _at_once(points: Widened) -> NDArray[np.float64]:
    """Of few points: a block is the whole matrix."""
    whole = np.empty((len(points), len(points)))
    _distances(points, points, out=whole)
    return whole.take(_above_diagonal(len(points)))


@cache
def _above_diagonal(m: int) -> NDArray[np.int64]:
    """Where in a matrix of m rows, as one row, its condensed form is; 3 MB for all m that ask for it."""
    rows, columns = np.triu_indices(m, 1)
    places: NDArray[np.int64] = rows * m + columns
    return places


def _by_matrix(m: int, blocks: Iterable[tuple[int, NDArray[np.float64]]]) -> NDArray[np.float64]:
    """The condensed form through a matrix, whose upper triangle C copies row by row."""
    # Here, not above: a third of the time that a program takes to start, and most of them cluster nothing.
    from scipy.spatial.distance import squareform  # noqa: PLC0415

    whole = np.empty((m, m))
    for first, D in blocks:
        whole[first : first + len(D), first:] = D
    condensed: NDArray[np.float64] = squareform(whole, "tovector", checks=False)
    return condensed


def _by_rows(m: int, blocks: Iterable[tuple[int, NDArray[np.float64]]]) -> NDArray[np.float64]:
    """The same without a matrix: of many points it would be large, and a row is worth a step of its own."""
    condensed, end = np.empty(m * (m - 1) // 2), 0
    for _, D in blocks:
        for i, row in enumerate(D):
            start, end = end, end + len(row) - i - 1
            condensed[start:end] = row[i + 1 :]
    return condensed


def _distances(Q: Widened, X: Widened, out: NDArray[np.float64]) -> None:
    """d_ij = g_ii + g_jj - 2 g_ij.

    The product alone gives g_jj - 2 g_ij, exactly as well: (-2 q, 1) . (x, |x|^2).
    """
    doubled = np.empty_like(Q.X_and_norms)
    np.multiply(Q.X, -2, out=doubled[:, :-1])
    doubled[:, -1] = 1
    np.matmul(doubled, X.X_and_norms.T, out=out)
    out += Q.norms[:, None]


def _require_one_dimension(*points: NDArray[np.float16]) -> None:
    dimensions = [each.shape[1] for each in points]
    if len(set(dimensions)) > 1:
        raise InvalidInputError(f"vectors of {' and of '.join(map(str, dimensions))} dimensions")


def _not_unit(points: Sequence[NDArray[np.float16]], norms: NDArray[np.float64]) -> str:
    """The first that is too long or no number, by its row in its own matrix."""
    first = row = int(np.argmin(norms <= MAX_SQUARED_NORM))
    for each in points:
        if row < len(each):
            break
        row -= len(each)
    return f"vector {row} is not a unit vector: its squared norm is {norms[first]}"


def _views(X_and_norms: NDArray[np.float64]) -> Widened:
    return Widened(X=X_and_norms[:, :-1], norms=X_and_norms[:, -1], X_and_norms=X_and_norms)
