"""Builds a large world: vectors of the titles, the pool, the people, and the files."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

import numpy as np

from evaluation.assembling import report as assembled
from evaluation.bootstrap import setting_of
from evaluation.data_set.about import About, about_of, data_set_of
from evaluation.data_set.period import Period
from evaluation.data_set.world import read_world
from evaluation.errors import EvaluationError
from evaluation.large_world.parameters import MAIN, Variation, WorldParameters, known_worlds, sweep
from evaluation.large_world.people import simulate
from evaluation.large_world.pool import pool_rows
from evaluation.large_world.presenting import axes_of, chapters, figures, findings, tables
from evaluation.large_world.settings import LargeWorldSettings, SweepSettings
from evaluation.large_world.sweeping import Swept, swept
from evaluation.large_world.titles import read_titles
from evaluation.large_world.topics import Topics
from evaluation.large_world.vectors import vectors_of
from evaluation.large_world.writing import write_actions, write_dataset, write_pins
from evaluation.methods import SERVED
from evaluation.report import write_html
from evaluation.results import Report, write_json
from evaluation.running import Setting
from process.progress import Reporter
from storage.dataset import DATASET_FILE

JUDGED_FROM = date(2026, 1, 1)
"""No clock, so that the same setting gives the same bytes."""

SWEPT_FUSED = (SERVED,)
"""The model's own."""

_SWEPT_TITLES = 100_000
"""Of every world but those of the pool's own axis."""


def write_large_world(settings: LargeWorldSettings) -> None:
    """Write the data set; dataset.toml comes last, so a folder that has it is whole.

    Raises:
        EvaluationError: There is no such world.
        DataError: The titles cannot be read.
    """
    parameters = _parameters(settings.world)
    reporter, out = Reporter(), settings.out
    with reporter.step("Read titles"):
        titles = read_titles(settings.titles)
    vectors = vectors_of(titles.texts, settings.cache, reporter)
    generator = np.random.default_rng(parameters.seed)
    rows = pool_rows(titles.labels, np.asarray(vectors.any(axis=1)), parameters.n_titles, generator)
    titles, vectors = titles.take(rows), vectors[rows]
    out.mkdir(parents=True, exist_ok=True)
    with reporter.step("Write pins"):
        write_pins(out / "pins.parquet", titles, vectors)
    with reporter.step("Group titles by topic"):
        topics = Topics(
            vectors,
            titles.labels,
            n_labels=titles.n_labels,
            relatives=parameters.relatives,
            hearts=parameters.hearts,
        )
    people = [
        simulate(topics, parameters, person)
        for person in reporter.each("Simulate people", range(parameters.n_people), parameters.n_people)
    ]
    write_actions(out / "actions.parquet", people, titles.ids, _begin_s(parameters))
    write_dataset(out, f"large-{settings.world}", about(settings.world, parameters, len(titles)))
    n_events = sum(len(events) for events in people)
    reporter.say(f"{len(titles):,} titles as pins, {n_events:,} events of {len(people):,} people: {out}")


def run_sweep(settings: SweepSettings) -> None:
    """Measure every world of the sweep and write both reports.

    Raises:
        EvaluationError: There is no such axis.
        DataError: The titles cannot be read.
    """
    reporter, points = Reporter(), []
    for _, worlds in groupby(_variations(settings.axis), key=lambda variation: variation.axis):
        for variation in worlds:
            reporter.say(f"{variation.axis}: {variation.value:,g}")
            setting = _sweep_setting(_first_like(variation), settings, reporter)
            points.append(swept(variation, SWEPT_FUSED, setting, reporter))
        # After every axis: a sweep that is stopped has shown what it measured.
        report = _sweep_report(points, setting)
        write_json(report, settings.out / "report.json")
        write_html(report, settings.out / "report.html")
    for finding in report.findings:
        reporter.say(f"  {finding}")
    reporter.say(f"{settings.out / 'report.html'}")


