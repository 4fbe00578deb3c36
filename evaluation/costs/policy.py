"""What is measured, and how often."""

from dataclasses import dataclass
from typing import Final

MIN_PINS: Final = 1_000
"""Smaller pools are compared as a whole faster than any index is searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPolicy:
    """How costs are measured.

    Attributes:
        k: Pins a list: what the service fetches for one of three medoids and 400 candidates, the smallest
            of its list lengths that holds a third of them.
        target_recall: Of the k nearest pins, what every index must find; see comparing.index_costs.
        ef_search: HNSW's efSearch where parameters are not sought: the service's.
        n_queries: Medoid pins that are searched for.
        n_rounds: Of measuring, all indexes in turn in each of them.
        e: Interests sampled a request.
        capacities: Of the cache of lists, as shares of the pool.
        headline: The capacity, one of `capacities`, that stands for the cache in one line.
    """

    k: int = 200
    target_recall: float = 0.95
    ef_search: int = 256
    n_queries: int = 128
    n_rounds: int = 7
    e: int = 3
    capacities: tuple[float, ...] = (0.01, 0.05, 0.2)
    headline: float = 0.05
