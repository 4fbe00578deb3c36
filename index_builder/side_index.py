"""The index of added candidates: kept from one `add` to the next, and grown when too many are not in it."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from process.progress import Reporter
from storage.pins.hnsw import Hnsw
from storage.pins.layout import INDEX
from storage.pins.side import has_side, side_versions

_M, _EF_CONSTRUCTION = 16, 128
"""Lighter than a build's: only candidates of a few per cent are in it."""

_BATCH_ROWS = 8_192


def kept(root: Path, pool: NDArray[np.float16]) -> Hnsw | None:
    """The live side's index, if it is of the first vectors of this pool [n, d]."""
    if not has_side(root):
        return None
    path = side_versions(root).folder() / INDEX
    if not path.exists():
        return None
    index = Hnsw.open(path, to_add=True)
    n = len(index)
    is_ours = n <= len(pool) and index.dimension == pool.shape[1] and bool(index.holds(0, pool[:n]).all())
    return index if is_ours else None


def grown(index: Hnsw | None, pool: NDArray[np.float16], reporter: Reporter) -> Hnsw:
    """The index with all of the pool [n, d]."""
    if index is None:
        index = Hnsw.empty(pool.shape[1], m=_M, ef_construction=_EF_CONSTRUCTION)
    threads = len(os.sched_getaffinity(0))
    with reporter.step("Index what was added", len(pool)) as step:
        step.advance(len(index))
        for start in range(len(index), len(pool), _BATCH_ROWS):
            batch = pool[start : start + _BATCH_ROWS]
            index.add(batch, threads=threads)
            step.advance(len(batch))
    return index
