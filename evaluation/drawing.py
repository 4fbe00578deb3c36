"""Many draws of a user's interests at once, to average the noise of sampling away."""

import numpy as np
from numpy.typing import NDArray

from model.sampling import probabilities


def draws(
    importances: NDArray[np.float64], e: int, n_draws: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """n_draws answers of model.sampling.sample_interests, one after another from the same generator.

    Returns:
        int64 [n_draws, e], each row ascending; one row when there are no more than e interests to draw from.
    """
    if e >= len(importances):
        return np.arange(len(importances))[np.newaxis]
    with np.errstate(divide="ignore", over="ignore"):
        keys = generator.standard_exponential((n_draws, len(importances))) / probabilities(importances)
    return np.sort(np.argsort(keys, axis=1, kind="stable")[:, :e], axis=1)
