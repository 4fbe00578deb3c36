"""A data set in our format as a world: its pins, its actions, the days to judge, and alpha."""

from pathlib import Path

import numpy as np

from evaluation.data_set.actions import UNKNOWN_PIN, read_actions
from evaluation.data_set.alpha import calibrated_alpha
from evaluation.data_set.period import Period
from evaluation.data_set.pins import read_pins
from evaluation.errors import EvaluationError
from evaluation.worlds import World
from process.progress import Reporter
from storage.dataset import DataSet
from storage.rejects import Rejects

MAX_REJECT_SHARE = 0.05
"""Of the rows of each file, as for the programs that build from them."""


def read_world(
    data_set: DataSet, period: Period, *, note: str, rejects_file: Path, reporter: Reporter, seed: int = 0
) -> World:
    """Read a data set for the experiments. Equal input gives an equal world.

    Args:
        data_set: As storage.dataset reads it.
        period: Which days are judged.
        note: What a reader of the results must know about the data; what was left out is added.
        rejects_file: Where bad rows are written, with their reasons.
        reporter: Told of progress.
        seed: For the choice of people and pairs on which alpha is calibrated.

    Raises:
        DataError: The data cannot be read, or too much of it is bad.
        EvaluationError: It has no actions, or not in that period.
    """
    if data_set.actions is None:
        raise EvaluationError(
            f"the data set {data_set.name} names no actions, so nobody's next action can be predicted. Add "
            'actions = "actions.parquet" to its dataset.toml.'
        )
    with Rejects(rejects_file) as rejects:
        pins = read_pins(data_set.pins, rejects, reporter)
        rejects.check(len(pins.pin_ids) + rejects.counts.total(), MAX_REJECT_SHARE)
        n_bad_pins = rejects.counts.total()
        log = read_actions(data_set.actions, pins.pin_ids, data_set.action_weights, rejects, reporter)
        rejects.check(len(log) + rejects.counts.total(), MAX_REJECT_SHARE, tolerated=(UNKNOWN_PIN,))
    test_from_s = period.begin_s(log)
    with reporter.step("Calibrate alpha"):
        alpha, alpha_from = calibrated_alpha(pins.vectors, log, test_from_s, np.random.default_rng(seed))
    left_out = _left_out(n_bad_pins, rejects)
    return World(
        name=data_set.name,
        title=data_set.name,
        note=" ".join(part for part in (note, left_out) if part),
        vectors=pins.vectors,
        log=log,
        test_from_s=test_from_s,
        validation_days=period.validation_days,
        test_days=period.test_days,
        alpha=alpha,
        alpha_from=alpha_from,
        titles=pins.titles,
    )


def _left_out(n_bad_pins: int, rejects: Rejects) -> str:
    """What the reader must know of the rows that were not read; "" when all were."""
    n_actions = rejects.counts.total() - n_bad_pins
    parts = [f"{n_bad_pins:,} pins"] * (n_bad_pins > 0) + [f"{n_actions:,} actions"] * (n_actions > 0)
    return f"Left out: {' and '.join(parts)} (see {rejects.path.name})." if parts else ""
