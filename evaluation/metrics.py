"""What an answer is worth against what the user then did (Section 5.3)."""

import numpy as np
from numpy.typing import NDArray

RANKING = ("r_precision", "reciprocal_rank")


def metric_names(threshold_keys: list[str]) -> list[str]:
    """The columns that `judged` gives, in order."""
    return [*(f"relevance@{key}" for key in threshold_keys), "recall", *RANKING]


def judged(
    nearest: NDArray[np.float32],
    found: NDArray[np.bool_],
    scores: NDArray[np.float32],
    thresholds: NDArray[np.float64],
) -> NDArray[np.float64]:
    """All metrics of one case, averaged over s draws.

    Args:
        nearest: float32 [s, p], the highest cosine of each action pin to a recommended pin.
        found: bool [s, p], whether each is itself recommended.
        scores: float32 [s, p + i], of the action pins and then of the impressions.
        thresholds: float64 [t], cosines from which a recommended pin is relevant.

    Returns:
        float64 [t + 3]: relevance at each threshold, recall, R-precision, reciprocal rank.
    """
    relevance = (nearest[:, :, np.newaxis] >= thresholds).mean(axis=(0, 1))
    ranks = ranks_of_first(scores, nearest.shape[1])
    return np.concatenate([relevance, [found.mean(), r_precision(ranks), reciprocal_rank(ranks)]])


def ranks_of_first(scores: NDArray[np.float32], p: int) -> NDArray[np.float64]:
    """float64 [s, p]: the rank of each of the first p among all, best is 1; tied ones share the middle."""
    own, rest = scores[:, :p, np.newaxis], scores[:, np.newaxis, :]
    above = np.count_nonzero(rest > own, axis=2)
    tied = np.count_nonzero(rest == own, axis=2) - 1
    ranks: NDArray[np.float64] = 1.0 + above + tied / 2
    return ranks


def r_precision(ranks: NDArray[np.float64]) -> float:
    """The share of the R action pins that are among the first R."""
    return float((ranks <= ranks.shape[1]).mean())


def reciprocal_rank(ranks: NDArray[np.float64]) -> float:
    """The mean of 1 / rank over the action pins."""
    return float((1.0 / ranks).mean())
