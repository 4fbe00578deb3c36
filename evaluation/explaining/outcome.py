"""Means over cases with what is certain about them: intervals, lifts, and how lifts differ, all paired."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.protocol import Case
from evaluation.resampling import Resampled, resample
from evaluation.results import Lift

Keys = str | Sequence[str]
"""A key, or those of which the best is meant."""

_ENDS = (2.5, 97.5)


class Outcome:
    """The values of some keys, resampled together.

    Args:
        values: By key float64 [n_cases, k].
        columns: k names.
        cases: n, ordered by day.
        n_resamples: Of the bootstrap over users.
    """

    def __init__(
        self,
        values: Mapping[str, NDArray[np.float64]],
        columns: Sequence[str],
        cases: Sequence[Case],
        *,
        n_resamples: int,
    ) -> None:
        self._place = {
            (key, column): i * len(columns) + j
            for i, key in enumerate(values)
            for j, column in enumerate(columns)
        }
        whole = np.concatenate(list(values.values()), axis=1)
        self._resampled = resample(cases, whole, n_resamples, np.random.default_rng(0))

    def value(self, key: str, column: str) -> float:
        """The mean: every day counts the same, and within a day every user."""
        return float(self._resampled.means[self._place[key, column]])

    def interval(self, key: str, column: str) -> tuple[float, float]:
        """The mean's 95 % interval."""
        return self._resampled.interval(self._place[key, column])

    def best(self, keys: Sequence[str], column: str) -> str:
        """The key with the highest mean."""
        return max(keys, key=lambda key: self.value(key, column))

    def lift(self, key: Keys, over: Keys, column: str) -> Lift | None:
        """How much more one key has than another; of several the best is meant."""
        return self._resampled.lift(*self._pair((key, over), column))

    def ratio(self, key: str, column: str, by: str) -> Lift | None:
        """One column of a key divided by another, with its interval; None where the other is nothing."""
        found = self._resampled.lift(self._place[key, column], self._place[key, by])
        if found is None or found.low is None or found.high is None:
            return None
        return Lift(value=found.value + 1, low=found.low + 1, high=found.high + 1)

    def lift_of_sums(self, keys: Sequence[str], over: Sequence[str], column: str) -> Lift | None:
        """How much more some keys have together than some others."""
        above, below = ([self._place[key, column] for key in some] for some in (keys, over))
        summed = Resampled(
            means=self._summed(self._resampled.means, above, below),
            resamples=self._summed(self._resampled.resamples, above, below),
        )
        return summed.lift(0, 1)

    def change(
        self,
        after: tuple[Keys, Keys],
        before: tuple[Keys, Keys],
        column: str,
    ) -> Lift | None:
        """How a lift, given as (key, over), differs from another one: (1 + after) / (1 + before) - 1."""
        means, samples = self._resampled.means, self._resampled.resamples
        places = [place for pair in (after, before) for place in self._pair(pair, column)]
        if (means[places] <= 0).any():
            return None
        usable = (samples[:, places] > 0).all(axis=1)
        a, b, c, d = samples[usable][:, places].T
        low, high = np.percentile(a / b / (c / d) - 1, _ENDS)
        a, b, c, d = means[places]
        return Lift(value=float(a / b / (c / d) - 1), low=float(low), high=float(high))

    @staticmethod
    def _summed(values: NDArray[np.float64], *places: Sequence[int]) -> NDArray[np.float64]:
        """float64 [..., groups]: columns added up in groups."""
        return np.stack([values[..., list(group)].sum(axis=-1) for group in places], axis=-1)

    def _pair(self, pair: tuple[Keys, Keys], column: str) -> tuple[int, int]:
        key, over = (keys if isinstance(keys, str) else self.best(keys, column) for keys in pair)
        return self._place[key, column], self._place[over, column]
