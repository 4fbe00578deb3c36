"""The sample stage: one generator a process, a seeded one only when the request brings a seed."""

import threading

import numpy as np
from numpy.typing import NDArray

from model.sampling import sample_interests


class Sampler:
    """Draws interests; safe for any number of threads.

    Args:
        generator: The process's generator.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        # numpy's generators are not thread-safe.
        self._lock = threading.Lock()

    def sample(self, importances: NDArray[np.float64], k: int, seed: int | None) -> NDArray[np.int64]:
        """int64 [min(k, c)]: the interests drawn, most important first."""
        if seed is not None:
            return sample_interests(importances, k, np.random.default_rng(seed))
        with self._lock:
            return sample_interests(importances, k, self._generator)
