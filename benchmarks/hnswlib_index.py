"""hnswlib, the reference implementation of HNSW, to compare with: measured only, nothing serves with it."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from process.progress import Reporter
from storage.pins.scoring import widened

HNSWLIB = "hnswlib"
_BATCH_ROWS = 8_192


def is_installed() -> bool:
    """Whether hnswlib can be measured here."""
    return find_spec(HNSWLIB) is not None


class HnswlibIndex:
    """An index of hnswlib by inner product.

    Args:
        index: hnswlib's own.
    """

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - the library has no types
        self._index = index

    @classmethod
    def built(
        cls, pool: NDArray[np.float16], m: int, ef_construction: int, *, threads: int, reporter: Reporter
    ) -> "HnswlibIndex":
        """Over the pool [n, d]; a vector's label is its row."""
        index = _empty(pool.shape[1])
        index.init_index(max_elements=len(pool), ef_construction=ef_construction, M=m)
        with reporter.step("Build hnswlib", len(pool)) as step:
            for start in range(0, len(pool), _BATCH_ROWS):
                batch = pool[start : start + _BATCH_ROWS]
                index.add_items(widened(batch), num_threads=threads)
                step.advance(len(batch))
        return cls(index)

    @classmethod
    def open(cls, path: Path, dimension: int) -> "HnswlibIndex":
        """Read a file of its own making; it trusts whatever it reads."""
        index = _empty(dimension)
        index.load_index(str(path))
        return cls(index)

    def save(self, path: Path) -> None:
        """Write it."""
        self._index.save_index(str(path))

    def nearest(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> NDArray[np.int64]:
        """int64 [nq, k]: about the nearest rows to each query, on one thread."""
        self._index.set_ef(max(ef_search, k))
        rows: NDArray[np.int64] = self._index.knn_query(widened(queries), k, num_threads=1)[0].astype(
            np.int64
        )
        return rows


def _empty(dimension: int) -> Any:  # noqa: ANN401 - the library has no types
    return importlib.import_module(HNSWLIB).Index(space="ip", dim=dimension)
