"""All experiments on one world, and their report."""

from evaluation.assembling import report
from evaluation.explaining.experiments import EXPERIMENTS
from evaluation.explaining.running import observe, of_experiment
from evaluation.results import Report
from evaluation.running import Setting
from process.progress import Reporter


def explained(setting: Setting, reporter: Reporter) -> Report:
    """Run every experiment that is not finished yet, and put the report together.

    Raises:
        EvaluationError: Nobody can be judged in the validation period.
    """
    observed, seconds = observe(EXPERIMENTS, setting, reporter)
    concluded = {one: one.conclude(of_experiment(observed, one)) for one in EXPERIMENTS}
    return report(
        setting,
        n_cases={"validation": len(observed.cases), "test": 0},
        tables={
            f"{one.key}.{key}": table
            for one, found in concluded.items()
            for key, table in found.tables.items()
        },
        figures={
            f"{one.key}.{key}": figure
            for one, found in concluded.items()
            for key, figure in found.figures.items()
        },
        findings=tuple(f"{one.question} {found.answer}" for one, found in concluded.items()),
        seconds=seconds,
    )
