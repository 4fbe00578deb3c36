"""Each pin's nearest pins, searched once.

Every method that recommends by medoids shares these lists, as the service's requests do.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from evaluation.retrieval import Ranked, Retriever


class ListCache:
    """The `k` nearest pins of pins, by row.

    Args:
        retriever: Over `vectors`.
        vectors: float16 [n, d], unit norm.
        k: The length of a list; all pins of a smaller pool.
    """

    def __init__(self, retriever: Retriever, vectors: NDArray[np.float16], k: int) -> None:
        self._retriever = retriever
        self._vectors = vectors
        self._lists: dict[int, tuple[NDArray[np.float32], NDArray[np.int32]]] = {}
        self.k = min(k, len(vectors))

    def __len__(self) -> int:
        return len(self._lists)

    def fetch(self, rows: NDArray[np.int64]) -> Ranked:
        """The lists of these pins, each pin itself among the first of its own.

        All that are missing are searched at once: asking for many pins is much cheaper than for one by one.

        Args:
            rows: int64 [q], any number of times the same.

        Returns:
            Cosines float32 [q, k], descending, and rows int64 [q, k].
        """
        self._search(rows)
        found = [self._lists[row] for row in rows.tolist()]
        shape = (len(rows), self.k)
        scores = np.array([scores for scores, _ in found], np.float32).reshape(shape)
        return scores, np.array([nearest for _, nearest in found], np.int64).reshape(shape)

    def _search(self, rows: NDArray[np.int64]) -> None:
        missing = np.array(sorted(set(rows.tolist()) - self._lists.keys()), np.int64)
        if len(missing):
            scores, nearest = self._retriever.nearest(self._vectors[missing], self.k)
            lists = zip(scores, nearest.astype(np.int32), strict=True)
            self._lists.update(zip(missing.tolist(), lists, strict=True))


def digest(vectors: NDArray[np.float16]) -> str:
    """What tells one pool from another: the SHA-256 of its vectors, shortened."""
    return hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest()[:16]
