"""Everything that was measured, and what follows from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.costs.comparing import KINDS, Arrays
from evaluation.costs.refining import RefinedPool
from evaluation.costs.replaying import Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFacts:
    """What was measured.

    Attributes:
        n_pins: All valid pins.
        dimension: Of a vector.
        n_queries: Pins that were searched for.
        indexes: See comparing.index_costs.
        pools: See comparing.pool_costs, of the full and of the refined pool; None where that was not given.
        refined: The refined pool.
        replays: Of centroids at the headline's capacity, then of medoids at every capacity.
        is_sample: Whether the replayed requests are some of the test period's, drawn by chance.
    """

    n_pins: int
    dimension: int
    n_queries: int
    indexes: Arrays
    pools: Arrays | None
    refined: RefinedPool | None
    replays: tuple[Replay, ...]
    is_sample: bool = False

    @property
    def target_recall(self) -> float:
        """What every kind of index had to reach."""
        return float(self.indexes["target"][0])

    def us(self, kind: str) -> NDArray[np.float64]:
        """CPU microseconds a query of a kind of index, by round; NaN where it does not reach the recall."""
        us: NDArray[np.float64] = self.indexes["us"][KINDS.index(kind)]
        return us

    def fact(self, key: str, kind: str) -> float:
        """Another fact of a kind, by its key in comparing.index_costs."""
        return float(self.indexes[key][KINDS.index(kind)])

    def uncached_us(self, replay: Replay) -> NDArray[np.float64]:
        """CPU microseconds of a request that searches for every list, by round."""
        return self.us("hnsw") * (replay.n_lookups / replay.n_requests)

    def cached_us(self, replay: Replay) -> NDArray[np.float64]:
        """The same of one that looks up every list and searches for those that are missing."""
        lookups_us = replay.lookups_s * 1e6 / replay.n_requests
        return self.us("hnsw") * (replay.n_searches / replay.n_requests) + lookups_us
