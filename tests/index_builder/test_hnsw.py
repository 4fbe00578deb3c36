"""Building the index."""

import numpy as np
import pytest
from numpy.typing import NDArray

from index_builder import hnsw
from index_builder.hnsw import HnswParameters, build_hnsw
from storage.pins.hnsw import Hnsw
from storage.pins.scoring import exact_search
from tests.index_builder.tables import QUIET


def sphere(n: int, d: int) -> NDArray[np.float16]:
    vectors = np.random.default_rng(0).standard_normal((n, d))
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float16)


@pytest.mark.parametrize("batch", [1, 100, 10_000])
def test_every_pin_is_found_under_its_row(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    """Whatever the batches it was added in."""
    monkeypatch.setattr(hnsw, "_BATCH_ROWS", batch)
    pool = sphere(300, 16)
    index = build_hnsw(pool, HnswParameters(m=16, ef_construction=64), QUIET)
    assert len(index) == 300
    assert index.nearest(pool, 1, ef_search=64)[:, 0].tolist() == list(range(300))


def test_one_thread_builds_the_same_index_twice() -> None:
    """Bit for bit: with several, their scheduling shows."""
    pool = sphere(500, 16)
    first, second = (
        build_hnsw(pool, HnswParameters(threads=1), QUIET).nearest(pool, 20, ef_search=20) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_threads_keep_the_recall() -> None:
    """The graph differs, what it finds hardly does."""
    pool = sphere(2_000, 16)
    index = build_hnsw(pool, HnswParameters(threads=2), QUIET)
    exact = exact_search(pool[:100], pool, 10)[1]
    found = index.nearest(pool[:100], 10, ef_search=200)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(found, exact, strict=True)]) > 0.99


def test_no_float32_copy_of_the_pool_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAISS is handed a batch at a time, on as many threads as it may use."""
    handed: list[tuple[int, int]] = []
    add = Hnsw.add

    def spy(index: Hnsw, vectors: NDArray[np.float16], *, threads: int) -> None:
        handed.append((len(vectors), threads))
        add(index, vectors, threads=threads)

    monkeypatch.setattr(hnsw, "_BATCH_ROWS", 100)
    monkeypatch.setattr(Hnsw, "add", spy)
    build_hnsw(sphere(250, 4), HnswParameters(threads=3), QUIET)
    assert handed == [(100, 3), (100, 3), (50, 3)]
