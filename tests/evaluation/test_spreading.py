"""Pins are spread over their own lists as the service spreads them, once each."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.cosines import GatheredCosines
from evaluation.list_cache import ListCache
from evaluation.retrieval import ExactRetriever
from evaluation.spreading import Spreads
from model.fusing import NOT_COUNTED, spread_of
from tests.evaluation.town import circle

PERPLEXITY = 200.0
"""Half of the pins that count."""


class CountingLists(ListCache):
    """Remembers how many lists were asked for."""

    n_asked = 0

    def fetch(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        self.n_asked += len(rows)
        return super().fetch(rows, k)


@pytest.fixture
def lists() -> CountingLists:
    return CountingLists(ExactRetriever(circle()), circle())


@pytest.fixture
def spreads(lists: CountingLists) -> Spreads:
    return Spreads(lists, GatheredCosines(circle()), 500)


def test_a_pin_is_spread_over_all_but_itself(spreads: Spreads) -> None:
    """On a circle of 24 pins: over the other 23, by their cosines."""
    angles = 2 * np.pi * np.arange(24) / 24
    cosines = np.where(np.arange(24) == 0, NOT_COUNTED, np.cos(angles)).astype(np.float32)
    wanted = spread_of(cosines[np.newaxis], PERPLEXITY)
    found = spreads.of(np.array([7]), PERPLEXITY)
    assert found.temperatures == pytest.approx(wanted.temperatures, rel=0.01)
    assert found.log_sums == pytest.approx(wanted.log_sums, rel=0.01)


def test_a_pin_is_spread_once(spreads: Spreads, lists: CountingLists) -> None:
    """In the order asked for, whatever is known already; another perplexity is another spread."""
    first = spreads.of(np.array([3, 5]), PERPLEXITY)
    again = spreads.of(np.array([5, 3, 5]), PERPLEXITY)
    assert again.temperatures.tolist() == first.temperatures[[1, 0, 1]].tolist()
    assert lists.n_asked == 2
    assert spreads.of(np.array([3]), 2 * PERPLEXITY).temperatures[0] > first.temperatures[0]


def test_the_first_400_of_a_longer_list_count() -> None:
    """Of 500 pins on a circle the hundred farthest off count for nothing, as in the service."""
    pool = circle(500)
    deep = Spreads(ListCache(ExactRetriever(pool), pool), GatheredCosines(pool), 500)
    cosines = GatheredCosines(pool).between(np.array([0]), ExactRetriever(pool).nearest(pool[:1], 400)[1][0])
    wanted = spread_of(np.where(np.arange(400) == 0, NOT_COUNTED, cosines).astype(np.float32), PERPLEXITY)
    assert deep.of(np.array([0]), PERPLEXITY).temperatures == pytest.approx(wanted.temperatures, rel=0.001)
