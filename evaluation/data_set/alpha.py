"""Ward's threshold for a world, from nothing but what was known before its first judged day."""

import numpy as np
from numpy.typing import NDArray

from evaluation.worlds import ActionLog
from model.calibration import MIN_LIGHT_USERS, alpha_of_random_pairs, calibrate_alpha, merge_heights
from model.errors import CalibrationError
from model.interests import Actions
from model.parameters import SECONDS_PER_DAY

WINDOW_DAYS = 90
MAX_USERS = 5_000
"""The median needs no more; with more people, those chosen by chance."""
_MAX_ACTIONS = 1_000
"""Of one person, the newest: enough to tell that nobody has too many clusters."""


def calibrated_alpha(
    vectors: NDArray[np.float16], log: ActionLog, before_s: int, generator: np.random.Generator
) -> tuple[float, str]:
    """Alpha, and how it was found, in a sentence.

    As `profile_builder calibrate` does: light users of the last 90 days decide, or random pairs of pins where
    there are too few of them.

    Args:
        vectors: float16 [n, d], unit norm.
        log: Only what is earlier than `before_s` is looked at.
        before_s: Unix seconds of the first judged day.
        generator: For the choice of people and of pairs.
    """
    heights = [merge_heights(actions) for actions in _windows(vectors, log, before_s, generator)]
    try:
        calibration = calibrate_alpha(heights)
    except CalibrationError:
        return alpha_of_random_pairs(vectors, generator), (
            "the squared distance that 0.5 % of random pairs of pins stay within: fewer than "
            f"{MIN_LIGHT_USERS} people have 10 to 30 pins before the first judged day"
        )
    return calibration.alpha, (
        f"{calibration.n_light_users:,} people with 10 to 30 pins in the {WINDOW_DAYS} days before the first "
        f"judged day have a median of {calibration.median_clusters:g} interests"
    )


def _windows(
    vectors: NDArray[np.float16], log: ActionLog, before_s: int, generator: np.random.Generator
) -> list[Actions]:
    """Each person's positive actions in the window, newest first; of at most MAX_USERS people."""
    counted = log.is_positive & (log.times_s < before_s)
    counted &= log.times_s >= before_s - WINDOW_DAYS * SECONDS_PER_DAY
    users = np.unique(log.users[counted])
    chosen = np.sort(generator.permutation(users)[:MAX_USERS])
    places = np.flatnonzero(counted)[::-1]
    places = places[np.argsort(log.users[places], kind="stable")]
    starts = np.searchsorted(log.users[places], chosen)
    ends = np.searchsorted(log.users[places], chosen, side="right")
    return [
        _actions(vectors, log, places[start:end][:_MAX_ACTIONS])
        for start, end in zip(starts, ends, strict=True)
    ]


def _actions(vectors: NDArray[np.float16], log: ActionLog, places: NDArray[np.int64]) -> Actions:
    rows = log.rows[places]
    return Actions(
        pin_ids=tuple(map(str, rows.tolist())),
        vectors=vectors[rows],
        times_s=log.times_s[places],
        weights=np.ones(len(rows)),
    )
