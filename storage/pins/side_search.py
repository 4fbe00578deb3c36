"""Search of added candidates: few are compared one by one; of many, an index finds the first.

New pins so wait for no index: the one of those before them is kept as it is, and grows when there is time.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from storage.pins.hnsw import Hnsw, HnswSearch
from storage.pins.scoring import Ranked, best_among, nearer, widened


class Search(Protocol):
    """Searches candidates, one by one or by an index."""

    def search(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Ranked:
        """See storage.pins.port."""
        ...


class SideSearch:
    """Compares every candidate, in float32; whoever that cannot tell from the last is compared exactly.

    Args:
        pool: float16 [n, d], unit norm.
    """

    def __init__(self, pool: NDArray[np.float16]) -> None:
        self._pool, self._wide = pool, widened(pool)
        self._rows = np.arange(len(pool))

    def search(
        self,
        queries: NDArray[np.float16],
        k: int,
        *,
        ef_search: int,  # noqa: ARG002 - the port's; there is no graph here
    ) -> Ranked:
        """The k rows nearest to each query; see storage.pins.port."""
        k = min(k, len(self._pool))
        scores, rows = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        products = widened(queries) @ self._wide.T
        for at, query in enumerate(queries) if k else ():
            scores[at], rows[at] = best_among(query, self._pool, self._rows, products[at], k)
        return scores, rows


class PartlyIndexed:
    """Searches an index of the first candidates, and compares the later ones.

    Args:
        index: Of the first.
        pool: float16 [n, d], unit norm, of all.
    """

    def __init__(self, index: Hnsw, pool: NDArray[np.float16]) -> None:
        self._n_first = len(index)
        self._first, self._later = HnswSearch(index, pool), SideSearch(pool[len(index) :])

    def search(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Ranked:
        """The k rows nearest to each query; see storage.pins.port."""
        return nearer(
            self._first.search(queries, k, ef_search=ef_search),
            self._later.search(queries, k, ef_search=ef_search),
            k,
            first_row=self._n_first,
        )
