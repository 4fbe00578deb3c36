"""One pass over a pool of pins that finds how near the k-th nearest candidate of each of many medoids is.

The pool is read in small blocks, whenever whoever asks finds the time; each block is multiplied with all the
medoids at once, so that many cost little more than one.
"""

import numpy as np
from numpy.typing import NDArray

from storage.pins.port import PinView
from storage.pins.scoring import widened


class ExactPass:
    """The pass; for one thread.

    Args:
        pins: The pool; candidates are those that stand for themselves.
        medoids: float16 [q, d].
        k: Which of the nearest; where the pool has fewer, the last.
    """

    def __init__(self, pins: PinView, medoids: NDArray[np.float16], k: int) -> None:
        self._pins, self._medoids = pins, widened(medoids)
        self._nearest = np.full((len(medoids), min(k, pins.n_indexed)), -np.inf, np.float32)
        self._next_row = 0

    def read(self, n_rows: int) -> int:
        """Read so many rows more, or what is left; how many bytes of vectors that were."""
        end = min(self._next_row + n_rows, self._pins.n_pins)
        rows = np.arange(self._next_row, end)
        block = self._pins.embeddings[rows[self._pins.representatives[rows] == rows]]
        self._next_row = end
        cosines = self._medoids @ widened(block).T
        together = np.concatenate([self._nearest, cosines], axis=1)
        k = self._nearest.shape[1]
        self._nearest = np.partition(together, together.shape[1] - k, axis=1)[:, -k:]
        return block.nbytes

    @property
    def is_done(self) -> bool:
        """Whether all of the pool was read."""
        return self._next_row >= self._pins.n_pins

    @property
    def least(self) -> NDArray[np.float32]:
        """float32 [q]: the cosine of each medoid's k-th nearest candidate, of those read."""
        least: NDArray[np.float32] = self._nearest.min(axis=1)
        return least
