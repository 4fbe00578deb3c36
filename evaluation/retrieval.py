"""The pins nearest to a query, exactly or by HNSW, behind one port.

Unlike the service, which only ever searches for pins, an evaluation searches for centroids and averages too.
"""

from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from storage.pins.hnsw import Hnsw, HnswSearch

BLOCK_ROWS = 1 << 15
QUERIES_AT_ONCE = 256
"""With BLOCK_ROWS, what bounds the memory of exact search: 34 MB of scores at a time."""

Ranked = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Scores, descending, and the rows they belong to: each [q, k]."""


class Retriever(Protocol):
    """Finds the nearest pins of one pool."""

    @property
    def name(self) -> str:
        """Tells it from others that would find other pins."""
        ...

    def nearest(self, queries: NDArray[np.floating], k: int) -> Ranked:
        """The pins with the highest inner product with each query.

        Args:
            queries: float [q, d], of any length: scores of unit vectors are cosines.
            k: How many; all of a smaller pool.

        Returns:
            Scores float32 [q, min(k, n)], descending, and rows int64 [q, min(k, n)].
        """
        ...


class ExactRetriever:
    """Compares every query with every pin, in float32; ties go to the smaller row.

    Args:
        pool: float16 [n, d], unit norm; may be memory-mapped, as it is read block by block.
    """

    name = "exact"

    def __init__(self, pool: NDArray[np.float16]) -> None:
        self._pool = pool

    def nearest(self, queries: NDArray[np.floating], k: int) -> Ranked:
        """The k pins with the highest inner product with each query; see Retriever."""
        best = [_Best(chunk, min(k, len(self._pool))) for chunk in _chunks(queries)]
        for start in range(0, len(self._pool), BLOCK_ROWS):
            block = self._pool[start : start + BLOCK_ROWS].astype(np.float32)
            for chunk in best:
                chunk.compare(block, start)
        scores, rows = zip(*(chunk.ranked() for chunk in best), strict=True)
        return np.concatenate(scores), np.concatenate(rows)


class HnswRetriever:
    """Searches an HNSW index as the service does, at the same efSearch for every query.

    Args:
        file: Of an index over all pins of `pool`, in order; other processes map the same file.
        pool: float16 [n, d], unit norm.
        ef_search: The list that a search keeps; k where that is longer.

    Raises:
        DamagedArtefactError: The file is no such index.
    """

    def __init__(self, file: Path, pool: NDArray[np.float16], ef_search: int) -> None:
        self._file, self._pool, self._ef_search = file, pool, ef_search
        self._search = HnswSearch(Hnsw.open(file), pool)

    def __reduce__(self) -> tuple[type[Self], tuple[Path, NDArray[np.float16], int]]:
        return type(self), (self._file, self._pool, self._ef_search)

    @property
    def name(self) -> str:
        """With the index, which is named after its pool, and efSearch."""
        return f"{self._file.parent.name} efSearch={self._ef_search}"

    def nearest(self, queries: NDArray[np.floating], k: int) -> Ranked:
        """About the k pins with the highest inner product with each query; see Retriever.

        Queries are rounded to float16, and scores are those of unit vectors: cut off at -1 and 1.
        """
        return self._search.search(queries.astype(np.float16), k, ef_search=self._ef_search)


class _Best:
    """The best rows so far for some queries: for each of them at most k, best first."""

    def __init__(self, queries: NDArray[np.floating], k: int) -> None:
        self._queries = queries.astype(np.float32)
        self._k = k
        self._scores = [np.empty(0, np.float32)] * len(queries)
        self._rows = [np.empty(0, np.int64)] * len(queries)

    def compare(self, block: NDArray[np.float32], start: int) -> None:
        """Take in the pins of a block [b, d], whose first row is `start`."""
        scores = self._queries @ block.T
        query, column = np.nonzero(scores >= self._floor(scores)[:, np.newaxis])
        ends = np.searchsorted(query, np.arange(1, len(scores)))
        for at, columns in enumerate(np.split(column, ends)):
            if len(columns):
                self._merge(at, scores[at, columns], columns + start)

    def ranked(self) -> Ranked:
        """Scores and rows, each [q, k]."""
        shape = (len(self._queries), self._k)
        return np.array(self._scores, np.float32).reshape(shape), np.array(self._rows, np.int64).reshape(
            shape
        )

    def _floor(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [q]: below it, no pin of this block can be among the k best."""
        if all(len(rows) == self._k for rows in self._rows):
            return np.array([held[-1] for held in self._scores], np.float32)
        n = scores.shape[1]
        if n <= self._k:
            return np.full(len(scores), -np.inf, np.float32)
        return np.partition(scores, n - self._k, axis=1)[:, n - self._k]

    def _merge(self, at: int, scores: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        scores = np.concatenate([self._scores[at], scores])
        rows = np.concatenate([self._rows[at], rows])
        order = np.lexsort((rows, -scores))[: self._k]
        self._scores[at], self._rows[at] = scores[order], rows[order]


def _chunks(queries: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    return [queries[i : i + QUERIES_AT_ONCE] for i in range(0, max(len(queries), 1), QUERIES_AT_ONCE)]
