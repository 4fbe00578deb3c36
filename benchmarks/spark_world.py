"""People for the benchmark of Spark: simulated actions on real pins, each person's around a few themes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.profile_world import NOW_S
from model.parameters import SECONDS_PER_DAY
from storage.pins.port import Pins

_N_THEMES, _PINS_A_THEME = 4_000, 200
_SEARCHED_TOGETHER = 100
_WINDOW_DAYS = 90
_USERS_A_FILE = 10_000
_SPREAD = 0.8


def themes_of(pins: Pins) -> NDArray[np.int64]:
    """int64 [themes, pins a theme]: rows of a pin and of those nearest to it."""
    n, k = min(_N_THEMES, pins.n_indexed), min(_PINS_A_THEME, pins.n_indexed)
    seeds = np.random.default_rng(0).choice(pins.n_indexed, n, replace=False)
    some_at_a_time = np.split(seeds, range(_SEARCHED_TOGETHER, n, _SEARCHED_TOGETHER))
    return np.concatenate([pins.search(pins.embeddings[some], k, ef_search=k)[1] for some in some_at_a_time])


def write_people(
    folder: Path, pins: Pins, themes: NDArray[np.int64], *, n_users: int, mean_actions: int
) -> None:
    """Write the actions of so many users, some thousands a file; the first ones are the same in any number.

    How much users do is log-normal: half of them do less than three quarters of the mean, one in a hundred
    over four times the mean.
    """
    folder.mkdir(parents=True)
    for number, first in enumerate(range(0, n_users, _USERS_A_FILE)):
        generator = np.random.default_rng(number)
        sizes = _sizes(generator, min(_USERS_A_FILE, n_users - first), mean_actions)
        table = _actions(pins, themes, generator, first, sizes)
        pq.write_table(table, folder / f"{number:05}.parquet")


def _sizes(generator: np.random.Generator, n: int, mean: int) -> NDArray[np.int64]:
    # The mean of a log-normal is exp(mu + spread^2 / 2).
    sizes = generator.lognormal(np.log(mean) - _SPREAD**2 / 2, _SPREAD, n)
    return np.maximum(sizes, 1).astype(np.int64)


def _actions(
    pins: Pins,
    themes: NDArray[np.int64],
    generator: np.random.Generator,
    first: int,
    sizes: NDArray[np.int64],
) -> pa.Table:
    n, users = int(sizes.sum()), np.repeat(np.arange(len(sizes)), sizes)
    own = generator.integers(len(themes), size=(len(sizes), int(sizes.max() ** 0.5) + 3))
    # Of as many themes as the square root of what they do, and three at least.
    which = generator.integers(1 << 30, size=n) % np.maximum(3, sizes**0.5).astype(np.int64)[users]
    rows = themes[own[users, which], generator.integers(themes.shape[1], size=n)]
    times_s = NOW_S - generator.integers(_WINDOW_DAYS * SECONDS_PER_DAY, size=n)
    # As a log is written: by time, everybody between each other.
    order = np.argsort(times_s, kind="stable")
    names = pa.array([f"user-{first + number:09}" for number in range(len(sizes))])
    return pa.table(
        {
            "user_id": names.take(users[order]),
            "pin_id": pa.array(pins.pin_ids(rows[order])),
            "timestamp": times_s[order],
            "action": pa.array(["save"]).take(np.zeros(n, np.int64)),
        }
    )
