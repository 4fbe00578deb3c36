"""All experiments on one world, and their report."""

from dataclasses import replace

from evaluation.assembling import report
from evaluation.explaining.experiment import Conclusion, Experiment
from evaluation.explaining.experiments import EXPERIMENTS
from evaluation.explaining.running import observe, of_experiment
from evaluation.results import Chapter, Report
from evaluation.running import Setting
from process.progress import Reporter


def explained(setting: Setting, reporter: Reporter) -> Report:
    """Run every experiment that is not finished yet, and put the report together.

    Raises:
        EvaluationError: Nobody can be judged in the validation period.
    """
    observed, seconds = observe(EXPERIMENTS, setting, reporter)
    concluded = {one: one.conclude(of_experiment(observed, one)) for one in EXPERIMENTS}
    assembled = report(
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
    return replace(
        assembled,
        heading=f"Why is one average hard to beat on {setting.world.title}?",
        lead=(
            "One experiment for each cause that could be. All judge "
            f"{assembled.world.n_validation_cases:,} cases of the validation period; the test period is left "
            "for the method that is chosen. Fusing is at one temperature for all medoids, so that it can "
            "be varied here; the service gives each medoid its own."
        ),
        chapters=tuple(_chapter(one, found) for one, found in concluded.items()),
    )


def _chapter(experiment: Experiment, conclusion: Conclusion) -> Chapter:
    return Chapter(
        key=experiment.key,
        title=experiment.question,
        lead=f"Varied: {experiment.varied} Fixed: {experiment.fixed}",
        answer=conclusion.answer,
    )
