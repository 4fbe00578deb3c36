"""The kinds of index that are compared, each built once for a pool, kept on disk, and searched alike.

What an index finds is always scored by the float16 vectors, as the service does: kinds differ in what they
look at, never in the order of what they found.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import faiss as untyped_faiss
import numpy as np
from numpy.typing import NDArray

from evaluation.list_cache import digest
from process.progress import Reporter
from storage.pins.hnsw import HnswSearch
from storage.pins.scoring import best_first, cosines

# FAISS's own stubs know neither refining nor search parameters.
faiss: Any = untyped_faiss

_BLOCK_ROWS = 8_192

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard a search tries.

    Attributes:
        depth: HNSW's efSearch; of the others how many pins are compared exactly.
        n_probe: Lists that an inverted file looks into; 0 where there is none.
    """

    depth: int
    n_probe: int = 0


Search = Callable[[NDArray[np.float16], Effort], Scores]
"""From queries [q, d] to exact cosines of the k pins found, [q, k], descending, -2 where fewer were met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """A compressed index, which proposes pins to compare exactly.

    Attributes:
        kind: "lsh": the signs of random projections, each pin's compared with the query's (Hamming distance).
            "pq": product quantisation in 4-bit codes, within an inverted file.
        size: Projections, or quantisers of a vector.
        n_lists: Of the inverted file.
    """

    kind: Literal["lsh", "pq"]
    size: int
    n_lists: int = 0

    @property
    def name(self) -> str:
        """Fit for a file."""
        return f"{self.kind}-{self.size}" + (f"-{self.n_lists}" if self.n_lists else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An index on disk.

    Attributes:
        file: Holds the index.
        build_s: What building it took on one core, whenever that was.
        n_bytes: Of the index alone.
    """

    file: Path
    build_s: float
    n_bytes: int


