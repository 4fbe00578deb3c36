"""HNSW (Malkov and Yashunin, 2018) over float16 unit vectors: all that the service asks of FAISS."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss as untyped_faiss
import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.pins.scoring import best_first, cosines, exact_search, padded

# FAISS's own stubs know neither HNSW over scalar quantisers nor search parameters nor reading limits.
faiss: Any = untyped_faiss

STORAGE = "float16"
# An IndexHNSWSQ is read without any loop over a count in the file, and has no lattice.
_MAX_READING_LOOPS = 1
_limits = threading.Lock()


class Hnsw:
    """An HNSW index by inner product. Searching is safe for any number of threads, adding for one."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - a faiss.IndexHNSWSQ
        self._index = index

    @classmethod
    def empty(cls, d: int, *, m: int, ef_construction: int) -> "Hnsw":
        """An index of dimension d without any vector."""
        index = faiss.IndexHNSWSQ(d, faiss.ScalarQuantizer.QT_fp16, m, faiss.METRIC_INNER_PRODUCT)
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
        if not isinstance(index, faiss.IndexHNSWSQ) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
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

    def add(self, vectors: NDArray[np.float16], *, threads: int) -> None:
        """Append vectors [n, d]; with several threads the graph depends on their scheduling."""
        faiss.omp_set_num_threads(threads)
        self._index.add(vectors.astype(np.float32))

    def stored(self, first: int, n: int) -> NDArray[np.float16]:
        """float16 [n, d]: the vectors of rows `first` to `first + n - 1` as the index holds them."""
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
        selector = {} if bitmap is None else {"sel": faiss.IDSelectorBitmap(bitmap)}
        parameters = faiss.SearchParametersHNSW(efSearch=max(ef_search, k), **selector)
        rows: NDArray[np.int64] = self._index.search(queries.astype(np.float32), k, params=parameters)[1]
        return rows


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
        k = min(k, len(self._index))
        scores = np.empty((len(queries), k), np.float32)
        rows = self._index.nearest(queries, k, ef_search=ef_search)
        for at, query in enumerate(queries):
            scores[at], rows[at] = self._ranked(query, rows[at], k)
        return scores, rows

    def search_passing(
        self, queries: NDArray[np.float16], k: int, *, bitmap: NDArray[np.uint8], ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The nearest rows among those whose bit is set; see storage.pins.port."""
        met = self._index.nearest(queries, min(k, len(self._index)), ef_search=ef_search, bitmap=bitmap)
        found = [rows[rows >= 0] for rows in met]
        ranked = [
            best_first(cosines(query, self._pool[rows]), rows, k)
            for query, rows in zip(queries, found, strict=True)
        ]
        return padded([scores for scores, _ in ranked], [rows for _, rows in ranked], k)

    def _ranked(
        self, query: NDArray[np.float16], rows: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if rows.min(initial=0) < 0:
            # The graph led to fewer than k rows, though there are as many: compare all of them.
            scores, all_rows = exact_search(query[np.newaxis], self._pool, k)
            return scores[0], all_rows[0]
        return best_first(cosines(query, self._pool[rows]), rows, k)


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