def _sweep_report(points: Sequence[Swept], setting: Setting) -> Report:
    axes = axes_of(points)
    # Axes cross in worlds, which count once.
    n_of = {point.variation.parameters: point.n_cases for point in points}
    report = assembled(
        setting,
        n_cases={"validation": 0, "test": sum(n_of.values())},
        tables=tables(axes, SWEPT_FUSED),
        figures=figures(axes, SWEPT_FUSED),
        findings=findings(axes, SWEPT_FUSED),
        seconds={f"{point.variation.axis} {point.variation.value:,g}": point.seconds for point in points},
    )
    return replace(
        report,
        heading="When do several embeddings pay, and when does one average win?",
        lead=" ".join(report.findings),
        chapters=chapters(axes, SWEPT_FUSED),
        world=replace(
            report.world,
            name="large-sweep",
            title="Large world, swept",
            note=_sweep_note(),
            n_pins=_SWEPT_TITLES,
            alpha_from=f"that of the last world, since each has its own; {report.world.alpha_from}",
        ),
    )


def _sweep_note() -> str:
    base = replace(MAIN, n_titles=_SWEPT_TITLES)
    return (
        f"Each world departs from the main setting in one thing, and has {_SWEPT_TITLES:,} titles but where "
        f"they are what is varied. The main setting: {about('main', base, base.n_titles).note}"
    )


def _variations(axis: str | None) -> list[Variation]:
    """Those of one axis, by the first part of their names, or all."""
    names = sorted({variation.name.partition("-")[0] for variation in sweep()})
    chosen = [each for each in sweep() if axis is None or each.name.partition("-")[0] == axis]
    if not chosen:
        raise EvaluationError(f"the sweep has no part {axis!r}. Choose one of: {', '.join(names)}")
    return chosen


def _first_like(variation: Variation) -> str:
    """The name of the first world with these parameters: axes cross in one."""
    return next(each.name for each in sweep() if each.parameters == variation.parameters)


def _sweep_setting(name: str, settings: SweepSettings, reporter: Reporter) -> Setting:
    folder = settings.out / "worlds" / name
    if not (folder / DATASET_FILE).exists():
        write_large_world(
            LargeWorldSettings(titles=settings.titles, out=folder, world=name, cache=settings.cache)
        )
    said = about_of(folder)
    world = read_world(
        data_set_of(folder, said),
        said.period,
        title=said.title,
        note=said.note,
        rejects_file=settings.out / "rejects.jsonl",
        reporter=reporter,
    )
    return setting_of(
        world,
        settings.out / "stages" / name,
        settings.indexes,
        reporter,
        n_processes=1,
        max_cases=settings.max_cases,
    )


def about(name: str, parameters: WorldParameters, n_titles: int) -> About:
    """What a reader of results on this world must know."""
    held = f"{parameters.interests_fewest} to {parameters.interests_most}"
    return About(
        title=f"Large world, {name}",
        note=(
            f"Simulated people over {n_titles:,} real titles: {parameters.n_people:,} people who hold "
            f"{held} interests at a time, {parameters.interest_days_mean:g} days each in the mean, and "
            f"follow none of them in {parameters.noise:.0%} of their actions. What they act on is drawn by "
            "topic labels, which no method sees, and by cosines to the title at an interest's heart. All "
            "parameters were fixed before any method was run (evaluation/large_world/parameters.py)."
        ),
        period=Period(
            test_from=JUDGED_FROM,
            validation_days=parameters.validation_days,
            test_days=parameters.test_days,
        ),
    )


def _parameters(name: str) -> WorldParameters:
    known = known_worlds()
    if name not in known:
        raise EvaluationError(f"there is no world {name!r}. Choose one of: {', '.join(known)}")
    return known[name]


def _begin_s(parameters: WorldParameters) -> int:
    begin = JUDGED_FROM - timedelta(days=parameters.history_days)
    return int(datetime.combine(begin, time(), UTC).timestamp())
