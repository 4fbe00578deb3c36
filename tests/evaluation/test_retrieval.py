"""Exact search agrees with comparing everything at once, whatever the blocks; HNSW agrees with it."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from evaluation import retrieval
from evaluation.retrieval import ExactRetriever, HnswRetriever, Retriever
from storage.pins.hnsw import Hnsw

WHEEL = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float16)
"""Four pins: east, north, west, south."""

SMALL_INTEGERS = st.integers(-3, 3).map(np.float16)
"""Their products are exact, so that ties are real ties."""


def circle(n: int) -> NDArray[np.float16]:
    """Row i points i / n of a full turn from east."""
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float16)


def hnsw_over(pool: NDArray[np.float16], folder: Path) -> HnswRetriever:
    index = Hnsw.empty(pool.shape[1], m=16, ef_construction=100)
    index.add(pool, threads=1)
    index.save(folder / "index.faiss")
    return HnswRetriever(folder / "index.faiss", pool, 60)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of three pins and chunks of two queries, so that small worlds have many."""
    monkeypatch.setattr(retrieval, "BLOCK_ROWS", 3)
    monkeypatch.setattr(retrieval, "QUERIES_AT_ONCE", 2)


def test_the_nearest_come_first() -> None:
    """To a query between north and east, north a little nearer: north, east, then their opposites."""
    scores, rows = ExactRetriever(WHEEL).nearest(np.array([[0.6, 0.8]]), 4)
    assert rows.tolist() == [[1, 0, 2, 3]]
    assert scores[0] == pytest.approx([0.8, 0.6, -0.6, -0.8])


def test_a_query_of_any_length_ranks_the_same() -> None:
    """An average is shorter than a pin: its scores shrink with it, its order stays."""
    scores, rows = ExactRetriever(WHEEL).nearest(np.array([[0.3, 0.4]], np.float32), 2)
    assert rows.tolist() == [[1, 0]]
    assert scores[0] == pytest.approx([0.4, 0.3])


@pytest.mark.parametrize("k", [4, 5, 400])
def test_a_small_pool_is_returned_whole(k: int) -> None:
    """Asked for more pins than there are, it returns all of them."""
    scores, rows = ExactRetriever(WHEEL).nearest(np.eye(2), k)
    assert scores.shape == rows.shape == (2, 4)
    assert np.sort(rows).tolist() == [[0, 1, 2, 3]] * 2


def test_no_query_has_no_answer() -> None:
    """An empty batch is answered by an empty one."""
    scores, rows = ExactRetriever(WHEEL).nearest(np.empty((0, 2)), 3)
    assert scores.shape == rows.shape == (0, 3)


@pytest.mark.usefixtures("small_blocks")
@given(
    pool=arrays(np.float16, st.tuples(st.integers(1, 20), st.just(2)), elements=SMALL_INTEGERS),
    queries=arrays(np.float16, st.tuples(st.integers(1, 5), st.just(2)), elements=SMALL_INTEGERS),
    k=st.integers(1, 25),
)
def test_blocks_change_nothing(pool: NDArray[np.float16], queries: NDArray[np.float16], k: int) -> None:
    """Whatever the blocks, the answer is that of sorting all scores, ties to the smaller row."""
    scores, rows = ExactRetriever(pool).nearest(queries, k)
    for query, found_scores, found in zip(queries, scores, rows, strict=True):
        products = (pool.astype(float) @ query.astype(float)).tolist()
        wanted = sorted(range(len(pool)), key=lambda row: (-products[row], row))[:k]
        assert found.tolist() == wanted
        assert found_scores.tolist() == [products[row] for row in wanted]


@pytest.mark.usefixtures("small_blocks")
def test_hnsw_finds_what_exact_search_finds(tmp_path: Path) -> None:
    """On a circle of sixty pins both name the five around each query, an average included."""
    pool = circle(60)
    retrievers: list[Retriever] = [ExactRetriever(pool), hnsw_over(pool, tmp_path)]
    queries = np.array([pool[0], pool[30], (pool[9] + pool[11]) / 2], np.float16)
    exact, approximate = (np.sort(retriever.nearest(queries, 5)[1]).tolist() for retriever in retrievers)
    assert exact == approximate == [[0, 1, 2, 58, 59], [28, 29, 30, 31, 32], [8, 9, 10, 11, 12]]


def test_another_process_maps_the_same_index(tmp_path: Path) -> None:
    """Sent there, a retriever takes its pool along, and the index's name."""
    pool = circle(60)
    retriever = hnsw_over(pool, tmp_path)
    sent = pickle.dumps(retriever)
    assert len(sent) < (tmp_path / "index.faiss").stat().st_size
    arrived: HnswRetriever = pickle.loads(sent)  # noqa: S301 - made a line above
    assert arrived.name == retriever.name
    assert arrived.nearest(pool[:3], 5)[1].tolist() == retriever.nearest(pool[:3], 5)[1].tolist()
