"""A sample of the pool that foretells how far around a query one must look, and tells whether one did.

A filter may have nothing to do with a query's surroundings, let all of them pass, or none: its share of the
whole pool does not tell. The sample does, at the cost of one small matrix product.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.passing import PassingRows
from storage.pins.port import PinView
from storage.pins.scoring import widened

SAMPLE_ROWS = 8_192
_SEED = 0
_NOBODY = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """Queries beside the sample.

    Attributes:
        cosines: float32 [nq, m].
        rows: int64 [m], of the sample.
        n: Rows of the pool.
    """

    cosines: NDArray[np.float32]
    rows: NDArray[np.int64]
    n: int

    def reach(self, passing: PassingRows, k: int) -> NDArray[np.int64]:
        """int64 [nq]: about how many of the pool's nearest to each query hold k that pass; n at most.

        Where the sample is too coarse for k, it errs on the side of more.
        """
        passes = passing.among(self.rows)
        n_wanted = max(1, -(-k * len(self.rows) // self.n))
        if np.count_nonzero(passes) < n_wanted:
            return np.full(len(self.cosines), self.n, np.int64)
        among = self.cosines[:, passes]
        least = np.partition(among, among.shape[1] - n_wanted, axis=1)[:, among.shape[1] - n_wanted]
        return self.depth(least)

    def depth(self, least: NDArray[np.float32]) -> NDArray[np.int64]:
        """int64 [nq]: about how many of the pool have at least this cosine, float32 [nq], to each query."""
        n_above = np.count_nonzero(self.cosines >= least[:, np.newaxis], axis=1)
        depth: NDArray[np.int64] = (n_above * (self.n / len(self.rows))).astype(np.int64)
        return depth


class Probe:
    """The sample of one artefact's pool, the same whenever it is opened.

    Args:
        pins: The artefact, or that and what was added to it. Without filter columns the sample is empty.
        n_rows: Of the sample; the whole pool when it has no more.
    """

    def __init__(self, pins: PinView, n_rows: int = SAMPLE_ROWS) -> None:
        # Candidates, and nobody else, stand for themselves.
        pool = (
            np.flatnonzero(pins.representatives == np.arange(pins.n_pins)) if pins.columns.kinds else _NOBODY
        )
        chosen = np.random.default_rng(_SEED).choice(len(pool), min(len(pool), n_rows), replace=False)
        self._rows = pool[np.sort(chosen)]
        self._vectors = widened(pins.embeddings[self._rows])
        self._n = len(pool)

    def look(self, queries: NDArray[np.float16]) -> Probed:
        """Compare queries, float16 [nq, d], with the sample."""
        return Probed(widened(queries) @ self._vectors.T, self._rows, self._n)