def variants(n: int, d: int) -> tuple[Codes, ...]:
    """What each compressed kind is tried with for n vectors of dimension d; the cheapest counts.

    Codes have from 1/16 to 1/4 of a float16 vector's bytes.
    """
    n_lists = max(1, round(np.sqrt(n)))
    quantisers = {_divisor(d, d // 4), _divisor(d, d // 2)}
    return (
        *(Codes(kind="lsh", size=factor * d) for factor in (1, 2, 4)),
        *(Codes(kind="pq", size=m, n_lists=n_lists) for m in sorted(quantisers)),
    )


def probes(codes: Codes) -> tuple[int, ...]:
    """How many lists of the inverted file to try looking into: all of them, a quarter, a sixteenth."""
    if not codes.n_lists:
        return (0,)
    return tuple(sorted({max(1, codes.n_lists // part) for part in (1, 4, 16)}))


def kept(codes: Codes, pool: NDArray[np.float16], folder: Path, reporter: Reporter) -> Kept:
    """The pool's compressed index: on disk where an earlier run finished it, else built now.

    Args:
        codes: Its kind.
        pool: float16 [n, d], unit norm.
        folder: For the file, which is named after the pool's content and the kind.
        reporter: Told of progress.
    """
    file = folder / f"{codes.name}-{digest(pool)}.npz"
    if not file.exists():
        with reporter.step(f"Build {codes.name}"):
            _write(codes, pool, file)
    with np.load(file, allow_pickle=False) as saved:
        return Kept(file=file, build_s=float(saved["build_s"]), n_bytes=len(saved["index"]))


def opened(kept: Kept) -> Any:  # noqa: ANN401 - a faiss.Index
    """The index."""
    with np.load(kept.file, allow_pickle=False) as saved:
        index = faiss.deserialize_index(saved["index"])
    # LSH ranks by Hamming distance whatever this says, and FAISS forgets it: it is what refines that counts.
    index.metric_type = faiss.METRIC_INNER_PRODUCT
    return index


def flat(pool: NDArray[np.float16]) -> Any:  # noqa: ANN401 - a faiss.Index
    """Every vector as it is, in float16: what exact search scans, and what refines compressed indexes."""
    index = faiss.IndexScalarQuantizer(
        pool.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    _add(index, pool)
    return index


def exact(flat: Any, pool: NDArray[np.float16], k: int) -> Search:  # noqa: ANN401 - a faiss.Index
    """Compare every pin."""

    def search(queries: NDArray[np.float16], _: Effort) -> Scores:
        faiss.omp_set_num_threads(1)
        return _scored(queries, flat.search(queries.astype(np.float32), k)[1], pool)

    return search


def refined(
    index: Any,  # noqa: ANN401 - a faiss.Index
    flat: Any,  # noqa: ANN401 - a faiss.Index
    pool: NDArray[np.float16],
    k: int,
) -> Search:
    """Compare exactly the pins that a compressed index proposes."""
    refining = faiss.IndexRefine(index, flat)

    def search(queries: NDArray[np.float16], effort: Effort) -> Scores:
        faiss.omp_set_num_threads(1)
        # Half a pin more: the product with k must not be rounded down to one less.
        parameters = faiss.IndexRefineSearchParameters(k_factor=(effort.depth + 0.5) / k)
        probing = faiss.IVFSearchParameters(nprobe=effort.n_probe) if effort.n_probe else None
        if probing is not None:
            parameters.base_index_params = probing
        rows = refining.search(queries.astype(np.float32), k, params=parameters)[1]
        return _scored(queries, rows, pool)

    return search


def hnsw(search: HnswSearch, k: int) -> Search:
    """Search as the service does."""
    return lambda queries, effort: search.search(queries, k, ef_search=effort.depth)[0]


def _scored(queries: NDArray[np.float16], rows: NDArray[np.int64], pool: NDArray[np.float16]) -> Scores:
    """The service's last step, which every kind pays for alike."""
    scores = np.full(rows.shape, -2, np.float32)
    for at, (query, found) in enumerate(zip(queries, rows, strict=True)):
        met = found[found >= 0]
        scores[at, : len(met)] = best_first(cosines(query, pool[met]), met, len(met))[0]
    return scores


def _write(codes: Codes, pool: NDArray[np.float16], file: Path) -> None:
    """Write the index, whole or not at all."""
    # Threads that wait for each other would take more from a busy machine than they give.
    faiss.omp_set_num_threads(1)
    began = time.monotonic()
    index = _built(codes, pool)
    build_s = time.monotonic() - began
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.unfinished-{os.getpid()}")
    with unfinished.open("wb") as writing:
        np.savez(writing, index=faiss.serialize_index(index), build_s=np.array(build_s))
    unfinished.replace(file)


def _built(codes: Codes, pool: NDArray[np.float16]) -> Any:  # noqa: ANN401 - a faiss.Index
    d = pool.shape[1]
    if codes.kind == "lsh":
        rotated, at_zero = True, False
        index = faiss.IndexLSH(d, codes.size, rotated, at_zero)
    else:
        quantiser = f"IVF{codes.n_lists},PQ{codes.size}x4fs"
        index = faiss.index_factory(d, quantiser, faiss.METRIC_INNER_PRODUCT)
    most = _TRAINING_PINS_A_LIST * max(codes.n_lists, 256)
    sample = np.random.default_rng(0).permutation(len(pool))[:most]
    index.train(pool[np.sort(sample)].astype(np.float32))
    _add(index, pool)
    return index


def _add(index: Any, pool: NDArray[np.float16]) -> None:  # noqa: ANN401 - a faiss.Index
    """Add a block at a time, so that no float32 copy of the pool exists."""
    for start in range(0, len(pool), _BLOCK_ROWS):
        block = pool[start : start + _BLOCK_ROWS].astype(np.float32)
        if not index.is_trained:
            index.train(block)
        index.add(block)


def _divisor(d: int, at_most: int) -> int:
    """The largest divisor of d up to a limit: quantisers share a vector's elements equally."""
    return next(m for m in range(max(at_most, 1), 0, -1) if d % m == 0)


_TRAINING_PINS_A_LIST = 100
