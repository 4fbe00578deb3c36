"""The least effort at which a search finds enough: what makes costs of different indexes comparable."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from storage.pins.scoring import exact_search

_STEP = 0.04
"""Efforts this near to each other are not told apart: recall hardly differs."""


class Recall:
    """Recall@k against exact search.

    Args:
        queries: float16 [q, d], unit norm.
        pool: float16 [n, d], unit norm.
        k: At most n.
    """

    def __init__(self, queries: NDArray[np.float16], pool: NDArray[np.float16], k: int) -> None:
        scores, _ = exact_search(queries, pool, k)
        self._needed = scores[:, -1:]
        self._k = k

    def of(self, scores: NDArray[np.float32]) -> float:
        """The mean share of the k nearest pins that were found; pins at the k-th cosine are worth the same.

        Args:
            scores: float32 [q, k], exact cosines of what was found, below -1 where nothing was.
        """
        return float((scores >= self._needed).sum(axis=1).mean() / self._k)


def least_effort(recall_at: Callable[[int], float], least: int, most: int, target: float) -> int | None:
    """The least effort that reaches the target, to within 4 %; None where even the most does not.

    Args:
        recall_at: Recall at an effort, which rises with it.
        least: The least effort there is.
        most: The most that may be asked for.
        target: Recall, 0 to 1.
    """
    too_little, enough = least - 1, least
    while recall_at(enough) < target:
        if enough >= most:
            return None
        too_little, enough = enough, min(2 * enough, most)
    while enough - too_little > max(1, _STEP * too_little):
        middle = (too_little + enough) // 2
        if recall_at(middle) >= target:
            enough = middle
        else:
            too_little = middle
    return enough
