"""The fused score at one temperature for all representatives, and without their normalisation.

What model.fusing's score was found from: sum over i of w_i exp((cos_i - 1) / T).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    """How near each pin is to all representatives together.

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
