"""`python -m benchmarks.resident KIND FILE DIMENSION`: bytes of memory that one index takes in a process.

FAISS can map the file instead of reading it; then what is touched of it counts, and all processes share it.
"""

import os
import sys
from pathlib import Path

import numpy as np

from benchmarks.hnswlib_index import HNSWLIB, HnswlibIndex
from process.progress import Reporter
from storage.pins.hnsw import Hnsw

_N_QUERIES, _K, _EF_SEARCH = 20, 10, 256


def growth(kind: str, path: Path, dimension: int) -> int:
    """By how many bytes this process grows when it reads the index and asks it something."""
    queries = np.random.default_rng(0).standard_normal((_N_QUERIES, dimension)).astype(np.float16)
    if kind == HNSWLIB:
        # Imported before the first look: its code is no part of an index.
        HnswlibIndex.built(queries, 2, 10, threads=1, reporter=Reporter(quiet=True))
    before = resident_bytes()
    index = HnswlibIndex.open(path, dimension) if kind == HNSWLIB else Hnsw.open(path, to_add=True)
    index.nearest(queries, _K, ef_search=_EF_SEARCH)
    return resident_bytes() - before


def resident_bytes() -> int:
    """What this process holds in memory now, pages of mapped files included."""
    # Linux: the second number counts resident pages.
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    print(growth(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
