"""A world a person can solve by hand: pins on a circle, and people who like what is near."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.protocol import Case, Protocol
from evaluation.results import Reading, Threshold
from evaluation.retrieval import ExactRetriever
from evaluation.running import Setting
from evaluation.worlds import ActionLog, World, ordered_log
from model.parameters import SECONDS_PER_DAY

DAY_0 = 20_000
"""Days since 1970 of the first judged day."""
N_PINS = 24


def circle(n: int = N_PINS) -> NDArray[np.float16]:
    """Row i points i / n of a full turn from east."""
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float16)


def log_of(*actions: tuple[int, int, float, bool]) -> ActionLog:
    """Actions as (user, row, days after the first judged day, whether liked)."""
    users, rows, days, liked = zip(*actions, strict=True)
    times_s = [round((DAY_0 + day) * SECONDS_PER_DAY) for day in days]
    return ordered_log(np.array(users), np.array(rows), np.array(times_s), np.array(liked))


def town(log: ActionLog) -> World:
    """Two days of validation, two of test."""
    return World(
        name="town",
        title="Town",
        note="",
        vectors=circle(),
        log=log,
        test_from_s=DAY_0 * SECONDS_PER_DAY,
        validation_days=2,
        test_days=2,
        alpha=0.2,
        alpha_from="by hand",
        titles=None,
    )


def busy_log() -> ActionLog:
    """Six people around the circle, each acting on two earlier days and on every judged one."""
    return log_of(
        *(
            (user, (4 * user + step) % N_PINS, day, True)
            for user in range(6)
            for step, day in enumerate(_DAYS)
        ),
        *((user, (4 * user + 12) % N_PINS, 1.5, False) for user in range(6)),
    )


_DAYS = (-9.5, -2.5, 0.5, 1.5, 2.5, 3.5)


def case_of(
    rows: list[int],
    positives: list[int],
    *,
    seen: list[int] | None = None,
    ages_days: list[float] | None = None,
) -> Case:
    """One user whose newest action was yesterday, judged on the first day."""
    ages = ages_days or [float(len(rows) - i) for i in range(len(rows))]
    return Case(
        user=0,
        day=DAY_0,
        rows=np.array(rows),
        times_s=np.array([round((DAY_0 - age) * SECONDS_PER_DAY) for age in ages]),
        positives=np.array(positives),
        impressions=np.array([], np.int64),
        seen=np.array(seen or [], np.int64),
    )


def setting_of(world: World, folder: Path, **changes: Any) -> Setting:
    """One process, two thresholds, six candidates."""
    setting = Setting(
        world=world,
        retriever=ExactRetriever(world.vectors),
        protocol=Protocol(n_candidates=6, n_resamples=20, n_seeds=5, impressions_per_action=3),
        thresholds=(
            Threshold(key="0.5%", cosine=0.95, origin="by hand", share_of_random_pairs=0.1),
            Threshold(key="0.8", cosine=0.8, origin="the paper's", share_of_random_pairs=0.2),
        ),
        folder=folder,
        n_processes=1,
        max_cases=None,
        search=Reading(what="Search", value="exact", is_papers=False),
        indexes=folder / "indexes",
    )
    return replace(setting, **changes)
