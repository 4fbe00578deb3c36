"""A case knows the past and nothing of the day it is judged on."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluation.protocol import Protocol, cases_of
from model.parameters import SECONDS_PER_DAY
from tests.evaluation.town import DAY_0, busy_log, log_of, town

PROTOCOL = Protocol(impressions_per_action=3)


def test_history_is_the_window_before_the_day_and_positives_are_the_day() -> None:
    """An action 91 days before is not history, one in the last second before midnight is."""
    world = town(log_of((0, 1, -91, True), (0, 2, -89, True), (0, 3, -0.00001, True), (0, 4, 0.0, True)))
    (case,) = cases_of(world, world.validation, PROTOCOL)
    assert case.rows.tolist() == [2, 3]
    assert case.positives.tolist() == [4]
    assert case.now_s == DAY_0 * SECONDS_PER_DAY


def test_a_day_trains_the_next_one() -> None:
    """Models are updated after every batch."""
    world = town(log_of((0, 1, -1, True), (0, 2, 0.5, True), (0, 3, 1.5, True)))
    first, second = cases_of(world, world.validation, PROTOCOL)
    assert first.rows.tolist() == [1]
    assert second.rows.tolist() == [1, 2]


def test_past_pins_leave_the_positives_when_they_leave_the_answers() -> None:
    """Even those older than the window; kept, they count again."""
    world = town(
        log_of((0, 1, -200, True), (0, 2, -1, True), (0, 1, 0.5, True), (0, 2, 0.6, True), (0, 3, 0.7, True))
    )
    (removed,) = cases_of(world, world.validation, PROTOCOL)
    (kept,) = cases_of(world, world.validation, replace(PROTOCOL, removes_past=False))
    assert (removed.positives.tolist(), removed.seen.tolist()) == ([3], [1, 2])
    assert (kept.positives.tolist(), kept.seen.tolist()) == ([1, 2, 3], [])


def test_nobody_without_a_history_or_without_a_new_action_is_judged() -> None:
    """Neither a newcomer nor someone who only repeats."""
    world = town(log_of((0, 1, 0.5, True), (1, 2, -1, True), (1, 2, 0.5, True)))
    assert cases_of(world, world.validation, PROTOCOL) == []


def test_impressions_are_the_days_not_liked_pins_filled_with_unknown_ones() -> None:
    """Real ones first; none that the user liked, then or before; the same for every method."""
    world = town(log_of((0, 1, -1, True), (0, 2, 0.5, True), (0, 9, 0.6, False), (0, 1, 0.7, False)))
    (case,) = cases_of(world, world.validation, PROTOCOL)
    (again,) = cases_of(world, world.validation, PROTOCOL)
    assert case.impressions[0] == 9
    assert len(case.impressions) == len(set(case.impressions.tolist())) == 3
    assert not {1, 2} & set(case.impressions.tolist())
    assert case.impressions.tolist() == again.impressions.tolist()


def test_the_window_begins_at_midnight() -> None:
    """Ninety days before to the second is history; a second earlier is not."""
    second = 1 / SECONDS_PER_DAY
    world = town(log_of((0, 1, -90 - second, True), (0, 2, -90, True), (0, 3, 0.5, True)))
    (case,) = cases_of(world, world.validation, PROTOCOL)
    assert case.rows.tolist() == [2]


def test_what_was_shown_on_other_days_is_no_impression_of_this_one() -> None:
    """Neither the day before nor the day after: random pins fill up, the same whatever was shown then."""
    actions = ((0, 1, -1, True), (0, 2, 0.5, True))
    shown = ((0, 9, -0.5, False), (0, 10, 1.0, False), (0, 11, 7.5, False))
    (alone,) = cases_of(town(log_of(*actions)), range(DAY_0, DAY_0 + 1), PROTOCOL)
    (beside,) = cases_of(town(log_of(*actions, *shown)), range(DAY_0, DAY_0 + 1), PROTOCOL)
    assert beside.impressions.tolist() == alone.impressions.tolist()


def test_every_action_brings_its_impressions() -> None:
    """Three for each of two."""
    world = town(log_of((0, 1, -1, True), (0, 2, 0.5, True), (0, 3, 0.6, True)))
    (case,) = cases_of(world, world.validation, PROTOCOL)
    assert len(case.impressions) == 6


def test_not_liked_actions_are_no_history() -> None:
    """Only positive actions train."""
    world = town(log_of((0, 1, -1, False), (0, 2, -2, True), (0, 3, 0.5, True)))
    (case,) = cases_of(world, world.validation, PROTOCOL)
    assert case.rows.tolist() == [2]


@given(st.integers(0, 10_000))
def test_no_case_knows_anything_of_its_day_or_later(seed: int) -> None:
    """Whatever the log: all times are before the day, and the future can change without changing a case."""
    generator = np.random.default_rng(seed)
    actions = [
        (int(generator.integers(3)), int(generator.integers(24)), float(generator.uniform(-100, 4)), True)
        for _ in range(30)
    ]
    world = town(log_of(*actions, (0, 0, -1, True)))
    before = [action for action in actions if action[2] < 1]
    known = cases_of(town(log_of(*before, (0, 0, -1, True))), range(DAY_0, DAY_0 + 1), PROTOCOL)
    cases = cases_of(world, range(DAY_0, DAY_0 + 1), PROTOCOL)
    assert all((case.times_s < case.now_s).all() for case in cases)
    assert [case.rows.tolist() for case in cases] == [case.rows.tolist() for case in known]
    assert [case.impressions.tolist() for case in cases] == [case.impressions.tolist() for case in known]


def test_cases_come_by_day_then_user() -> None:
    """The bootstrap relies on it."""
    world = town(busy_log())
    cases = cases_of(world, world.validation, PROTOCOL)
    assert [(case.day - DAY_0, case.user) for case in cases] == [(d, u) for d in (0, 1) for u in range(6)]
