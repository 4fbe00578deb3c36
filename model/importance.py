"""How much an interest matters: its actions' weights, decayed by age (eq. 3)."""

import math

import numpy as np
from numpy.typing import NDArray

from model.parameters import SECONDS_PER_DAY


def importances(
    labels: NDArray[np.int64],
    times_s: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    n_clusters: int,
    now_s: int,
    lambda_per_day: float,
) -> NDArray[np.float64]:
    """The sum over each cluster's actions of weight x exp(-lambda x age in days) (eq. 3).

    An action later than `now_s` (a clock that is off) counts as one of age 0. Sums run in the order given:
    bring the actions into a canonical one to get the same bits every time.

    Args:
        labels: int64 [a], each action's cluster.
        times_s: int64 [a], Unix seconds UTC.
        weights: float64 [a], positive.
        n_clusters: c.
        now_s: Unix seconds UTC.
        lambda_per_day: The decay.

    Returns:
        float64 [c].
    """
    age_days = np.maximum(now_s - times_s, 0) / SECONDS_PER_DAY
    totals = np.zeros(n_clusters)
    np.add.at(totals, labels, weights * np.exp(-lambda_per_day * age_days))
    return totals


def decay_factor(from_s: int, to_s: int, lambda_per_day: float) -> float:
    """What an importance at `from_s` is multiplied by to have it at `to_s`: exp(-lambda x days between).

    1 when `to_s` is the earlier: importance never grows, however wrong a clock is.
    """
    # No `max`, which takes as long as all the rest: this is asked for once a request.
    return math.exp(-lambda_per_day * (to_s - from_s) / SECONDS_PER_DAY) if to_s > from_s else 1.0
