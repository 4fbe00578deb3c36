"""A data set in our format as a world: its pins, its actions, the days to judge, and alpha."""

from pathlib import Path

import numpy as np

from evaluation.data_set.actions import UNKNOWN_PIN, read_actions
from evaluation.data_set.alpha import calibrated_alpha
from evaluation.data_set.period import Period
from evaluation.data_set.pins import PoolPins, read_pins
from evaluation.errors import EvaluationError
from evaluation.worlds import ActionLog, World
from process.progress import Reporter
from storage.dataset import DataSet
from storage.rejects import Rejects

MAX_REJECT_SHARE = 0.05
"""Of the rows of each file, as for the programs that build from them."""


def read_world(
    data_set: DataSet,
    period: Period,
    *,
    note: str,
    rejects_file: Path,
    reporter: Reporter,
    title: str | None = None,
    seed: int = 0,
) -> World:
    """Read a data set for the experiments. Equal input gives an equal world.

    Args:
        data_set: As storage.dataset reads it.
        period: Which days are judged.
        note: What a reader of the results must know about the data; what was left out is added.
        rejects_file: Where bad rows are written, with their reasons.
        reporter: Told of progress.
        title: For people; None: the data set's name.
        seed: For the choice of people and pairs on which alpha is calibrated.

    Raises:
        DataError: The data cannot be read, or too much of it is bad.
        EvaluationError: It has no actions, or not in that period.
    """
    with Rejects(rejects_file) as rejects:
        pins = read_pins(data_set.pins, rejects, reporter)
        n_bad_pins = rejects.counts.total()
        rejects.check(len(pins) + n_bad_pins, MAX_REJECT_SHARE)
        log = _read_log(data_set, pins, rejects, reporter)
        n_bad_actions = rejects.counts.total() - n_bad_pins
    test_from_s = period.begin_s(log)
    with reporter.step("Calibrate alpha"):
        alpha, alpha_from = calibrated_alpha(pins.vectors, log, test_from_s, np.random.default_rng(seed))
    return World(
        name=data_set.name,
        title=title or data_set.name,
        note=" ".join(filter(None, [note, _left_out(n_bad_pins, n_bad_actions, rejects_file)])),
        vectors=pins.vectors,
        log=log,
        test_from_s=test_from_s,
        validation_days=period.validation_days,
        test_days=period.test_days,
        alpha=alpha,
        alpha_from=alpha_from,
        titles=pins.names(),
    )


def _read_log(data_set: DataSet, pins: PoolPins, rejects: Rejects, reporter: Reporter) -> ActionLog:
    if data_set.actions is None:
        raise EvaluationError(
            f"the data set {data_set.name} names no actions, so nobody's next action can be predicted. Add "
            'actions = "actions.parquet" to its dataset.toml.'
        )
    before = rejects.counts.copy()
    log = read_actions(data_set.actions, pins.pin_ids, data_set.action_weights, rejects, reporter)
    n_bad = (rejects.counts - before).total()
    rejects.check(len(log) + n_bad, MAX_REJECT_SHARE, tolerated=(UNKNOWN_PIN, *before))
    return log


def _left_out(n_pins: int, n_actions: int, rejects_file: Path) -> str:
    """What the reader must know of the rows that were not read; "" when all were."""
    parts = [f"{n:,} {what}" for n, what in ((n_pins, "pins"), (n_actions, "actions")) if n]
    return f"Left out: {' and '.join(parts)} (see {rejects_file.name})." if parts else ""
