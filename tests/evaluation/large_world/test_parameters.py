"""The frozen record, and how the sweep departs from it."""

from dataclasses import asdict

from evaluation.large_world.parameters import MAIN, known_worlds, sweep


def test_the_main_world_is_as_frozen() -> None:
    """Changing a number here makes every published result another world's: add a setting instead."""
    assert asdict(MAIN) == {
        "seed": 1,
        "n_titles": 1_000_000,
        "n_people": 1_000,
        "history_days": 90,
        "validation_days": 10,
        "test_days": 20,
        "interests_fewest": 2,
        "interests_most": 6,
        "interest_days_mean": 60.0,
        "evenness": 1.0,
        "related": 0.3,
        "relatives": 50,
        "hearts": 0.5,
        "breadth": 0.06,
        "sessions_per_day_median": 0.25,
        "sessions_spread": 0.8,
        "session_actions_mean": 3.0,
        "stickiness": 0.5,
        "noise": 0.1,
        "impressions_per_action": 2,
    }
    assert MAIN.days == 120


def test_the_sweep_covers_what_was_asked() -> None:
    """1 to 20 interests, 0 to 50 % noise, tight to broad, a pool of 10,000 to 1,000,000."""
    values: dict[str, list[float]] = {}
    for setting in sweep():
        values.setdefault(setting.axis, []).append(setting.value)
    ends = {axis: (min(of_axis), max(of_axis)) for axis, of_axis in values.items()}
    assert ends["interests held at a time"] == (1, 20)
    assert ends["share of noise"] == (0, 0.5)
    assert ends["breadth of an interest"] == (0.04, 1)
    assert ends["titles in the pool"] == (10_000, 1_000_000)
    assert all(of_axis == sorted(of_axis) for of_axis in values.values())


def test_names_are_distinct_and_typed_easily() -> None:
    """None is lost, and none is written 1e+06."""
    assert len(known_worlds()) == len(sweep()) + 2
    assert known_worlds()["main"] == known_worlds()["pool-1000000"] == MAIN
    assert all("+" not in name for name in known_worlds())
