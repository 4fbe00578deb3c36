"""Figures that are counted rather than measured."""

import numpy as np
import pytest

from evaluation.assembling import interests_figure, own_diversity
from evaluation.running import CLUSTERS_STAGE, Measured
from tests.evaluation.town import case_of, log_of, town


def bars_of(*n_interests: int) -> dict[float | str, float]:
    counts = np.array(n_interests, np.float64)[:, np.newaxis]
    measured = Measured(cases=(), values={CLUSTERS_STAGE: counts}, seconds={})
    (series,) = interests_figure(measured)["interests.users"].series
    return dict(zip(series.x, series.y, strict=True))


def test_each_number_of_interests_has_its_bar() -> None:
    """Two cases with one interest, none with two, one with three."""
    assert bars_of(1, 1, 3) == {"1": 2, "2": 0, "3": 1}


def test_many_interests_share_bars() -> None:
    """Up to 60 interests go three numbers to a bar, each named by its smallest; no case is lost."""
    bars = bars_of(1, 2, 3, 4, 60)
    assert len(bars) == 20
    assert (bars["1"], bars["4"], bars["58"]) == (3, 1, 1)
    assert sum(bars.values()) == 5


def test_diversity_is_the_mean_distance_of_pairs() -> None:
    """East, north and west: two right angles and one opposite, (1 + 1 + 2) / 3."""
    world = town(log_of((0, 0, -1, True)))
    assert own_diversity(case_of([0], [0, 6, 12]), world) == pytest.approx(4 / 3, abs=1e-3)
