"""`python -m benchmarks.serving.searches PINS K EF_SEARCH < ROWS`: what FAISS alone takes for some searches.

A line of standard input has the rows of the medoids that one request misses: they are searched together, as
the server does. Prints the CPU microseconds of one line, the mean, and the 99th percentile of their time.
"""

import sys
import time
from pathlib import Path

import numpy as np

from storage.pins.artefact import pin_versions
from storage.pins.hnsw import Hnsw
from storage.pins.layout import EMBEDDINGS, INDEX


def main() -> None:
    """Search, and print."""
    folder = pin_versions(Path(sys.argv[1])).folder()
    k, ef_search = int(sys.argv[2]), int(sys.argv[3])
    index, embeddings = Hnsw.open(folder / INDEX), np.load(folder / EMBEDDINGS, mmap_mode="r")
    lines = [np.array(line.split(), np.int64) for line in sys.stdin]
    queries = [np.asarray(embeddings[rows]) for rows in lines]
    # Once before: the cold server, too, is measured after its memory was touched.
    for each in queries:
        index.nearest(each, k, ef_search=ef_search)
    took_s = np.empty(len(queries))
    began_ns = time.process_time_ns()
    for at, each in enumerate(queries):
        began = time.perf_counter()
        index.nearest(each, k, ef_search=ef_search)
        took_s[at] = time.perf_counter() - began
    cpu_us = (time.process_time_ns() - began_ns) / len(queries) / 1_000
    print(cpu_us, np.percentile(took_s, 99) * 1e6)


if __name__ == "__main__":
    main()
