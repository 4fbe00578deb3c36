"""`python -m benchmarks.serving.searches PINS K EF_SEARCH`: what FAISS alone takes for some searches.

Reads blocks from standard input: a line for each request, with the rows of the medoids that it misses, which
are searched together as the server does; an empty line ends a block. Answers each block with a line of JSON:
the CPU microseconds of a request, the mean, and the microseconds that each took.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from subprocess import PIPE
from typing import IO

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.processes import running
from storage.pins.artefact import pin_versions
from storage.pins.hnsw import Hnsw
from storage.pins.layout import EMBEDDINGS, INDEX

Rows = Sequence[int]


@dataclass(frozen=True)
class Alone:
    """What FAISS alone took for a block.

    Attributes:
        cpu_us: CPU microseconds of a request, the mean.
        took_us: The microseconds that each took.
    """

    cpu_us: float
    took_us: list[float]


class Searcher:
    """A process that has FAISS alone, on the core that servers have.

    Args:
        asked: Its standard input.
        answers: Its standard output.
    """

    def __init__(self, asked: IO[str], answers: IO[str]) -> None:
        self._asked, self._answers = asked, answers

    def search(self, requests: Iterable[Rows]) -> Alone:
        """Search for a block of requests."""
        self._asked.write("".join(f"{' '.join(map(str, rows))}\n" for rows in requests) + "\n")
        self._asked.flush()
        return Alone(**json.loads(self._answers.readline()))


@contextmanager
def searching(pins: Path, k: int, ef_search: int) -> Iterator[Searcher]:
    """FAISS alone, over the live version of some pins."""
    command = [sys.executable, "-m", "benchmarks.serving.searches", str(pins), str(k), str(ef_search)]
    with running(command, stdin=PIPE, stdout=PIPE) as process:
        if process.stdin and process.stdout:
            yield Searcher(process.stdin, process.stdout)


def main() -> None:
    """Search block after block, until there are no more."""
    folder = pin_versions(Path(sys.argv[1])).folder()
    k, ef_search = int(sys.argv[2]), int(sys.argv[3])
    index, embeddings = Hnsw.open(folder / INDEX), np.load(folder / EMBEDDINGS, mmap_mode="r")
    while lines := list(takewhile(str.strip, sys.stdin)):
        queries = [np.asarray(embeddings[np.array(line.split(), np.int64)]) for line in lines]
        # Once before: the cold server, too, is measured after its memory was touched.
        _took(index, queries, k, ef_search)
        began_ns = time.process_time_ns()
        took_us = _took(index, queries, k, ef_search)
        cpu_us = (time.process_time_ns() - began_ns) / len(queries) / 1_000
        print(json.dumps(asdict(Alone(cpu_us, took_us))), flush=True)


def _took(index: Hnsw, queries: Iterable[NDArray[np.float16]], k: int, ef_search: int) -> list[float]:
    took_us = []
    for each in queries:
        began = time.perf_counter()
        index.nearest(each, k, ef_search=ef_search)
        took_us.append((time.perf_counter() - began) * 1e6)
    return took_us


if __name__ == "__main__":
    main()
