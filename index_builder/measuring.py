"""Recall@k and latency of the index against exact search.

The queries are pins of the pool, as medoids are, and a pin is no answer to itself.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from process.progress import Reporter
from storage.pins.hnsw import HnswSearch
from storage.pins.manifest import Measured, Measurement
from storage.pins.port import EF_SEARCH
from storage.pins.scoring import exact_search


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What is measured.

    Attributes:
        k: Neighbours asked for: a third of 400 candidates, the budget of one of three interests.
        n_queries: Pins asked about.
        ef_search: HNSW's efSearch, one measurement each.
        seed: Of the choice of pins.
    """

    k: int = 134
    n_queries: int = 200
    ef_search: tuple[int, ...] = (134, EF_SEARCH, 512)
    seed: int = 0


DEFAULT_SAMPLING = Sampling()


def measure(
    search: HnswSearch, pool: NDArray[np.float16], reporter: Reporter, sampling: Sampling = DEFAULT_SAMPLING
) -> Measured:
    """Ask a sample of the pool [n, d] at each efSearch. A pool of one pin has no neighbours to measure."""
    k, n_queries = min(sampling.k, len(pool) - 1), min(sampling.n_queries, len(pool))
    if k == 0:
        return Measured(k=0, n_queries=0, at=())
    asked = np.sort(np.random.default_rng(sampling.seed).choice(len(pool), n_queries, replace=False))
    with reporter.step("Measure recall", 1 + len(sampling.ef_search)) as step:
        sample = _Sample(pool, asked, k)
        step.advance()
        at = []
        for ef_search in sampling.ef_search:
            at.append(sample.ask(search, ef_search))
            step.advance()
    return Measured(k=k, n_queries=n_queries, at=tuple(at))


class _Sample:
    """Queries with what a true answer is: its cosine reaches that of the k-th nearest other pin."""

    def __init__(self, pool: NDArray[np.float16], asked: NDArray[np.int64], k: int) -> None:
        self._queries, self._asked, self._k = pool[asked], asked, k
        scores, rows = exact_search(self._queries, pool, k + 1)
        self._needed = [self._others(*answer)[-1] for answer in zip(scores, rows, asked, strict=True)]

    def ask(self, search: HnswSearch, ef_search: int) -> Measurement:
        """Each query by itself, as a request would."""
        times_ns, shares = [], []
        for query, row, needed in zip(self._queries, self._asked, self._needed, strict=True):
            began = time.perf_counter_ns()
            scores, rows = search.search(query[np.newaxis], self._k + 1, ef_search=ef_search)
            times_ns.append(time.perf_counter_ns() - began)
            shares.append(np.mean(self._others(scores[0], rows[0], row) >= needed))
        return Measurement(
            ef_search=ef_search,
            recall=round(float(np.mean(shares)), 4),
            mean_us=round(float(np.mean(times_ns)) / 1_000, 1),
            p99_us=round(float(np.quantile(times_ns, 0.99)) / 1_000, 1),
        )

    def _others(
        self, scores: NDArray[np.float32], rows: NDArray[np.int64], itself: np.int64
    ) -> NDArray[np.float32]:
        """float32 [k]: the scores of an answer of k + 1 without the pin that asked."""
        others: NDArray[np.float32] = scores[rows != itself][: self._k]
        return others
