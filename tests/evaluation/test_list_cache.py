"""A pin's list is searched once, and comes back from disk only for the same pool."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.list_cache import ListCache, digest
from evaluation.retrieval import ExactRetriever, Ranked

WHEEL = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float16)
MADE_OF = "wheel"


class CountingRetriever:
    """Exact search that remembers how many queries each call had."""

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
    return ListCache(retriever, WHEEL, 2)


def test_a_pin_is_the_first_of_its_own_list(cache: ListCache) -> None:
    """Lists come in the order asked for; of two pins equally near, the smaller row is taken."""
    scores, rows = cache.fetch(np.array([2, 0, 2]))
    assert rows.tolist() == [[2, 1], [0, 1], [2, 1]]
    assert scores.tolist() == [[1, 0]] * 3


def test_missing_lists_are_searched_once_and_together(cache: ListCache, retriever: CountingRetriever) -> None:
    """Two pins in one search, then only the third, then nothing."""
    for rows in ([0, 1, 0], [1, 2], [2, 1, 0], []):
        cache.fetch(np.array(rows, np.int64))
    assert retriever.calls == [2, 1]


def test_a_small_pool_bounds_the_list(retriever: CountingRetriever) -> None:
    """Lists of 400 of four pins hold four."""
    cache = ListCache(retriever, WHEEL, 400)
    assert cache.k == 4
    assert cache.fetch(np.array([0]))[1].shape == (1, 4)


def test_saved_lists_need_no_search(cache: ListCache, retriever: CountingRetriever, tmp_path: Path) -> None:
    """What one run saved, the next has, to the bit."""
    before = cache.fetch(np.array([3, 1]))
    cache.save(tmp_path / "new" / "lists.npz", made_of=MADE_OF)
    again = ListCache(retriever, WHEEL, 2)
    again.load(tmp_path / "new" / "lists.npz", made_of=MADE_OF)
    after = again.fetch(np.array([3, 1]))
    assert [part.tobytes() for part in before] == [part.tobytes() for part in after]
    assert retriever.calls == [2]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["lists.npz"]


@pytest.mark.parametrize(("k", "made_of"), [(3, MADE_OF), (2, "another pool")])
def test_lists_of_something_else_are_passed_over(
    cache: ListCache, retriever: CountingRetriever, tmp_path: Path, k: int, made_of: str
) -> None:
    """Of another length, or from another pool, they are searched again."""
    cache.fetch(np.array([0]))
    cache.save(tmp_path / "lists.npz", made_of=MADE_OF)
    other = ListCache(retriever, WHEEL, k)
    other.load(tmp_path / "lists.npz", made_of=made_of)
    assert len(other) == 0


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut short"])
def test_a_damaged_file_costs_only_the_search(cache: ListCache, tmp_path: Path, damage: str) -> None:
    """A cache that cannot be read is as good as none."""
    file = tmp_path / "lists.npz"
    cache.fetch(np.array([0]))
    cache.save(file, made_of=MADE_OF)
    whole = file.read_bytes()
    contents = {"empty": b"", "text": b"no lists", "cut short": whole[:-200]}
    file.unlink()
    if damage in contents:
        file.write_bytes(contents[damage])
    again = ListCache(ExactRetriever(WHEEL), WHEEL, 2)
    again.load(file, made_of=MADE_OF)
    assert len(again) == 0
    assert again.fetch(np.array([0]))[1].tolist() == [[0, 1]]


def test_a_digest_tells_pools_apart() -> None:
    """One number changed, and it is another pool; memory layout does not matter."""
    other = WHEEL.copy()
    other[3, 0] = 0.5
    assert digest(WHEEL) == digest(np.asfortranarray(WHEEL))
    assert digest(WHEEL) != digest(other)
