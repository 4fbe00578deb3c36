"""The whole evaluation on a town of six people: everything is there, and nothing is worked out twice."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation import running
from evaluation.cosines import DenseCosines, GatheredCosines
from evaluation.errors import EvaluationError
from evaluation.experiments import experiments
from evaluation.methods import DEFAULT, FIGURE_7, FUSED, LAST_PIN, SERVED, TABLE_4, Method, fused
from evaluation.results import Report, to_json, write_json
from evaluation.running import DIVERSITY, Measured, Plan, Setting, run
from model.fusing import FusePolicy
from process.progress import Reporter
from tests.evaluation.town import busy_log, circle, log_of, setting_of, town

QUIET = Reporter(quiet=True)
VALIDATION = Plan(name="validation", period="validation", methods=(LAST_PIN, DEFAULT))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return experiments(setting_of(town(busy_log()), tmp_path_factory.mktemp("stages")), QUIET)


def test_every_table_and_figure_is_there(report: Report) -> None:
    """Both periods, with past pins and without, the oracles, and Figure 7."""
    assert set(report.tables) == {
        "table4.test",
        "table4.validation",
        "table4_kept.validation",
        "table5.test",
        "table5.validation",
        "table1.test",
    }
    assert {"figure7.relevance", "figure7.recall", "figure7.diversity"} < set(report.figures)
    assert (report.world.n_validation_cases, report.world.n_test_cases) == (12, 12)


def test_the_test_period_is_for_the_chosen_method_and_the_services(report: Report) -> None:
    """Of many that validation compares: here the service's own is chosen, so no other fused one is there."""
    fused_rows = {
        period: [row.name for row in report.tables[f"table4.{period}"].rows if row.kind == "fused"]
        for period in ("validation", "test")
    }
    assert len(fused_rows["validation"]) == len(FUSED)
    assert fused_rows["test"] == [SERVED.title]
    assert report.findings[0].endswith(f"{SERVED.title}.")


def test_the_last_pin_has_no_lift_over_itself(report: Report) -> None:
    """It is what the others are measured by: 0, and certainly so."""
    row = report.tables["table4.test"].rows[0]
    lift = row.cells["relevance@0.8"].over_last_pin
    assert lift is not None
    assert (lift.value, lift.low, lift.high) == (0, 0, 0)


def test_an_oracle_is_never_below_the_methods_it_bounds(report: Report) -> None:
    """The nearest of all pins is at least as near as the last one."""
    rows = {row.name: row.cells["accuracy@0.8"].value for row in report.tables["table1.test"].rows}
    assert (rows["Oracle: the nearest of all pins"] or 0) >= (rows["Last pin"] or 0)


def test_the_report_is_plain_json(report: Report, tmp_path: Path) -> None:
    """Without NaN or infinity, which JSON does not have."""
    write_json(report, tmp_path / "report.json")
    assert to_json(report)["world"]["name"] == "town"
    assert not list(tmp_path.glob("*.unfinished"))


def test_recommended_by_hand(tmp_path: Path) -> None:
    """Someone at east saw pin 0, and acts on pin 2, 30 degrees off: six candidates reach pins 1 to 3."""
    setting = setting_of(town(log_of((0, 0, -1, True), (0, 2, 0.5, True))), tmp_path)
    found = _measured(setting, LAST_PIN.key)
    relevance_high, relevance_low, recall = found[0, :3].tolist()
    assert (relevance_high, relevance_low, recall) == (1, 1, 1)


def test_a_pin_out_of_reach_is_not_found(tmp_path: Path) -> None:
    """Pin 5 is 75 degrees off; the nearest candidate, pin 3, is 30 degrees from it: 0.87."""
    setting = setting_of(town(log_of((0, 0, -1, True), (0, 5, 0.5, True))), tmp_path)
    assert _measured(setting, LAST_PIN.key)[0, :3].tolist() == [0, 1, 0]


def test_two_interests_share_the_candidates(tmp_path: Path) -> None:
    """With pins at east and west, three candidates each: the pins beside them are found, pin 5 is not."""
    past, day = ((0, 0, -2, True), (0, 12, -1, True)), ((0, 1, 0.1, True), (0, 13, 0.2, True))
    setting = setting_of(town(log_of(*past, *day, (0, 5, 0.3, True))), tmp_path)
    assert _measured(setting, DEFAULT.key)[0, 2] == pytest.approx(2 / 3)


