"""A live recall meter: some of the lists that were served are compared with exact search, in the background.

It measures what callers got: the cached list, however it was searched for, against all candidates. One pass
over the pool answers for all lists that were sampled since the one before began. It goes a small block at a
time, each followed by a pause, so that whoever answers calls loses neither the interpreter nor, by more than
the policy's rate, the page cache.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.exact_pass import ExactPass
from server.metrics import Metrics
from server.metrics_catalogue import Sampled
from server.observing import Observed
from server.recommending import Recommender
from storage.pins.port import NO_ROW, PinView
from storage.pins.scoring import FLOAT32_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallPolicy:
    """How recall is measured.

    Attributes:
        k: Of recall@k; where the pool has fewer, all of them.
        window: The gauge is over the last so many lists.
        lists_of_a_pass: At most so many are measured by one pass.
        block_rows: Read at a time.
        bytes_per_s: Of vectors, read at most.
    """

    k: int = 200
    window: int = 1_000
    lists_of_a_pass: int = 64
    block_rows: int = 2_048
    bytes_per_s: float = 6e6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Served:
    """An answer's lists, as they were in the cache.

    Attributes:
        version: Of the artefact, whatever was added to it since.
        pins: What they were searched in.
        medoids: float16 [lists, d].
        scores: Of each list the first k cosines.
    """

    version: str
    pins: PinView
    medoids: NDArray[np.float16]
    scores: Sequence[NDArray[np.float32]]


class RecallMeter:
    """Measures the lists that answers came from. Implements server.background.Work.

    Args:
        metrics: Has the gauges.
        policy: How.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        metrics: Metrics,
        policy: RecallPolicy = RecallPolicy(),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._policy = policy
        self._clock = clock
        self._waiting: list[_Served] = []
        self._measuring: list[_Served] = []
        self._pass: ExactPass | None = None
        self._reads_again_s = 0.0
        self._measured: deque[tuple[int, int]] = deque(maxlen=policy.window)
        self._found = self._true = 0
        metrics.gauges.watch("pinnersage_recall_samples", lambda: len(self._measured))
        metrics.gauges.watch("pinnersage_recall_found", lambda: self._found)
        metrics.gauges.watch("pinnersage_recall_true", lambda: self._true)

    def do(self, item: Observed, stopping: threading.Event) -> None:  # noqa: ARG002 - takes no time
        """Have the next pass measure an answer's lists that are still in the cache, if it has room."""
        pin_ids = item.medoids()
        if not pin_ids:
            return
        served = self._served(item.recommender, pin_ids)
        self._let_go_of_others(served.version)
        n_waiting = sum(len(each.scores) for each in self._waiting)
        if served.scores and n_waiting + len(served.scores) <= self._policy.lists_of_a_pass:
            self._waiting.append(served)
        else:
            self.dropped()

    def pause(self) -> None:
        """Read a block, if it is time to."""
        if self._clock() < self._reads_again_s or not (self._measuring or self._waiting):
            return
        if self._pass is None:
            self._pass = self._begun()
        n_bytes = self._pass.read(self._policy.block_rows)
        self._reads_again_s = self._clock() + n_bytes / self._policy.bytes_per_s
        if self._pass.is_done:
            self._note(self._pass.least)
            self._pass, self._measuring = None, []

    def end(self) -> None:
        """Give up what is not measured by now."""
        self._drop(self._measuring)
        self._drop(self._waiting)

    def dropped(self) -> None:
        """Count an answer that was not measured."""
        self._metrics.count_measured(Sampled.DROPPED)

    def _drop(self, answers: Sequence[_Served]) -> None:
        for _ in answers:
            self.dropped()

    def _served(self, recommender: Recommender, pin_ids: list[str]) -> _Served:
        pins = recommender.pins
        medoids = list(zip(pin_ids, pins.rows(pin_ids).tolist(), strict=True))
        cached = recommender.retrieval.cached([medoid for medoid in medoids if medoid[1] != NO_ROW])
        return _Served(
            version=recommender.profiles.artefact_version,
            pins=pins,
            medoids=pins.embeddings[np.array(list(cached), np.int64)],
            scores=[each.candidates.scores[: self._policy.k] for each in cached.values()],
        )

    def _let_go_of_others(self, version: str) -> None:
        """Drop what was served of another artefact: one that was replaced is not kept open to be measured."""
        if self._measuring and self._measuring[0].version != version:
            self._drop(self._measuring)
            self._pass, self._measuring = None, []
        if self._waiting and self._waiting[0].version != version:
            self._drop(self._waiting)
            self._waiting = []

    def _begun(self) -> ExactPass:
        """A pass for all that wait and were served of the same pins, those added among them, as the last."""
        pins = self._waiting[-1].pins
        self._measuring = [each for each in self._waiting if each.pins is pins]
        self._drop([each for each in self._waiting if each.pins is not pins])
        self._waiting = []
        return ExactPass(pins, np.concatenate([each.medoids for each in self._measuring]), self._policy.k)

    def _note(self, least: NDArray[np.float32]) -> None:
        """Count what the lists held, now that it is known how near they had to be."""
        bounds = iter(least.tolist())
        for served in self._measuring:
            for of_list in served.scores:
                # By score, not by row: of equal pins any is as true as the other.
                n_found = int(np.count_nonzero(of_list >= next(bounds) - FLOAT32_ERROR))
                self._keep(n_found, len(of_list))
            self._metrics.count_measured(Sampled.DONE)

    def _keep(self, found: int, true: int) -> None:
        if len(self._measured) == self._measured.maxlen:
            oldest_found, oldest_true = self._measured[0]
            self._found -= oldest_found
            self._true -= oldest_true
        self._measured.append((found, true))
        self._found += found
        self._true += true
