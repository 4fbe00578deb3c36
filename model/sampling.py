"""Which interests a request serves: a few, drawn in proportion to importance."""

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError


def probabilities(importances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each interest in the user's importance: its chance to be drawn first.

    Interests so old that every importance has decayed to 0 share equally.

    Args:
        importances: float64 [c], 0 or more.

    Returns:
        float64 [c], with the sum 1 (unless c is 0).

    Raises:
        InvalidInputError: An importance that is negative, infinite or not a number.
    """
    largest = importances.max(initial=0.0)
    if not (np.isfinite(largest) and importances.min(initial=0.0) >= 0):
        raise InvalidInputError(f"importances must be finite and 0 or more, got {importances.tolist()}")
    # Relative to the largest, no sum can overflow and no tiny importance is lost.
    shares = importances / largest if largest else np.ones_like(importances)
    total: np.float64 = shares.sum()
    return shares / total


def sample_interests(
    importances: NDArray[np.float64], k: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw up to k interests without replacement.

    Successive sampling: the first in proportion to importance, each later one in proportion among those left.
    Done in one step by exponential keys (Efraimidis and Spirakis, 2006): with E_i ~ Exp(1), the order of
    E_i / importance_i is such a draw.

    Args:
        importances: float64 [c], 0 or more.
        k: How many; all of them when there are not more.
        generator: Where the randomness comes from.

    Returns:
        int64 [min(k, c)], ascending: in order of importance, as interests are stored.

    Raises:
        InvalidInputError: k below 1, or an importance that is negative, infinite or not a number.
    """
    if k < 1:
        raise InvalidInputError(f"at least one interest must be sampled, got k = {k}")
    weights = probabilities(importances)
    if k >= len(weights):
        return np.arange(len(weights))
    # The key of an importance of 0, or of next to 0, is infinite: it comes last.
    with np.errstate(divide="ignore", over="ignore"):
        keys = generator.standard_exponential(len(weights)) / weights
    return np.sort(np.argsort(keys, kind="stable")[:k])
