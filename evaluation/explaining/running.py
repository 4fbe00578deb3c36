"""Runs the experiments on the validation period's cases, a stage for each, by several processes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from evaluation.cosines import cosines_of
from evaluation.explaining.experiment import Bench, Experiment, Observed, Observer
from evaluation.explaining.judging import METRICS
from evaluation.explaining.sights import sight_of
from evaluation.parts import Arrays, Seconds, in_parts
from evaluation.protocol import Case
from evaluation.results import Threshold
from evaluation.running import Plan, Setting, identity, plan_cases
from evaluation.stages import Stages, source_digest
from process.progress import Reporter

PLAN = Plan(name="explaining", period="validation", methods=())
"""The test period is for the method that is chosen."""

_SHARED = ("answering.py", "experiment.py", "fixed_temperature.py", "judging.py", "sights.py")
"""Sources that every experiment's measurements rest on."""


def observe(
    experiments: Sequence[Experiment], setting: Setting, reporter: Reporter
) -> tuple[Observed, Seconds]:
    """What all cases show in all experiments.

    Args:
        experiments: Of modules, by which the other processes find them.
        setting: The data and how it is judged.
        reporter: Told of progress.

    Raises:
        EvaluationError: The period has no case.
    """
    cases = plan_cases(PLAN, setting)
    with reporter.step("Cosines between pins"):
        cosines_of(setting.world.vectors, setting.folder)
    work = partial(_run_part, tuple(experiments), setting)
    arrays, seconds = in_parts(work, setting.n_processes, "Experiments", reporter)
    return Observed(
        cases=cases,
        values=arrays,
        world=setting.world,
        protocol=setting.protocol,
        thresholds=_thresholds(setting),
    ), seconds


def of_experiment(observed: Observed, experiment: Experiment) -> Observed:
    """What belongs to one experiment, by its own keys."""
    prefix = f"{experiment.key}/"
    values = {
        key.removeprefix(prefix): found for key, found in observed.values.items() if key.startswith(prefix)
    }
    return Observed(
        cases=observed.cases,
        values=values,
        world=observed.world,
        protocol=observed.protocol,
        thresholds=observed.thresholds,
    )


def observed_by(
    observer: Observer, cases: Sequence[Case], setting: Setting, reporter: Reporter, title: str
) -> Arrays:
    """An observer's arrays, a row a case."""
    pool, alpha = setting.world.vectors, setting.world.alpha
    cosines = cosines_of(pool, setting.folder)
    rows: dict[str, list[np.ndarray[tuple[int], np.dtype[np.float64]]]] = {}
    for case in reporter.each(title, cases, len(cases)):
        for key, row in observer(sight_of(case, pool, cosines, alpha)).items():
            rows.setdefault(key, []).append(row)
    return {key: np.array(of_key) for key, of_key in rows.items()}


def bench_of(setting: Setting) -> Bench:
    """What the experiments share."""
    thresholds = np.array([threshold.cosine for threshold in _thresholds(setting)])
    return Bench(world=setting.world, protocol=setting.protocol, thresholds=thresholds)


def _run_part(
    experiments: Sequence[Experiment], setting: Setting, part: int, reporter: Reporter
) -> tuple[Arrays, Seconds]:
    cases = plan_cases(PLAN, setting)[part :: setting.n_processes]
    stages = Stages(setting.folder, identity(PLAN, setting, part))
    bench = bench_of(setting)
    arrays: Arrays = {}
    for experiment in experiments:
        compute = partial(_compute, experiment, bench, cases, setting, reporter)
        found = stages.run(experiment.key, _source_digest(experiment), compute)
        arrays |= {f"{experiment.key}/{key}": values for key, values in found.items()}
    return arrays, stages.seconds


def _compute(
    experiment: Experiment, bench: Bench, cases: Sequence[Case], setting: Setting, reporter: Reporter
) -> Arrays:
    return observed_by(experiment.observer(bench), cases, setting, reporter, experiment.question)


def _thresholds(setting: Setting) -> tuple[Threshold, Threshold]:
    by_key = {f"relevance@{threshold.key}": threshold for threshold in setting.thresholds}
    return by_key[METRICS[0]], by_key[METRICS[1]]


def _source_digest(experiment: Experiment) -> str:
    """Of the experiment's module and what it rests on: a changed one measures anew, and no other."""
    folder = Path(__file__).parent
    return source_digest(folder / name for name in (*_SHARED, f"{experiment.key}.py"))
