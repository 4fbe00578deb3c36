"""Builds and wires the evaluation."""

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from evaluation.data_set.about import About, about_of, data_set_of, read_about
from evaluation.data_set.period import Period
from evaluation.data_set.world import read_world
from evaluation.experiments import experiments
from evaluation.pool_search import pool_search
from evaluation.protocol import Protocol
from evaluation.report import write_html
from evaluation.results import Report, write_json
from evaluation.running import Setting
from evaluation.settings import EvaluationSettings
from evaluation.thresholds import thresholds_of
from evaluation.worlds import World
from process.progress import Reporter
from storage.dataset import DataSet

_MAX_POOL_BYTES = 4 << 30
"""Of all processes' copies together."""


def run_evaluation(settings: EvaluationSettings) -> None:
    """Run the experiments on a data set and write both reports.

    Raises:
        EvaluationError: The data does not allow them.
        StorageError: The data cannot be read.
    """
    reporter = Reporter()
    setting, out = prepared(settings, reporter)
    publish(experiments(setting, reporter), out, reporter)


def prepared(settings: EvaluationSettings, reporter: Reporter, *, suffix: str = "") -> tuple[Setting, Path]:
    """The data ready for experiments, and the folder for what they find.

    Args:
        settings: Of the command.
        reporter: Told of progress.
        suffix: After the data set's name, where no folder was given.

    Raises:
        EvaluationError: The data does not allow experiments.
        StorageError: The data cannot be read.
    """
    about = _about(settings)
    data_set = data_set_of(settings.data, about)
    out = settings.out or Path("build/eval") / f"{_folder_name(data_set.name)}{suffix}"
    world = _world(data_set, about, out, reporter)
    setting = setting_of(
        world,
        out / "stages",
        settings.indexes,
        reporter,
        n_processes=settings.processes or _n_processes(world),
        max_cases=settings.max_cases,
    )
    return replace(setting, pins=settings.pins), out


def setting_of(
    world: World,
    stages: Path,
    indexes: Path,
    reporter: Reporter,
    *,
    n_processes: int,
    max_cases: int | None,
) -> Setting:
    """A world ready for experiments.

    Args:
        world: The data.
        stages: Folder for what is finished.
        indexes: Folder for the indexes of pools.
        reporter: Told of progress.
        n_processes: See Setting.
        max_cases: See Setting.

    Raises:
        DamagedArtefactError: The pool's index cannot be used.
    """
    protocol = Protocol()
    search = pool_search(world, protocol.n_candidates, indexes, reporter)
    return Setting(
        world=world,
        retriever=search.retriever,
        protocol=protocol,
        thresholds=thresholds_of(world.vectors, np.random.default_rng(0)),
        folder=stages,
        n_processes=n_processes,
        max_cases=max_cases,
        search=search.reading,
        indexes=indexes,
        seconds=search.seconds,
    )


def publish(report: Report, out: Path, reporter: Reporter) -> None:
    """Write both reports and say what was found."""
    write_json(report, out / "report.json")
    write_html(report, out / "report.html")
    _tell(report, out, reporter)


def _about(settings: EvaluationSettings) -> About:
    """What evaluation.toml says, unless the settings say otherwise."""
    said = about_of(settings.data) if settings.about is None else read_about(settings.about)
    period = Period(
        test_from=_day(settings) or said.period.test_from,
        validation_days=settings.validation_days or said.period.validation_days,
        test_days=settings.test_days or said.period.test_days,
    )
    return replace(said, note=settings.note or said.note, period=period)


def _world(data_set: DataSet, about: About, out: Path, reporter: Reporter) -> World:
    out.mkdir(parents=True, exist_ok=True)
    return read_world(
        data_set,
        about.period,
        title=about.title,
        note=about.note,
        rejects_file=out / "rejects.jsonl",
        reporter=reporter,
    )


def _n_processes(world: World) -> int:
    """One a core, as long as their copies of the pool fit into memory."""
    return min(os.cpu_count() or 1, max(_MAX_POOL_BYTES // world.vectors.nbytes, 1))


def _tell(report: Report, out: Path, reporter: Reporter) -> None:
    reporter.say("")
    for finding in report.findings:
        reporter.say(f"  {finding}")
    reporter.say(f"\n  {out / 'report.html'}\n  {out / 'report.json'}")


def _day(settings: EvaluationSettings) -> date | None:
    return None if settings.test_from is None else settings.test_from.date()


def _folder_name(name: str) -> str:
    """A data set's name as the name of a folder."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return kept.strip("-.") or "unnamed"
