"""HNSW (Malkov and Yashunin, 2018) over unit vectors: all that the service asks of FAISS."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import faiss as untyped_faiss
import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.pins.scoring import exact_search, padded, ranked, widened

# FAISS's own stubs know neither HNSW over scalar quantisers nor search parameters nor reading limits.
faiss: Any = untyped_faiss


class Storage(StrEnum):
    """How an index stores an element of a vector; what it finds is always scored by the float16 vectors."""

    FLOAT16 = "float16"
    INT8 = "int8"
    FLOAT32 = "float32"


STORAGE = Storage.FLOAT16
_QUANTISERS = {
    Storage.FLOAT16: faiss.ScalarQuantizer.QT_fp16,
    Storage.INT8: faiss.ScalarQuantizer.QT_8bit,
}
# Half of one of int8's 255 steps through the range of a dimension, and what float32 rounds.
_MOST_OF_RANGE, _ROUNDING = np.float32(0.51 / 255), np.float32(1e-6)
_BLOCK_ROWS = 65_536
# Neither kind of index read with any loop over a count in the file, nor has it a lattice.
_MAX_READING_LOOPS = 1
_limits = threading.Lock()


class Hnsw:
    """An HNSW index by inner product. Searching is safe for any number of threads, adding for one."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - a faiss.IndexHNSWSQ or faiss.IndexHNSWFlat
        self._index = index

    @classmethod
    def empty(cls, d: int, *, m: int, ef_construction: int, storage: Storage = STORAGE) -> "Hnsw":
        """An index of dimension d without any vector. For int8 it must `learn_range` before it can `add`."""
        if storage == Storage.FLOAT32:
            index = faiss.IndexHNSWFlat(d, m, faiss.METRIC_INNER_PRODUCT)
        else:
            index = faiss.IndexHNSWSQ(d, _QUANTISERS[storage], m, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = ef_construction
        return cls(index)

    @classmethod
    def open(cls, path: Path, *, to_add: bool = False) -> "Hnsw":
        """Map the file of an index into memory. Compare its checksum first: FAISS trusts what it reads.

        Args:
            path: The file.
            to_add: Read it into memory instead, so that vectors can be added.

        Raises:
            DamagedArtefactError: FAISS cannot read it, or it holds another kind of index.
        """
        try:
            with _reading_limits(path.stat().st_size):
                index = faiss.read_index(str(path), 0 if to_add else faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise DamagedArtefactError(f"{path} cannot be read by FAISS: {error}. Build again.") from error
        if _storage(index) is None or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise DamagedArtefactError(f"{path} is not an HNSW index by inner product. Build again.")
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the index; a disk that is full, even at the last byte, is an OSError."""
        with path.open("wb") as file:
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """The length d of a vector."""
        return int(self._index.d)

    @property
    def storage(self) -> Storage | None:
        """How it stores an element; None for a way that this software does not write."""
        return _storage(self._index)

    def learn_range(self, pool: NDArray[np.float16]) -> None:
        """Fit the steps of int8 to each dimension's range in the pool [n, d]; other kinds need no range."""
        if self.storage != Storage.INT8:
            return
        low = np.full(self.dimension, np.inf, np.float32)
        high = -low
        for start in range(0, len(pool), _BLOCK_ROWS):
            block = widened(pool[start : start + _BLOCK_ROWS])
            np.minimum(low, block.min(axis=0), out=low)
            np.maximum(high, block.max(axis=0), out=high)
        self._index.train(np.stack([low, high]))

    def holds(self, first: int, vectors: NDArray[np.float16]) -> NDArray[np.bool_]:
        """Whether rows `first`, `first + 1`, ... store these vectors [n, d] as near as they can: bool [n]."""
        off = np.abs(self._index.reconstruct_n(first, len(vectors)) - vectors.astype(np.float32))
        close: NDArray[np.bool_] = (off <= self._tolerance()).all(axis=1)
        return close

    def _tolerance(self) -> NDArray[np.float32]:
        """float32 [1 or d]: how far a stored element may be from the true one: half a step, and roundings."""
        if self.storage != Storage.INT8:
            return np.zeros(1, np.float32)
        learnt = faiss.vector_to_array(faiss.downcast_index(self._index.storage).sq.trained)
        tolerance: NDArray[np.float32] = learnt[self.dimension :] * _MOST_OF_RANGE + _ROUNDING
        return tolerance

    def add(self, vectors: NDArray[np.float16], *, threads: int) -> None:
        """Append vectors [n, d]; with several threads the graph depends on their scheduling."""
        faiss.omp_set_num_threads(threads)
        self._index.add(vectors.astype(np.float32))

    def stored(self, first: int, n: int) -> NDArray[np.float16]:
        """float16 [n, d]: the vectors of rows `first` to `first + n - 1`, as near as the index holds them."""
        vectors: NDArray[np.float32] = self._index.reconstruct_n(first, n)
        return vectors.astype(np.float16)

    def nearest(
        self,
        queries: NDArray[np.float16],
        k: int,
        *,
        ef_search: int,
        bitmap: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.int64]:
        """int64 [nq, k]: about the nearest rows to each query, padded with -1 where fewer were met.

        With a bitmap [ceil(n / 8)], only rows whose bit is set count; the others are still walked past.
        """
        # OpenMP keeps the number of threads for each calling thread: it must be set where the search runs.
        faiss.omp_set_num_threads(1)
        ef_search = max(ef_search, k)
        if bitmap is None:
            parameters = _parameters(ef_search)
        else:
            parameters = faiss.SearchParametersHNSW(efSearch=ef_search, sel=faiss.IDSelectorBitmap(bitmap))
        rows: NDArray[np.int64] = self._index.search(queries.astype(np.float32), k, params=parameters)[1]
        return rows


@lru_cache(maxsize=64)
def _parameters(ef_search: int) -> Any:  # noqa: ANN401 - faiss.SearchParametersHNSW
    """Those of a search over all rows; searches only read them."""
    # A heap for who is to be visited, in place of a table of efSearch that is gone through for each: the same
    # answer in a tenth less time at an efSearch of 320, in two fifths less at 6,400.
    return faiss.SearchParametersHNSW(efSearch=ef_search, bounded_queue=False)


class HnswSearch:
    """Searches an index and scores what it finds by the stored vectors, exactly.

    Args:
        index: Over the first rows of `embeddings`.
        embeddings: float16 [n, d], unit norm, n at least the index's length.
    """

    def __init__(self, index: Hnsw, embeddings: NDArray[np.float16]) -> None:
        self._index = index
        self._pool = embeddings[: len(index)]

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k indexed rows nearest to each query; see storage.pins.port."""
        rows = self._index.nearest(queries, min(k, len(self._pool)), ef_search=ef_search)
        # FAISS pads at the end where the graph led to fewer, though there are as many: compare all of them.
        short = [at for at in range(len(rows)) if rows.item(at, -1) < 0]
        if short:
            rows[short] = exact_search(queries[short], self._pool, rows.shape[1])[1]
        return ranked(queries, self._pool, rows)

    def search_passing(
        self, queries: NDArray[np.float16], k: int, *, bitmap: NDArray[np.uint8], ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The nearest rows among those whose bit is set; see storage.pins.port."""
        met = self._index.nearest(queries, min(k, len(self._pool)), ef_search=ef_search, bitmap=bitmap)
        found = [
            ranked(query[np.newaxis], self._pool, rows[rows >= 0][np.newaxis])
            for query, rows in zip(queries, met, strict=True)
        ]
        return padded([scores[0] for scores, _ in found], [rows[0] for _, rows in found], k)


def _storage(index: Any) -> Storage | None:  # noqa: ANN401 - a faiss.Index
    if isinstance(index, faiss.IndexHNSWFlat):
        return Storage.FLOAT32
    if not isinstance(index, faiss.IndexHNSWSQ):
        return None
    kind = faiss.downcast_index(index.storage).sq.qtype
    return next((storage for storage, quantiser in _QUANTISERS.items() if quantiser == kind), None)


@contextmanager
def _reading_limits(file_bytes: int) -> Iterator[None]:
    """Let FAISS allocate no vector larger than the file it reads, whatever the file says.

    The limits are the whole process's: they are set for the time of one reading and put back.
    """
    with _limits:
        before = faiss.get_deserialization_vector_byte_limit(), faiss.get_deserialization_loop_limit()
        faiss.set_deserialization_vector_byte_limit(file_bytes)
        faiss.set_deserialization_loop_limit(_MAX_READING_LOOPS)
        try:
            yield
        finally:
            faiss.set_deserialization_vector_byte_limit(before[0])
            faiss.set_deserialization_loop_limit(before[1])
