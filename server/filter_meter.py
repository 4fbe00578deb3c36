"""What filters take from lists, filter by filter: counted again for some answers, in the background.

An answer is made with all filters at once, as that is faster. Here they are tried one by one on the same
lists, a moment later.
"""

import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model.exclusion import not_excluded
from server.metrics import Metrics
from server.metrics_catalogue import Dropped
from server.observing import Observed
from server.served_profiles import ServedProfile
from storage.pins.port import NO_ROW


class FilterMeter:
    """Counts candidates before filters, and those that each drops. Implements server.background.Work.

    Args:
        metrics: Has the counters.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def do(self, item: Observed, stopping: threading.Event) -> None:  # noqa: ARG002 - takes no time
        """Count for one answer, if it is one for a user, from what the caches still hold of it."""
        profile = item.recommender.users.kept(item.user_id, item.options.lambda_per_day)
        rows, scores = _candidates(item)
        if profile is None or not len(rows):
            return
        left = np.ones(len(rows), np.bool_)
        dropped: dict[Dropped, int] = {}
        for reason, keeps in _verdicts(item, profile, rows, scores):
            dropped[reason] = int(np.count_nonzero(left & ~keeps))
            left &= keeps
        self._metrics.count_filters(len(rows), dropped)

    def pause(self) -> None:
        """Nothing to do."""

    def end(self) -> None:
        """Nothing to do."""

    def dropped(self) -> None:
        """Nothing is told: the counters are of those that were observed."""


def _candidates(item: Observed) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """int64 [n] and float32 [n]: rows and cosines of the answer's lists that are still in the cache."""
    recommender = item.recommender
    pin_ids = item.medoids()
    medoids = list(zip(pin_ids, recommender.pins.rows(pin_ids).tolist(), strict=True))
    cached = recommender.retrieval.cached([medoid for medoid in medoids if medoid[1] != NO_ROW])
    lists = [each.candidates for each in cached.values()]
    rows = np.concatenate([np.empty(0, np.int64), *(each.rows for each in lists)])
    return rows, np.concatenate([np.empty(0, np.float32), *(each.scores for each in lists)])


def _verdicts(
    item: Observed, profile: ServedProfile, rows: NDArray[np.int64], scores: NDArray[np.float32]
) -> Iterator[tuple[Dropped, NDArray[np.bool_]]]:
    """What each filter would keep of all candidates: bool [n]."""
    recommender, options = item.recommender, item.options
    pins = recommender.pins
    yield Dropped.SEEN, not_excluded(rows, pins.representatives, profile.seen.astype(np.int64))
    excluded = recommender.excluded(options)
    yield Dropped.EXCLUDED, not_excluded(rows, pins.representatives, excluded.astype(np.int64))
    yield Dropped.BLOCKED, ~recommender.blocked().among(rows)
    if options.min_score is not None:
        yield Dropped.MIN_SCORE, scores >= options.min_score
    if options.where is not None:
        yield Dropped.ATTRIBUTES, recommender.filtering.passing(options.where).among(rows)
