"""The test period's requests again, in the order of time: how often a cache of lists spares a search."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import cachetools
import numpy as np
from numpy.typing import NDArray

from evaluation.drawing import draws
from evaluation.embeddings import centroid_embeddings, clusters_of, medoid_embeddings, ward
from evaluation.methods import PAPERS_LAMBDA
from evaluation.protocol import Case
from process.progress import Reporter

ABSENT = -1
"""Where a user has fewer interests than are sampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the cache did.

    Attributes:
        n_requests: Replayed.
        n_lookups: Lists that were asked for.
        n_searches: Those that the cache did not hold.
        lookups_s: CPU seconds of looking up and keeping, searches left out.
    """

    n_requests: int
    n_lookups: int
    n_searches: int
    lookups_s: float

    @property
    def hit_rate(self) -> float:
        """The share of lists that needed no search."""
        return 1 - self.n_searches / self.n_lookups

    def numbers(self) -> list[float]:
        """All of it, for a stage to keep."""
        return [self.n_requests, self.n_lookups, self.n_searches, self.lookups_s]

    @classmethod
    def of(cls, numbers: NDArray[np.float64]) -> "Replay":
        """What `numbers` gave."""
        n_requests, n_lookups, n_searches = map(int, numbers[:3])
        return cls(
            n_requests=n_requests,
            n_lookups=n_lookups,
            n_searches=n_searches,
            lookups_s=float(numbers[3]),
        )


def replay(requests: Sequence[Sequence[Hashable]], capacity: int) -> Replay:
    """Ask for the lists of every request, through a cache that forgets what was not used longest.

    As in the service, a request looks up all its lists before it searches for those that are missing.

    Args:
        requests: In order of time, each the keys of its lists, distinct.
        capacity: Lists that the cache holds, 1 or more; it begins empty.
    """
    cache: cachetools.LRUCache[Hashable, bool] = cachetools.LRUCache(maxsize=capacity)
    n_searches = 0
    began = time.process_time()
    for keys in requests:
        missing = [key for key in keys if cache.get(key) is None]
        n_searches += len(missing)
        for key in missing:
            cache[key] = True
    return Replay(
        n_requests=len(requests),
        n_lookups=sum(map(len, requests)),
        n_searches=n_searches,
        lookups_s=time.process_time() - began,
    )


def sampled_interests(
    cases: Sequence[Case], pool: NDArray[np.float16], alpha: float, e: int, reporter: Reporter
) -> dict[str, NDArray[np.float64]]:
    """What each request searches with: the same e interests of its user, once as medoids, once as centroids.

    Args:
        cases: In order of time.
        pool: float16 [n, d], unit norm.
        alpha: Ward's threshold.
        e: Interests drawn by importance.
        reporter: Told of progress.

    Returns:
        "medoids" [r, e], rows of the pool, and "centroids" [r, e], numbers that are equal where the vectors
        are; ABSENT where a user has fewer interests.
    """
    medoids = np.full((len(cases), e), ABSENT, np.int64)
    vectors = []
    labeller = ward(alpha)
    for at, case in enumerate(reporter.each("Sample interests", cases, len(cases))):
        clusters = clusters_of(case, pool, labeller)
        pins = medoid_embeddings(clusters, pool, case.now_s, PAPERS_LAMBDA)
        generator = np.random.default_rng((case.user, case.day, 1))
        drawn = draws(pins.importances, e, 1, generator)[0]
        medoids[at, : len(drawn)] = pins.rows[drawn]
        vectors.append(centroid_embeddings(clusters, case.now_s, PAPERS_LAMBDA).vectors[drawn])
    centroids = np.full(medoids.shape, ABSENT, np.int64)
    numbers: dict[bytes, int] = {}
    centroids[medoids != ABSENT] = [
        numbers.setdefault(vector.tobytes(), len(numbers)) for vector in np.concatenate(vectors)
    ]
    return {"medoids": medoids.astype(np.float64), "centroids": centroids.astype(np.float64)}


def requests_of(keys: NDArray[np.float64]) -> list[list[int]]:
    """The keys [r, e] of each request, those that are absent left out."""
    return [[int(key) for key in of_request if key != ABSENT] for of_request in keys]
