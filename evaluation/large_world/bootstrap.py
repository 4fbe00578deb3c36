"""Builds a large world: vectors of the titles, the pool, the people, and the files."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from evaluation.data_set.about import About
from evaluation.data_set.period import Period
from evaluation.errors import EvaluationError
from evaluation.large_world.parameters import WorldParameters, known_settings
from evaluation.large_world.people import simulate
from evaluation.large_world.pool import pool_rows
from evaluation.large_world.settings import LargeWorldSettings
from evaluation.large_world.titles import read_titles
from evaluation.large_world.topics import Topics
from evaluation.large_world.vectors import vectors_of
from evaluation.large_world.writing import write_actions, write_dataset, write_pins
from process.progress import Reporter

JUDGED_FROM = date(2026, 1, 1)
"""No clock, so that the same setting gives the same bytes."""


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
    known = known_settings()
    if name not in known:
        raise EvaluationError(f"there is no world {name!r}. Choose one of: {', '.join(known)}")
    return known[name]


def _begin_s(parameters: WorldParameters) -> int:
    begin = JUDGED_FROM - timedelta(days=parameters.history_days)
    return int(datetime.combine(begin, time(), UTC).timestamp())
