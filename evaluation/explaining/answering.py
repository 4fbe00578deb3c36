"""From a sight to an answer: interests, their lists, and the ways to make one answer of several lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.explaining.fixed_temperature import FusePolicy, fused_scores
from evaluation.explaining.sights import Places, Sight
from evaluation.methods import SINGLES, Method
from model.fusing import fuse, union
from model.representatives import representatives

SINGLE_KEYS: Final = tuple(method.key for method in SINGLES)

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interests:
    """A user's c clusters, most important first.

    Attributes:
        importances: float64 [c], descending.
        medoids: int64 [c], indices into the user's pins.
        members: c arrays of such indices.
    """

    importances: NDArray[np.float64]
    medoids: NDArray[np.int64]
    members: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        return len(self.importances)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Pins that stand for a user.

    Attributes:
        indices: int64 [q], indices into the user's pins, heaviest first where they were chosen.
        weights: float64 [q].
    """

    indices: NDArray[np.int64]
    weights: NDArray[np.float64]


def interests_of(sight: Sight, lambda_per_day: float) -> Interests:
    """The clusters by importance (eq. 3); equal ones by the medoid's row, as the model orders them."""
    clusters = sight.clusters
    importances = clusters.importances(sight.case.now_s, lambda_per_day)
    order = np.lexsort((clusters.rows[clusters.medoids], -importances))
    return Interests(
        importances=importances[order],
        medoids=clusters.medoids[order],
        members=tuple(np.flatnonzero(clusters.labels == label) for label in order),
    )


def single_scores(sight: Sight, method: Method) -> Scores:
    """float32 [u] of a method with one embedding; averages are not scaled to unit norm, which ranks alike."""
    if method.embedding == "last pin":
        newest: Scores = sight.to_pool[sight.newest]
        return newest
    return averaged(sight, sight.weights(method.lambda_per_day))


def averaged(sight: Sight, weights: NDArray[np.float64]) -> Scores:
    """float32 [u]: the scores of a weighted average of the user's pins."""
    scores: Scores = (weights / weights.sum()).astype(np.float32) @ sight.to_pool
    return scores


def medoid_scores(sight: Sight, interests: Interests) -> Scores:
    """float32 [c, u]."""
    scores: Scores = sight.to_pool[interests.medoids]
    return scores


def centroid_scores(sight: Sight, interests: Interests) -> Scores:
    """float32 [c, u], of the plain mean of each cluster."""
    return np.stack([sight.to_pool[members].mean(axis=0) for members in interests.members])


def ranking(scores: Scores, k: int) -> Places:
    """The k best, best first; ties go to the smaller place."""
    if 0 < k < len(scores):
        floor = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= floor)
    else:
        places = np.arange(len(scores))
    return places[np.argsort(-scores[places], kind="stable")][:k]


def rankings(scores: Scores, k: int) -> list[Places]:
    """The k best of each row."""
    return [ranking(row, k) for row in scores]


def standing_for(sight: Sight, n: int, lambda_per_day: float) -> Standing:
    """Up to n pins that stand for the user, several an interest where it is important."""
    clusters, weights = sight.clusters, sight.weights(lambda_per_day)
    chosen = representatives(sight.among, clusters.labels, clusters.medoids, weights, n)
    return Standing(indices=chosen.indices, weights=chosen.weights)


def all_pins(sight: Sight, lambda_per_day: float) -> Standing:
    """All the user's pins, each with its own weight."""
    return Standing(indices=np.arange(sight.n_pins), weights=sight.weights(lambda_per_day))


def together(sight: Sight, chosen: Standing, temperature: float) -> Scores:
    """float32 [u]: the fused score of every pin; at an infinite temperature the weighted average's.

    exp((cos - 1) / T) is 1 + (cos - 1) / T for a large T, which ranks as the weighted sum of cosines does.
    """
    cosines = sight.to_pool[chosen.indices]
    if np.isfinite(temperature):
        return fused_scores(cosines, chosen.weights, temperature)
    scores: Scores = (chosen.weights / chosen.weights.sum()).astype(np.float32) @ cosines
    return scores


def from_lists(sight: Sight, chosen: Standing, scores: Scores, n: int, *, fused_share: float = 1.0) -> Places:
    """What a service can do: score the union of the lists of n pins, and interleave the rest."""
    held, places = union(rankings(sight.to_pool[chosen.indices], n))
    return held[fuse(places, scores[held], fused_share=fused_share, n=n)]


def fused_answer(sight: Sight, policy: FusePolicy, lambda_per_day: float, n: int) -> Places:
    """The fused answer at one temperature, from lists that a service can hold."""
    chosen = standing_for(sight, policy.n_representatives, lambda_per_day)
    scores = together(sight, chosen, policy.temperature)
    return from_lists(sight, chosen, scores, n, fused_share=policy.fused_share)


def joined(lists: Sequence[Places]) -> Places:
    """All of them as one answer, in order of the lists; overlap leaves it shorter, as in the paper."""
    whole = np.concatenate(lists)
    _, first = np.unique(whole, return_index=True)
    return whole[np.sort(first)]


def portions(n: int, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """N candidates in proportion to weights, by largest remainder; ties go to the first.

    Args:
        n: To give.
        weights: float64 [e], positive.

    Returns:
        int64 [e], with the sum n.
    """
    quotas = n * weights / weights.sum()
    given: NDArray[np.int64] = np.floor(quotas).astype(np.int64)
    given[np.argsort(given - quotas, kind="stable")[: n - given.sum()]] += 1
    return given
