"""A live recall meter: some of the lists that were served are compared with exact search, in the background.

It measures what callers got: the cached list, however it was searched for, against all candidates. The pool
is read in small blocks, each followed by a pause, so that whoever answers calls loses neither the interpreter
nor, by more than the policy's rate, the page cache.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.metrics import Metrics
from server.metrics_catalogue import Sampled
from server.observing import Observed
from server.recommending import Recommender
from storage.pins.port import NO_ROW, PinView
from storage.pins.scoring import widened

# Two float32 products of one pair of float16 vectors, summed in different orders, differ by less.
_FLOAT32_ERROR = 2e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallPolicy:
    """How recall is measured.

    Attributes:
        k: Of recall@k; where the pool has fewer, all of them.
        window: The gauge is over the last so many lists.
        block_rows: Read at a time.
        bytes_per_s: Of vectors, read at most.
        oldest_s: An answer that waited for longer is dropped: it may keep a version that was replaced.
    """

    k: int = 200
    window: int = 1_000
    block_rows: int = 2_048
    bytes_per_s: float = 16e6
    oldest_s: float = 30.0


class RecallMeter:
    """Measures the lists that answers came from. Implements server.background.Work.

    Args:
        metrics: Has the gauges.
        policy: How.
        clock: Unix seconds.
    """

    def __init__(
        self,
        metrics: Metrics,
        policy: RecallPolicy = RecallPolicy(),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._metrics = metrics
        self._policy = policy
        self._clock = clock
        self._measured: deque[tuple[int, int]] = deque(maxlen=policy.window)
        self._found = self._true = 0
        metrics.gauges.watch("pinnersage_recall_samples", lambda: len(self._measured))
        metrics.gauges.watch("pinnersage_recall_found", lambda: self._found)
        metrics.gauges.watch("pinnersage_recall_true", lambda: self._true)

    def do(self, item: Observed, stopping: threading.Event) -> None:
        """Measure every list of an answer that is still in the cache; of one without lists there is none."""
        pin_ids = item.medoids()
        if not pin_ids:
            return
        if self._clock() - item.time_s > self._policy.oldest_s:
            self.dropped()
            return
        scores, queries = self._served(item.recommender, pin_ids)
        least = self._least(item.recommender.pins, queries, stopping) if len(queries) else None
        if least is None:
            self.dropped()
            return
        for of_list, worst in zip(scores, least.tolist(), strict=True):
            # By score, not by row: of equal pins any is as true as the other.
            self._keep(int(np.count_nonzero(of_list >= worst - _FLOAT32_ERROR)), len(of_list))
        self._metrics.count_measured(Sampled.DONE)

    def pause(self) -> None:
        """Nothing: it pauses between blocks."""

    def end(self) -> None:
        """Nothing: what was measured is in the gauges."""

    def dropped(self) -> None:
        """Count an answer that was not measured."""
        self._metrics.count_measured(Sampled.DROPPED)

    def _served(
        self, recommender: Recommender, pin_ids: list[str]
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.float16]]:
        """The cosines of the first k of each list, and float16 [nq, d], the medoids they were searched by."""
        medoids = list(zip(pin_ids, recommender.pins.rows(pin_ids).tolist(), strict=True))
        held = [medoid for medoid in medoids if medoid[1] != NO_ROW]
        cached = recommender.retrieval.cached(held)
        scores = [cached[row].candidates.scores[: self._policy.k] for row in cached]
        return scores, recommender.pins.embeddings[np.array(list(cached), np.int64)]

    def _least(
        self, pins: PinView, queries: NDArray[np.float16], stopping: threading.Event
    ) -> NDArray[np.float32] | None:
        """float32 [nq]: the cosine of each query's k-th nearest candidate; None when it is time to stop."""
        k, wide = min(self._policy.k, pins.n_indexed), widened(queries)
        nearest = np.full((len(queries), k), -np.inf, np.float32)
        for start in range(0, pins.n_pins, self._policy.block_rows):
            of_block = pins.representatives[start : start + self._policy.block_rows]
            rows = np.arange(start, start + len(of_block))
            block = pins.embeddings[rows[of_block == rows]]
            # Not a matrix product: BLAS would take threads of its own, of ordinary priority.
            cosines = np.einsum("qd,nd->qn", wide, widened(block))
            both = np.concatenate([nearest, cosines], axis=1)
            nearest = np.partition(both, both.shape[1] - k, axis=1)[:, -k:]
            if stopping.wait(block.nbytes / self._policy.bytes_per_s):
                return None
        least: NDArray[np.float32] = nearest.min(axis=1)
        return least

    def _keep(self, found: int, true: int) -> None:
        if len(self._measured) == self._measured.maxlen:
            oldest_found, oldest_true = self._measured[0]
            self._found -= oldest_found
            self._true -= oldest_true
        self._measured.append((found, true))
        self._found += found
        self._true += true
