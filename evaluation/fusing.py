"""One list from the lists of several pins, by a score that knows them all, and a tail that is fair to each.

Pure functions on arrays, of the shape of those in model/.
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


def fuse(
    lists: Sequence[NDArray[np.integer]],
    rows: NDArray[np.integer],
    scores: NDArray[np.float32],
    *,
    fused_share: float,
    n: int,
) -> NDArray[np.int64]:
    """The best rows by score, then the lists interleaved.

    Args:
        lists: Rows, nearest first; the lists in order of importance.
        rows: [u], the distinct rows of all lists, ascending.
        scores: float32 [u], of those rows.
        fused_share: The part of n that is taken by score.
        n: The most altogether.

    Returns:
        int64, distinct rows, best first; fewer than n only when the lists hold no more.
    """
    order = np.lexsort((rows, -scores))
    n_fused = round(fused_share * n)
    head, rest = rows[order[:n_fused]], np.zeros(len(rows), np.bool_)
    rest[order[n_fused:]] = True
    wanted = min(n, len(rows)) - len(head)
    if wanted < 1:
        return head.astype(np.int64)
    tails = [of_list[rest[np.searchsorted(rows, of_list)]] for of_list in lists]
    merged = interleave(tails, budget=wanted, max_candidates=wanted)
    tail = [tails[i][at] for i, at in zip(merged.lists, merged.positions, strict=True)]
    return np.concatenate([head, tail]).astype(np.int64)
