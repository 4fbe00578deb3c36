"""Calibration, step by step: what users did, their dendrograms, one alpha, model.toml."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.calibration import (
    MAX_LIGHT_PINS,
    MIN_LIGHT_PINS,
    MIN_LIGHT_USERS,
    Calibration,
    alpha_of_random_pairs,
    calibrate_alpha,
    describe_alpha,
    merge_heights,
)
from model.parameters import Parameters
from process.progress import Reporter
from profile_builder.actions import ActionTable
from profile_builder.errors import ModelExistsError
from profile_builder.inputs import ActionInput, ReadPolicy, WindowActions, nobody_usable, read_window
from profile_builder.users import model_actions, newest, positive
from storage.model_file import ModelFile, read_model_file, write_model_file
from storage.pins.port import Pins
from storage.rejects import Rejects

# Any number serves: the same input must give the same alpha.
_SEED = 2_020


@dataclass(frozen=True, kw_only=True)
class CalibrateParts:
    """What a calibration works with.

    Attributes:
        source: The actions.
        pins: The artefact, whose embedding space alpha will belong to.
        out: The model file to write.
        rejects: Where bad rows go.
        reporter: Who hears of the progress.
    """

    source: ActionInput
    pins: Pins
    out: Path
    rejects: Rejects
    reporter: Reporter


@dataclass(frozen=True, kw_only=True)
class CalibratePolicy:
    """How a calibration works.

    Attributes:
        read: How actions are read; its window goes into the model file.
        lambda_per_day: Goes into the model file; alpha does not depend on it.
        max_actions: The newest so many of a user's actions are clustered.
        replace: Write over a model file that says something else.
        max_users: Of more a sample is clustered: a median does not need them all.
    """

    read: ReadPolicy
    lambda_per_day: float
    max_actions: int
    replace: bool
    max_users: int = 50_000


@dataclass(frozen=True, kw_only=True)
class CalibrateResult:
    """What a calibration found, for its summary."""

    model_file: ModelFile
    calibration: Calibration
    actions: WindowActions


def run_calibration(parts: CalibrateParts, policy: CalibratePolicy) -> CalibrateResult:
    """Read the window, cluster its users, choose alpha, write the model file.

    Raises:
        StorageError: Bad data, nobody's actions can be used, or the file cannot be written.
        CalibrationError: No alpha tells these pins apart.
        ModelExistsError: Another model is there, and may not be replaced.
    """
    actions = read_window(
        parts.source, parts.pins, policy.read, rejects=parts.rejects, reporter=parts.reporter
    )
    heights = _heights(actions.selected.actions, parts, policy)
    if not heights:
        raise nobody_usable(parts.rejects)
    calibration = _calibrated(heights, parts.pins)
    model_file = ModelFile(
        embedding_space=parts.pins.embedding_space,
        parameters=Parameters(
            alpha=calibration.alpha,
            lambda_per_day=policy.lambda_per_day,
            window_days=policy.read.window_days,
        ),
    )
    if not policy.replace:
        _refuse_another(parts.out, model_file)
    write_model_file(parts.out, model_file)
    return CalibrateResult(model_file=model_file, calibration=calibration, actions=actions)


def _heights(table: ActionTable, parts: CalibrateParts, policy: CalibratePolicy) -> list[NDArray[np.float64]]:
    """The merge heights of every user with a usable action, or of a sample of the users."""
    users = [
        usable
        for i in _sampled(len(table), policy.max_users)
        if len(usable := newest(positive(table.user(i)), parts.pins, policy.max_actions))
    ]
    each = parts.reporter.each("Cluster users", users, len(users))
    return [merge_heights(model_actions(user, parts.pins)) for user in each]


def _sampled(n_users: int, most: int) -> Sequence[int]:
    if n_users <= most:
        return range(n_users)
    return sorted(np.random.default_rng(_SEED).choice(n_users, most, replace=False).tolist())


def _calibrated(heights: Sequence[NDArray[np.float64]], pins: Pins) -> Calibration:
    """From light users' dendrograms; from random pairs of pins where there are too few of them."""
    # A user of m pins has m - 1 merges.
    n_light = sum(MIN_LIGHT_PINS <= len(merges) + 1 <= MAX_LIGHT_PINS for merges in heights)
    if n_light >= MIN_LIGHT_USERS:
        return calibrate_alpha(heights)
    return describe_alpha(alpha_of_random_pairs(pins.embeddings, np.random.default_rng(_SEED)), heights)


def _refuse_another(path: Path, model_file: ModelFile) -> None:
    """Profiles already built depend on the model there, and somebody may have edited it."""
    if path.exists() and (there := read_model_file(path)) != model_file:
        raise ModelExistsError(
            f"{path} holds another model: version {there.version}, alpha {there.parameters.alpha:.4g}, for "
            f"{there.embedding_space}. This calibration gives version {model_file.version}, alpha "
            f"{model_file.parameters.alpha:.4g}, for {model_file.embedding_space}. Write it elsewhere with "
            "--out, or say --replace."
        )
