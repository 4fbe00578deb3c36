"""Between the daily batch and the online profiles every action is counted, and none twice."""

from pathlib import Path

from tests.profile_builder.week import Week


def test_an_action_counts_at_most_once_and_the_newest_at_least_once(tmp_path: Path) -> None:
    """Three days with a failed batch, a replayed one, deaths, late and repeated events, and old readers."""
    week = Week(1, tmp_path, n_days=3)

    week.live()

    assert week.n_looks > 50
    assert len(week.nights) >= 2
