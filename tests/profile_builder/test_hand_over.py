"""Between the daily batch and the online profiles every action is counted, and none twice."""

from pathlib import Path

import pytest

from tests.profile_builder.week import Week


@pytest.mark.parametrize("seed", [1, 2])
def test_an_action_counts_at_most_once_and_the_newest_at_least_once(tmp_path: Path, seed: int) -> None:
    """Three days with a failed batch, a replayed one, deaths, late and repeated events, and old readers."""
    week = Week(seed, tmp_path, n_days=3)

    week.live()

    assert week.n_looks > 50
    assert len(week.nights) >= 2
