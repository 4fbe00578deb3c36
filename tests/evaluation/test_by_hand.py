"""Three towns solved by hand, from the log to the figure in the table."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.comparing import compared
from evaluation.methods import DECAY_AVERAGES, LAST_PIN, SINGLES, TABLE_4, Method
from evaluation.protocol import Protocol
from evaluation.running import Plan, run
from evaluation.worlds import ActionLog
from process.progress import Reporter
from tests.evaluation.town import log_of, setting_of, town

QUIET = Reporter(quiet=True)
(PLAIN_AVERAGE,) = (method for method in DECAY_AVERAGES if method.lambda_per_day == 0)
(SAMPLE_1, REFILLED, TOP_3) = (
    next(method for method in TABLE_4 if method.key == key) for key in ("sample-1", "refilled", "top-3")
)
RECALL, R_PRECISION, RECIPROCAL_RANK = 2, 3, 4

TWO_DAYS = log_of(
    *((0, 0, -2, True), (0, 6, -1, True), (0, 3, 0.5, True)),
    *((1, 12, -1, True), (1, 20, 0.5, True), (1, 14, 1.5, True)),
)
"""Pins are 15 degrees apart, and an answer has six of them.

Day 0: one person went from 0 to 6 and acts on 3. The newest pin, 6, reaches 3 to 9; the average is 3. Another
went to 12 and acts on 20, which neither 12's six nor its average's hold. Day 1: 12 and 20 are past; of 14 the
newest, 20, knows nothing (17 to 23), and their average is 16, beside it.
"""
APART = log_of(
    *((0, 0, -4, True), (0, 0, -3, True), (0, 0, -2, True), (0, 12, -1, True)),
    *((0, 13, 0.5, True), (0, 11, 0.5, False), (0, 2, 0.5, False), (0, 6, 0.5, False)),
)
"""Three actions on 0 and one on 12, then one on 13, shown with 11, 2 and 6."""

APART_BOTH = log_of(
    *((0, 0, -2, True), (0, 12, -1, True)),
    *((0, row, 0.5, True) for row in (22, 23, 1, 2, 3, 10, 11, 13, 14, 15)),
)
"""An action on 0 and one on 12, then on the pins about both."""


def values_of(
    log: ActionLog, folder: Path, *methods: Method, n_candidates: int = 6, n_seeds: int = 5
) -> Mapping[str, NDArray[np.float64]]:
    setting = setting_of(town(log), folder)
    protocol = replace(setting.protocol, n_candidates=n_candidates, n_seeds=n_seeds)
    plan = Plan(name="validation", period="validation", methods=methods)
    return run(plan, replace(setting, protocol=protocol), QUIET).values


def test_a_day_weighs_as_much_as_another_whoever_acts_on_it(tmp_path: Path) -> None:
    """Recall of the newest pin: (1/2 + 0) / 2, not 1/3; of the average (1/2 + 1) / 2, three times as much."""
    setting = setting_of(town(TWO_DAYS), tmp_path)
    plan = Plan(name="validation", period="validation", methods=SINGLES)
    measured = run(plan, setting, QUIET)
    found = compared(SINGLES, measured.values, setting.thresholds, measured.cases, n_resamples=20)
    assert found.value(LAST_PIN, "recall") == pytest.approx(1 / 4)
    assert found.value(PLAIN_AVERAGE, "recall") == pytest.approx(3 / 4)
    lift = found.cell(PLAIN_AVERAGE, "recall", None).over_last_pin
    assert lift is not None
    assert lift.value == pytest.approx(2)
    assert found.best_single("recall") == PLAIN_AVERAGE


def test_interests_are_drawn_in_proportion_to_importance(tmp_path: Path) -> None:
    """With one action in four on 12, one draw in four finds 13 beside it."""
    of_draws = replace(SAMPLE_1, lambda_per_day=0.0)
    found = values_of(APART, tmp_path, of_draws, n_seeds=4_000)[of_draws.key][0]
    assert found[RECALL] == pytest.approx(1 / 4, abs=0.03)


def test_the_nearest_of_the_picked_embeddings_ranks(tmp_path: Path) -> None:
    """By 0 and 12 together 11 and 13 tie at the top: rank 1.5. By 0 alone they tie at the bottom: 3.5."""
    both, one = TOP_3, replace(TOP_3, key="top-1", e=1, lambda_per_day=0.0)
    found = values_of(APART, tmp_path, both, one)
    assert found[both.key][0, [R_PRECISION, RECIPROCAL_RANK]].tolist() == pytest.approx([0, 1 / 1.5])
    assert found[one.key][0, [R_PRECISION, RECIPROCAL_RANK]].tolist() == pytest.approx([0, 1 / 3.5])


def test_an_odd_share_is_rounded_down(tmp_path: Path) -> None:
    """Seven candidates of two interests are three each: none of the ten pins beside both is the seventh."""
    odd = values_of(APART_BOTH, tmp_path, TOP_3, n_candidates=7)[TOP_3.key]
    even = values_of(APART_BOTH, tmp_path, TOP_3, n_candidates=8)[TOP_3.key]
    assert (odd[0, RECALL], even[0, RECALL]) == pytest.approx((6 / 10, 8 / 10))


def test_overlap_is_not_refilled(tmp_path: Path) -> None:
    """Of the three nearest to 0 and to 4 pin 2 is the same: five pins, which the server fills up to six."""
    log = log_of(
        (0, 0, -2, True), (0, 4, -1, True), *((0, row, 0.5, True) for row in (1, 2, 3, 5, 6, 23, 22))
    )
    found = values_of(log, tmp_path, TOP_3, REFILLED)
    assert found[TOP_3.key][0, RECALL] == pytest.approx(5 / 7)
    assert found[REFILLED.key][0, RECALL] == pytest.approx(6 / 7)


def test_the_papers_numbers_are_kept() -> None:
    """400 candidates, 20 impressions an action, 20 draws, past pins removed."""
    protocol = Protocol()
    assert (protocol.n_candidates, protocol.impressions_per_action) == (400, 20)
    assert protocol.n_seeds >= 20
    assert protocol.removes_past
