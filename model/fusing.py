"""One list from the lists of several pins, by a score that knows them all, and a tail that is fair to each.

Pure functions on arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.merging import interleave


@dataclass(frozen=True, slots=True, kw_only=True)
class FusePolicy:
    """How lists become one.

    Attributes:
        n_representatives: Lists at most.
        temperature: Of the score. Towards 0 only the nearest representative counts, towards infinity all do,
            as in an average.
        fused_share: The part of the answer taken by score; the rest is interleaved from the lists.
    """

    n_representatives: int = 10
    temperature: float = 0.3
    fused_share: float = 0.7


def fused_scores(
    cosines: NDArray[np.float32], weights: NDArray[np.float64], temperature: float
) -> NDArray[np.float32]:
    """How near each pin is to all representatives together: sum over i of w_i exp((cos_i - 1) / T).

    Args:
        cosines: float32 [q, u], of each representative to each pin.
        weights: float64 [q], positive; only their ratios matter.
        temperature: T, positive.

    Returns:
        float32 [u], at most 1.
    """
    shares = (weights / weights.sum()).astype(np.float32)
    scores: NDArray[np.float32] = shares @ np.exp((cosines - np.float32(1)) / np.float32(temperature))
    return scores


def union(lists: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """The distinct rows of all lists, int64 [u], ascending; and each list as places among them."""
    rows, places = np.unique(np.concatenate(lists).astype(np.int64), return_inverse=True)
    return rows, np.split(places, np.cumsum([len(of_list) for of_list in lists])[:-1])


def fuse(
    lists: Sequence[NDArray[np.int64]], scores: NDArray[np.float32], *, fused_share: float, n: int
) -> NDArray[np.int64]:
    """The best by score, then the lists interleaved without them.

    Args:
        lists: Places in `scores`, nearest first; the lists in order of importance.
        scores: float32 [u], of the union of the lists; ties go to the first.
        fused_share: The part of n that is taken by score.
        n: The most altogether.

    Returns:
        int64, distinct places, best first; fewer than n only when the lists hold no more.
    """
    n_fused = round(fused_share * n)
    head = np.argsort(-scores, kind="stable")[:n_fused]
    wanted = min(n, len(scores)) - len(head)
    if wanted < 1:
        return head
    is_left = np.ones(len(scores), np.bool_)
    is_left[head] = False
    # One list alone would fill the tail with so many.
    tails = [of_list[is_left[of_list]][:wanted] for of_list in lists]
    merged = interleave(tails, budget=wanted, max_candidates=wanted)
    tail = np.empty(len(merged.lists), np.int64)
    for i, of_list in enumerate(tails):
        is_from_it = merged.lists == i
        tail[is_from_it] = of_list[merged.positions[is_from_it]]
    return np.concatenate([head, tail])
