"""The experiments of Section 5.3 on one world: choose in validation, confirm once on the test period."""

from dataclasses import dataclass
from typing import Final

from evaluation.assembling import (
    embeddings_figures,
    findings,
    interests_figure,
    kept_table,
    method_tables,
    oracle_table,
    report,
    threshold_figure,
)
from evaluation.choosing import choose
from evaluation.comparing import Comparison, compared
from evaluation.costs.costs import costs
from evaluation.methods import DEFAULT, FIGURE_7, FUSED, PAPERS, SERVED, SINGLES, TABLE_4, TOP_10, Method
from evaluation.portrait.portrait import portrait
from evaluation.results import Report
from evaluation.running import Measured, Plan, Setting, run
from process.progress import Reporter

_IN_VALIDATION: Final = (*SINGLES, DEFAULT, TOP_10)
_KEPT_CASES: Final = 3_000
"""With past pins left in, a sample will do: nothing is chosen by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    """A plan's measurements and their comparison."""

    measured: Measured
    comparison: Comparison


def experiments(setting: Setting, reporter: Reporter) -> Report:
    """Run everything that is not finished yet, and put the report together.

    Raises:
        EvaluationError: Nobody can be judged.
    """
    validation = _period(_validation_plan(), setting, reporter)
    chosen = choose(FUSED, validation.comparison)
    reporter.say(f"  Chosen in validation: {chosen.title}")
    test = _period(_test_plan(chosen), setting, reporter)
    kept = _period(_kept_plan(chosen), setting, reporter)
    pictures = portrait(test.measured.cases, chosen, setting, reporter)
    bill = costs(test.measured.cases, setting, reporter)
    return report(
        setting,
        n_cases={"validation": len(validation.measured.cases), "test": len(test.measured.cases)},
        tables={
            **method_tables("test", test.comparison, setting),
            **method_tables("validation", validation.comparison, setting),
            **kept_table(kept.comparison, setting),
            **oracle_table(test.measured, setting),
            **bill.tables,
        },
        figures={
            **embeddings_figures(test.measured, setting),
            **threshold_figure(test.comparison, chosen, setting),
            **interests_figure(test.measured),
            **pictures.figures,
            **bill.figures,
        },
        galleries=pictures.galleries,
        findings=findings(chosen, validation.comparison, test.comparison),
        seconds={
            f"{name}: {stage}": seconds
            for name, period in (("validation", validation), ("test", test), ("past left in", kept))
            for stage, seconds in period.measured.seconds.items()
        }
        | {f"costs: {stage}": seconds for stage, seconds in bill.seconds.items()},
    )


def _validation_plan() -> Plan:
    return Plan(
        name="validation",
        period="validation",
        methods=_IN_VALIDATION,
        fused=FUSED,
    )


def _test_plan(chosen: Method) -> Plan:
    return Plan(
        name="test",
        period="test",
        methods=(*TABLE_4, *FIGURE_7),
        fused=tuple(dict.fromkeys((chosen, SERVED))),
        diverse=FIGURE_7,
        with_oracles=True,
    )


def _kept_plan(chosen: Method) -> Plan:
    return Plan(
        name="validation, past pins left in",
        period="validation",
        methods=PAPERS,
        fused=(chosen,),
        removes_past=False,
        max_cases=_KEPT_CASES,
    )


def _period(plan: Plan, setting: Setting, reporter: Reporter) -> _Period:
    measured = run(plan, setting, reporter)
    shown = [method for method in (*plan.methods, *plan.fused) if method not in FIGURE_7]
    comparison = compared(
        shown,
        measured.values,
        setting.thresholds,
        measured.cases,
        n_resamples=setting.protocol.n_resamples,
    )
    return _Period(measured=measured, comparison=comparison)
