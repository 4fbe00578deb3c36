"""Recall is measured against exact search, and a pin is no answer to itself."""

import numpy as np
from numpy.typing import NDArray

from index_builder.measuring import Sampling, measure
from storage.pins.hnsw import HnswSearch
from storage.pins.manifest import Measured
from storage.pins.scoring import exact_search
from tests.index_builder.tables import QUIET, circle

POOL = circle(range(0, 360, 10)).astype(np.float16)
SAMPLING = Sampling(k=4, n_queries=10, ef_search=(16, 64))

Answer = tuple[NDArray[np.float32], NDArray[np.int64]]


class Exact(HnswSearch):
    """Finds the nearest but for `n_missed` of them, which it replaces by what comes after."""

    def __init__(self, n_missed: int = 0) -> None:
        self._n_missed = n_missed
        self.ef_searches: list[int] = []

    def search(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Answer:
        self.ef_searches.append(ef_search)
        scores, rows = exact_search(queries, POOL, k + self._n_missed)
        chosen = [0, *range(1 + self._n_missed, k + self._n_missed)]
        return scores[:, chosen], rows[:, chosen]


def test_exact_search_has_recall_one() -> None:
    """At every efSearch asked for, with times that are positive."""
    search = Exact()
    measured = measure(search, POOL, QUIET, SAMPLING)
    assert search.ef_searches == [16] * 10 + [64] * 10
    assert (measured.k, measured.n_queries) == (4, 10)
    assert [(at.ef_search, at.recall) for at in measured.at] == [(16, 1.0), (64, 1.0)]
    assert all(0 < at.mean_us <= at.p99_us for at in measured.at)


def test_what_is_missed_lowers_recall() -> None:
    """Of 4 true neighbours, two at 10 degrees and two at 20, the nearest two are skipped: recall 0.5."""
    measured = measure(Exact(n_missed=2), POOL, QUIET, SAMPLING)
    assert {at.recall for at in measured.at} == {0.5}


def test_another_pin_at_the_same_distance_is_as_good() -> None:
    """Of 3 true neighbours one is either of two at 20 degrees: whichever comes back, recall is 1."""

    class OtherTie(Exact):
        def search(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Answer:
            scores, rows = super().search(queries, k + 1, ef_search=ef_search)
            chosen = [0, 1, 2, 4]
            return scores[:, chosen], rows[:, chosen]

    measured = measure(OtherTie(), POOL, QUIET, Sampling(k=3, n_queries=1, ef_search=(16,), seed=_seed_of(0)))
    assert [at.recall for at in measured.at] == [1.0]


def _seed_of(row: int) -> int:
    """A seed with which that pin of the circle is the one asked about: 0 has exact ties on both sides."""
    return next(
        seed for seed in range(1_000) if np.random.default_rng(seed).choice(36, 1, replace=False)[0] == row
    )


def test_a_small_pool_is_measured_with_what_it_has() -> None:
    """Two pins have one neighbour each; one pin has none, and nothing is measured."""
    two = measure(Exact(), POOL[:2], QUIET)
    assert (two.k, two.n_queries) == (1, 2)
    assert measure(Exact(), POOL[:1], QUIET) == Measured(k=0, n_queries=0, at=())


def test_the_sample_is_the_same_every_time() -> None:
    """Recall can be compared from night to night."""
    asked: list[list[int]] = []

    class Spy(Exact):
        def search(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Answer:
            asked[-1].append(int(exact_search(queries, POOL, 1)[1][0, 0]))
            return super().search(queries, k, ef_search=ef_search)

    for _ in range(2):
        asked.append([])
        measure(Spy(), POOL, QUIET, SAMPLING)
    assert asked[0] == asked[1]
    assert len(set(asked[0])) == 10
