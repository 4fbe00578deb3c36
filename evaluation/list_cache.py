"""Each pin's nearest pins, searched once.

Every method that recommends by medoids shares these lists, as the service's requests do.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from evaluation.retrieval import Retriever


class ListCache:
    """The nearest pins of pins, by row.

    Args:
        retriever: Over `vectors`.
        vectors: float16 [n, d], unit norm.
    """

    def __init__(self, retriever: Retriever, vectors: NDArray[np.float16]) -> None:
        self._retriever = retriever
        self._vectors = vectors
        self._lists: dict[int, dict[int, NDArray[np.int32]]] = {}

    def fetch(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """The lists of these pins, each pin itself among the first of its own.

        All that are missing are searched at once: asking for many pins is much cheaper than for one by one.
        A list is never cut from a longer one: what approximate search finds would then depend on who asked
        before.

        Args:
            rows: int64 [q], any number of times the same.
            k: The length of a list; all pins of a smaller pool.

        Returns:
            Rows int64 [q, min(k, n)], nearest first.
        """
        lists = self._lists.setdefault(k, {})
        missing = np.array(sorted(set(rows.tolist()) - lists.keys()), np.int64)
        if len(missing):
            _, nearest = self._retriever.nearest(self._vectors[missing], k)
            lists.update(zip(missing.tolist(), nearest.astype(np.int32), strict=True))
        found = np.array([lists[row] for row in rows.tolist()], np.int64)
        return found.reshape(len(rows), min(k, len(self._vectors)))


def digest(vectors: NDArray[np.float16]) -> str:
    """What tells one pool from another: the SHA-256 of its vectors, shortened."""
    return hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest()[:16]
