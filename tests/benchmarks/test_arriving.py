"""What the benchmark of arriving calls measures is what it says."""

from dataclasses import astuple

from benchmarks.arriving import ANSWERED, METADATA, ArrivingSettings, arrive, check_of, measure


def test_calls_with_the_key_go_on_and_others_do_not() -> None:
    """Of ten keys the last is looked for; a call without one is refused: both are timed."""
    assert arrive(check_of(10), METADATA)() is ANSWERED
    assert arrive(check_of(10), METADATA[:1])() is not ANSWERED


def test_every_cost_is_measured() -> None:
    """A few calls give a figure for each."""
    assert all(cost > 0 for cost in astuple(measure(ArrivingSettings(calls=5, runs=1))))
