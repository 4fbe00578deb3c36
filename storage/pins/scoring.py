"""Exact cosines of stored unit vectors, the same on every machine and in any batching."""

import numpy as np
from numpy.typing import NDArray


def cosines(query: NDArray[np.float16], vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """float32 [n]: the inner product of a unit vector [d] with unit vectors [n, d], clipped to [-1, 1].

    A product of two float16 numbers is exact in float64, and so is their sum in any order (up to d in the
    thousands): rounding happens once, at the end.
    """
    products = vectors.astype(np.float64) @ query.astype(np.float64)
    return np.clip(products, -1.0, 1.0).astype(np.float32)


def best_first(
    scores: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k highest scores, descending, and their rows; ties by row."""
    order = np.lexsort((rows, -scores))[:k]
    return scores[order], rows[order]
