"""Builds the HNSW index over the refined pool, in batches, so that no float32 copy of the pool exists."""

import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index_builder.work import Work, digest
from process.progress import Reporter
from storage.pins.hnsw import STORAGE, Hnsw, Storage
from storage.pins.layout import INDEX

_BATCH_ROWS = 8_192
_KEEP_EVERY_S = 120.0
_STAGE = "hnsw"


@dataclass(frozen=True, slots=True, kw_only=True)
class HnswParameters:
    """How the graph is built.

    Attributes:
        m: Links a node and level; twice as many on the lowest.
        ef_construction: Candidates kept while a node's links are chosen.
        storage: How the index stores an element of a vector.
        threads: With more than one the graph depends on their scheduling; recall does not.
    """

    m: int = 32
    ef_construction: int = 200
    storage: Storage = STORAGE
    threads: int = 1


def build_hnsw(
    pool: NDArray[np.float16], parameters: HnswParameters, reporter: Reporter, work: Work | None = None
) -> Hnsw:
    """Index the pool [n, d]; a vector's label is its row.

    With `work` it goes on from what was last kept of the same index, and keeps what it has every two minutes.
    The levels of nodes are drawn anew after that: the graph is another than in one go, and as good.
    """
    key = _key(pool, parameters) if work is not None else ""
    index = _begun(pool, parameters, work, key)
    with reporter.step("Build HNSW", len(pool)) as step:
        step.advance(len(index))
        kept_at = time.monotonic()
        for start in range(len(index), len(pool), _BATCH_ROWS):
            batch = pool[start : start + _BATCH_ROWS]
            index.add(batch, threads=parameters.threads)
            step.advance(len(batch))
            is_due = len(index) == len(pool) or time.monotonic() - kept_at >= _KEEP_EVERY_S
            if work is not None and is_due:
                work.keep(_STAGE, key, lambda folder: index.save(folder / INDEX), done=len(index))
                kept_at = time.monotonic()
    return index


def _begun(pool: NDArray[np.float16], parameters: HnswParameters, work: Work | None, key: str) -> Hnsw:
    """What was kept of this index, or an empty one."""
    kept: Path | None = work.find(_STAGE, key) if work is not None else None
    if kept is not None:
        return Hnsw.open(kept / INDEX, to_add=True)
    index = Hnsw.empty(
        pool.shape[1],
        m=parameters.m,
        ef_construction=parameters.ef_construction,
        storage=parameters.storage,
    )
    index.learn_range(pool)
    return index


def _key(pool: NDArray[np.float16], parameters: HnswParameters) -> str:
    # Any number of threads may go on: which of them built what is not known anyway.
    return digest(
        pool, (parameters.m, parameters.ef_construction, parameters.storage.value), version("faiss-cpu")
    )
