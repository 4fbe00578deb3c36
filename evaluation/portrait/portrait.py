"""All of it: from the test cases to galleries and figures of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from evaluation.cosines import GatheredCosines
from evaluation.methods import Method
from evaluation.people import People
from evaluation.portrait.averages import averages, averages_gallery
from evaluation.portrait.interests import interests_gallery
from evaluation.portrait.newest import (
    N_BEFORE,
    cosines_before,
    newest_figure,
    newest_finding,
    newest_gallery,
)
from evaluation.portrait.recommendations import answers_of, recommendations_gallery
from evaluation.portrait.shelf import Shelf
from evaluation.portrait.subject import Person, Rule, persons_of, subject_of
from evaluation.protocol import Case
from evaluation.results import Figure, Gallery
from evaluation.running import Setting
from process.progress import Reporter

MOST_CASES = 500
"""Looked at, evenly over the period: enough for the user and for the shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """What the report shows of it, by key."""

    galleries: Mapping[str, Gallery]
    figures: Mapping[str, Figure]


def portrait(cases: Sequence[Case], chosen: Method, setting: Setting, reporter: Reporter) -> Portrait:
    """Figures 2, 3, 5 and 6.

    Args:
        cases: Of the test period.
        chosen: The fused method that Figure 6 shows.
        setting: The world, and how it is judged.
        reporter: Told of progress.
    """
    world = setting.world
    evenly = cases[:: max(len(cases) // MOST_CASES, 1)]
    with reporter.step("Portrait of a user"):
        before = cosines_before(world.log, world.vectors, N_BEFORE)
        figures = {"figure3.alone": newest_figure(before, setting.thresholds)} if len(before) else {}
        return Portrait(galleries=_galleries(evenly, before, chosen, setting), figures=figures)


def _galleries(
    cases: Sequence[Case], before: NDArray[np.float32], chosen: Method, setting: Setting
) -> dict[str, Gallery]:
    """The pictures of one user; none where nobody has so many interests."""
    rule, threshold = Rule(), setting.thresholds[0].cosine
    shelf = Shelf(pool=setting.world.vectors, retriever=setting.retriever, titles=setting.world.titles)
    persons = persons_of(_people(cases, setting))
    person = subject_of(persons, rule)
    found = averages(persons, shelf, rule, threshold)
    if person is None or found is None:
        return {}
    representatives = _people([person.case], setting).embeddings(chosen)[0]
    answers = answers_of(person, chosen, representatives, shelf, setting.protocol.n_candidates)
    galleries = {
        "figure2.average": averages_gallery(person, shelf, rule, threshold, found),
        "figure3.newest": newest_gallery(person, shelf, newest_finding(before, threshold)),
        "figure5.interests": interests_gallery(person, persons, shelf),
        "figure6.recommended": recommendations_gallery(person, chosen, answers, shelf),
    }
    subject = _subject(person, setting.protocol.window_days)
    return {key: replace(gallery, subject=subject) for key, gallery in galleries.items()}


def _people(cases: Sequence[Case], setting: Setting) -> People:
    pool = setting.world.vectors
    return People(cases, pool, GatheredCosines(pool), setting.world.alpha, Reporter(quiet=True))


def _subject(person: Person, window_days: int) -> str:
    case = person.case
    day = f"{datetime.fromtimestamp(case.now_s, UTC):%Y-%m-%d}"
    return f"User {case.user} on {day}, with {len(case.rows):,} actions in the {window_days} days before."
