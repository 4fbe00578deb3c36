"""Builds the HNSW index over the refined pool, in batches, so that no float32 copy of the pool exists."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from process.progress import Reporter
from storage.pins.hnsw import Hnsw

_BATCH_ROWS = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class HnswParameters:
    """How the graph is built.

    Attributes:
        m: Links a node and level; twice as many on the lowest.
        ef_construction: Candidates kept while a node's links are chosen.
        threads: With more than one the graph depends on their scheduling; recall does not.
    """

    m: int = 32
    ef_construction: int = 200
    threads: int = 1


def build_hnsw(pool: NDArray[np.float16], parameters: HnswParameters, reporter: Reporter) -> Hnsw:
    """Index the pool [n, d]; a vector's label is its row."""
    index = Hnsw.empty(pool.shape[1], m=parameters.m, ef_construction=parameters.ef_construction)
    with reporter.step("Build HNSW", len(pool)) as step:
        for start in range(0, len(pool), _BATCH_ROWS):
            batch = pool[start : start + _BATCH_ROWS]
            index.add(batch, threads=parameters.threads)
            step.advance(len(batch))
    return index
