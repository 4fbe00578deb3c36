"""Users to build profiles of: pins around a few themes each, drawn from nobody else's."""

import numpy as np
from numpy.typing import NDArray

from model.interests import Actions
from model.parameters import SECONDS_PER_DAY, Parameters
from profile_builder.actions import ActionTable
from profile_builder.users import Rules
from storage.embedding_space import EmbeddingSpace
from storage.pins.memory import InMemoryPins

NOW_S = 1_700_000_000
PARAMETERS = Parameters(alpha=1.5)
"""Gives users of 20 pins 4 clusters and users of 2,000 some 45: near the paper's."""

_WINDOW_DAYS = 90
_PINS_A_THEME = 1_000


def user_of(m: int, d: int, seed: int) -> Actions:
    """One action on each of m pins, around sqrt(m) themes, over the window."""
    generator = np.random.default_rng([m, seed])
    themes = generator.normal(size=(max(3, round(m**0.5)), d))
    return Actions(
        pin_ids=tuple(f"pin-{seed}-{i:06}" for i in range(m)),
        vectors=_around(themes[generator.integers(len(themes), size=m)], generator),
        times_s=NOW_S - generator.integers(_WINDOW_DAYS * SECONDS_PER_DAY, size=m),
        weights=np.ones(m),
    )


def pins_of(n: int, d: int) -> InMemoryPins:
    """An artefact's pins, theme after theme."""
    generator = np.random.default_rng(0)
    themes = generator.normal(size=(-(-n // _PINS_A_THEME), d))
    X = _around(np.repeat(themes, _PINS_A_THEME, axis=0)[:n], generator)
    return InMemoryPins([f"pin-{i:08}" for i in range(n)], X, embedding_space=EmbeddingSpace("themes", d))


def actions_of(n_users: int, m: int, n_pins: int) -> ActionTable:
    """Users of m actions each, on pins of a few themes."""
    generator = np.random.default_rng(1)
    theme_of = generator.integers(n_pins // _PINS_A_THEME, size=(n_users, max(3, round(m**0.5))))
    of_action = np.take_along_axis(theme_of, generator.integers(theme_of.shape[1], size=(n_users, m)), axis=1)
    rows = of_action * _PINS_A_THEME + generator.integers(_PINS_A_THEME, size=(n_users, m))
    return ActionTable(
        user_ids=tuple(f"user-{i:08}" for i in range(n_users)),
        starts=m * np.arange(n_users + 1),
        rows=rows.ravel(),
        times_s=NOW_S - generator.integers(_WINDOW_DAYS * SECONDS_PER_DAY, size=n_users * m),
        weights=np.ones(n_users * m),
    )


def rules_of(d: int) -> Rules:
    """Those of a batch."""
    return Rules(
        embedding_space=EmbeddingSpace("themes", d),
        parameters=PARAMETERS,
        parameters_version="benchmark",
        cut_s=NOW_S,
        watermark_s=NOW_S,
        max_actions=2_000,
    )


def _around(themes: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float16]:
    X = themes + 0.8 * generator.normal(size=themes.shape)
    unit: NDArray[np.float64] = X / np.linalg.norm(X, axis=1, keepdims=True)
    return unit.astype(np.float16)
