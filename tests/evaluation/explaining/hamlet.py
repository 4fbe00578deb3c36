"""A small pool without ties, so that two ways to the same answer must agree to the last pin."""

import numpy as np
from numpy.typing import NDArray

from evaluation.cosines import GatheredCosines
from evaluation.explaining.sights import Sight, sight_of
from evaluation.protocol import Case
from evaluation.worlds import World, ordered_log
from model.parameters import SECONDS_PER_DAY
from tests.evaluation.town import DAY_0, circle

N_PINS, DIMENSION, N_USERS = 120, 6, 8


def pool() -> NDArray[np.float16]:
    """Pins in all directions, and a little more in one of them."""
    X = np.random.default_rng(1).standard_normal((N_PINS, DIMENSION)) + 0.5 * np.eye(DIMENSION)[0]
    unit: NDArray[np.float16] = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float16)
    return unit


def hamlet() -> World:
    """Eight people with twelve earlier actions each, and three new ones on each of two judged days."""
    generator = np.random.default_rng(2)
    users = np.repeat(np.arange(N_USERS), 18)
    rows = np.concatenate([generator.permutation(N_PINS)[:18] for _ in range(N_USERS)])
    days = np.tile([*np.linspace(-40, -1, 12), *(0.2, 0.4, 0.6), *(1.2, 1.4, 1.6)], N_USERS)
    times_s = np.round((DAY_0 + days) * SECONDS_PER_DAY).astype(np.int64)
    return World(
        name="hamlet",
        title="Hamlet",
        note="",
        vectors=pool(),
        log=ordered_log(users, rows, times_s, np.ones(len(users), np.bool_)),
        test_from_s=DAY_0 * SECONDS_PER_DAY,
        validation_days=2,
        test_days=1,
        alpha=0.9,
        alpha_from="by hand",
        titles=None,
    )


def on_circle(case: Case, *, alpha: float = 0.2) -> Sight:
    """What a case sees of 24 pins on a circle."""
    return sight_of(case, circle(), GatheredCosines(circle()), alpha)
