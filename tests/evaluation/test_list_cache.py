"""A pin's list is searched once; a digest tells one pool from another."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.list_cache import ListCache, digest
from evaluation.retrieval import ExactRetriever, Ranked

WHEEL = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float16)


class CountingRetriever:
    """Exact search that remembers how many queries each call had."""

    name = "counting"

    def __init__(self, pool: NDArray[np.float16]) -> None:
        self._exact = ExactRetriever(pool)
        self.calls: list[int] = []

    def nearest(self, queries: NDArray[np.floating], k: int) -> Ranked:
        self.calls.append(len(queries))
        return self._exact.nearest(queries, k)


@pytest.fixture
def retriever() -> CountingRetriever:
    return CountingRetriever(WHEEL)


@pytest.fixture
def cache(retriever: CountingRetriever) -> ListCache:
    return ListCache(retriever, WHEEL)


def test_a_pin_is_the_first_of_its_own_list(cache: ListCache) -> None:
    """Lists come in the order asked for; of two pins equally near, the smaller row is taken."""
    assert cache.fetch(np.array([2, 0, 2]), 2).tolist() == [[2, 1], [0, 1], [2, 1]]


def test_missing_lists_are_searched_once_and_together(cache: ListCache, retriever: CountingRetriever) -> None:
    """Two pins in one search, then only the third, then nothing."""
    for rows in ([0, 1, 0], [1, 2], [2, 1, 0], []):
        assert cache.fetch(np.array(rows, np.int64), 2).shape == (len(rows), 2)
    assert retriever.calls == [2, 1]


def test_a_longer_list_is_another_search(cache: ListCache, retriever: CountingRetriever) -> None:
    """And a shorter one is not cut from it: the answer is the same whoever asked before."""
    for k in (2, 3, 2, 1):
        assert cache.fetch(np.array([0]), k).tolist() == [[0, 1, 3, 2][:k]]
    assert retriever.calls == [1, 1, 1]


def test_a_small_pool_bounds_the_list(cache: ListCache) -> None:
    """Lists of 400 of four pins hold four."""
    assert cache.fetch(np.array([0]), 400).shape == (1, 4)


def test_a_digest_tells_pools_apart() -> None:
    """One number changed, and it is another pool; memory layout does not matter."""
    other = WHEEL.copy()
    other[3, 0] = 0.5
    assert digest(WHEEL) == digest(np.asfortranarray(WHEEL))
    assert digest(WHEEL) != digest(other)
