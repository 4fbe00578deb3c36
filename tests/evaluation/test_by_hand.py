"""Three towns solved by hand, from the log to the figure in the table."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.assembling import own_diversity
from evaluation.comparing import compared
from evaluation.drawing import draws
from evaluation.methods import DECAY_AVERAGES, LAST_PIN, SINGLES, TABLE_4, Method, fused
from evaluation.oracles import ORACLES
from evaluation.protocol import Protocol
from evaluation.running import DIVERSITY, ORACLE_STAGE, Plan, run
from evaluation.worlds import ActionLog
from model.fusing import FusePolicy
from process.progress import Reporter
from tests.evaluation.town import DAY_0, case_of, log_of, setting_of, town

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


def test_who_has_seen_all_that_is_near_is_searched_deeper(tmp_path: Path) -> None:
    """The eleven pins nearest to the newest are past: pin 6, six steps from it, is among the next six."""
    seen = [(row, -20.0 + at) for at, row in enumerate((1, 23, 2, 22, 3, 21, 4, 20, 5, 19, 0))]
    log = log_of(*((0, row, day, True) for row, day in seen), (0, 6, 0.5, True))
    assert values_of(log, tmp_path, LAST_PIN)[LAST_PIN.key][0, RECALL] == 1


def test_perplexities_that_are_measured_together_are_told_apart(tmp_path: Path) -> None:
    """Three actions in the east, one in the west: spread evenly, the east takes all, else 13 is in.

    Measured together or alone, each method gives the same.
    """
    log = log_of(*((0, 0, day, True) for day in (-4, -3, -2)), (0, 12, -1, True), (0, 13, 0.5, True))
    near, even = (
        fused(FusePolicy(n_representatives=2, perplexity=perplexity, fused_share=1.0))
        for perplexity in (40.0, 400.0)
    )
    setting = setting_of(town(log), tmp_path)

    def recalls(*methods: Method) -> list[float]:
        plan = Plan(name="validation", period="validation", methods=(), fused=methods)
        values = run(plan, setting, QUIET).values
        return [float(values[method.key][0, RECALL]) for method in methods]

    assert recalls(near, even) == [*recalls(near), *recalls(even)] == [1, 0]


def test_interleaved_shares_that_are_measured_together_are_told_apart(tmp_path: Path) -> None:
    """Spread evenly, the east's three actions take every place by score; by turns 13 has one."""
    log = log_of(*((0, 0, day, True) for day in (-4, -3, -2)), (0, 12, -1, True), (0, 13, 0.5, True))
    methods = tuple(
        fused(FusePolicy(n_representatives=2, perplexity=400.0, fused_share=share)) for share in (1.0, 0.0)
    )
    plan = Plan(name="validation", period="validation", methods=(), fused=methods)
    values = run(plan, setting_of(town(log), tmp_path), QUIET).values
    assert [values[method.key][0, RECALL] for method in methods] == [0, 1]


def test_a_refilled_answer_is_averaged_over_all_draws(tmp_path: Path) -> None:
    """Of twenty: 13 is found in those that draw the west."""
    of_one = replace(REFILLED, e=1, lambda_per_day=0.0)
    drawn = draws(np.array([3.0, 1.0]), 1, 20, np.random.default_rng((0, DAY_0, 1)))[:, 0]
    found = values_of(APART, tmp_path, of_one, n_seeds=20)[of_one.key][0, RECALL]
    assert 0 < found == pytest.approx(drawn.mean())


def test_an_oracle_takes_the_nearest_embedding(tmp_path: Path) -> None:
    """East, then west, then 1 beside the east: the newest pin is wrong, the average of both nowhere near."""
    log = log_of((0, 0, -2, True), (0, 12, -1, True), (0, 1, 0.5, True))
    plan = Plan(name="validation", period="validation", methods=(), with_oracles=True)
    values = run(plan, setting_of(town(log), tmp_path), QUIET).values
    found = {key: values[f"{ORACLE_STAGE}.{key}"][0].tolist() for key in ORACLES}
    assert (found["last-pin"], found["k-means-oracle"], found["oracle"]) == ([0, 0], [1, 1], [1, 1])


def test_diversity_is_that_of_the_answer(tmp_path: Path) -> None:
    """Three pins beside 0 and three beside 12, each interest's share: not six and six."""
    plan = Plan(name="validation", period="validation", methods=(), diverse=(TOP_3,))
    world = town(APART_BOTH)
    found = run(plan, setting_of(world, tmp_path), QUIET).values[DIVERSITY + TOP_3.key]
    answer = case_of([0], [1, 2, 10, 11, 13, 23])
    assert found[0, 0] == pytest.approx(own_diversity(answer, world), abs=1e-3)


def test_the_papers_numbers_are_kept() -> None:
    """400 candidates, 20 impressions an action, 20 draws, past pins removed."""
    protocol = Protocol()
    assert (protocol.n_candidates, protocol.impressions_per_action) == (400, 20)
    assert protocol.n_seeds >= 20
    assert protocol.removes_past