def test_the_fused_answer_of_one_pin_is_its_list(tmp_path: Path) -> None:
    """A single representative leaves nothing to fuse."""
    setting = setting_of(town(log_of((0, 0, -1, True), (0, 2, 0.5, True))), tmp_path)
    method = fused(FusePolicy())
    plan = Plan(name="validation", period="validation", methods=(LAST_PIN,), fused=(method,))
    values = run(plan, setting, QUIET).values
    assert values[method.key].tolist() == values[LAST_PIN.key].tolist()


def test_fused_methods_that_forget_differently_are_told_apart(tmp_path: Path) -> None:
    """Many old actions in the east, one new in the west: who forgets soon gives the west the only place.

    Measured together or alone, each method gives the same.
    """
    past = [(0, row, -80 + row, True) for row in (22, 23, 0, 1, 2)]
    setting = setting_of(town(log_of(*past, (0, 12, -1, True), (0, 13, 0.5, True))), tmp_path)
    policy = FusePolicy(n_representatives=1, fused_share=1.0)
    methods = (fused(policy), fused(policy, lambda_per_day=1.0))
    together = _fused(methods, setting)
    assert [together[method.key][0, 2] for method in methods] == [0, 1]
    for method in methods:
        assert _fused((method,), setting)[method.key].tolist() == together[method.key].tolist()


def _fused(methods: tuple[Method, ...], setting: Setting) -> Mapping[str, NDArray[np.float64]]:
    return run(Plan(name="validation", period="validation", methods=(), fused=methods), setting, QUIET).values


def test_a_finished_run_is_read_and_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stages survive; a changed protocol makes new ones."""
    setting = setting_of(town(busy_log()), tmp_path)
    first = run(VALIDATION, setting, QUIET)

    def fail(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(running, "measure", fail)
    again = run(VALIDATION, setting, QUIET)
    assert _same(first, again)
    assert first.seconds == again.seconds
    with pytest.raises(AssertionError, match="measured again"):
        run(VALIDATION, setting_of(town(busy_log()), tmp_path, max_cases=5), QUIET)


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    """Cases come back in their order, whoever measured them."""
    one = run(VALIDATION, setting_of(town(busy_log()), tmp_path / "one"), QUIET)
    two = run(VALIDATION, setting_of(town(busy_log()), tmp_path / "two", n_processes=2), QUIET)
    assert _same(one, two)


def test_diversity_is_of_the_same_cases_for_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes its own of those that were chosen among all."""
    monkeypatch.setattr(running, "_MAX_DIVERSITY_CASES", 3)
    plan = Plan(name="test", period="test", methods=(), diverse=FIGURE_7[:1])
    key = DIVERSITY + FIGURE_7[0].key

    def diversity(n: int) -> NDArray[np.float64]:
        setting = setting_of(town(busy_log()), tmp_path / str(n), n_processes=n)
        cases = running.plan_cases(plan, setting)
        found = np.empty((len(cases), 1))
        for part in range(n):
            found[part::n] = running._run_part(plan, setting, cases, part, QUIET)[0][key]
        return found

    one = diversity(1)
    assert np.count_nonzero(~np.isnan(one)) == 3
    for n in (2, 3):
        np.testing.assert_array_equal(diversity(n), one)


def test_a_sample_of_cases_keeps_their_order(tmp_path: Path) -> None:
    """Chosen by chance, judged by day."""
    cases = run(VALIDATION, setting_of(town(busy_log()), tmp_path, max_cases=5), QUIET).cases
    assert len(cases) == 5
    assert [case.day for case in cases] == sorted(case.day for case in cases)


def test_a_world_where_nobody_can_be_judged_says_so(tmp_path: Path) -> None:
    """With what to do about it."""
    setting = setting_of(town(log_of((0, 0, -1, True))), tmp_path)
    with pytest.raises(EvaluationError, match=r"nobody in Town can be judged .* more days"):
        run(VALIDATION, setting, QUIET)


def test_cosines_looked_up_are_cosines_computed(tmp_path: Path) -> None:
    """A small pool and a large one are judged alike, and a second process maps the first one's file."""
    pool, a, b = circle(), np.array([0, 5]), np.array([1, 2, 23])
    expected = GatheredCosines(pool).between(a, b)
    for _ in range(2):
        assert DenseCosines(pool, tmp_path / "cosines.npy").between(a, b) == pytest.approx(expected, abs=1e-6)


def test_no_method_has_the_key_of_another() -> None:
    """Keys name stages and values."""
    keys = [method.key for method in TABLE_4]
    assert len(keys) == len(set(keys))


def _measured(setting: running.Setting, key: str) -> NDArray[np.float64]:
    return run(VALIDATION, setting, QUIET).values[key]


def _same(a: Measured, b: Measured) -> bool:
    return all(a.values[key].tolist() == b.values[key].tolist() for key in a.values)
