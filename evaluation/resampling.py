"""Means over days and users, and how sure they are: a paired bootstrap over users."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.protocol import Case
from evaluation.results import Lift

_LOW, _HIGH = 2.5, 97.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampled:
    """The mean of every column, in the data and in each resample.

    Attributes:
        means: float64 [k]: every day counts the same, and within a day every user.
        resamples: float64 [b, k]: the same for b samples of as many users, drawn with replacement. One draw
            serves all columns: they are paired.
    """

    means: NDArray[np.float64]
    resamples: NDArray[np.float64]

    def interval(self, column: int) -> tuple[float, float]:
        """The 95 % interval of a mean."""
        return _interval(self.resamples[:, column])

    def lift(self, column: int, over: int) -> Lift | None:
        """How much more a column has than another, relative to it; None over nothing."""
        if self.means[over] <= 0:
            return None
        return Lift(
            value=float(self.means[column] / self.means[over] - 1),
            **_ends(_ratios(self.resamples[:, column], self.resamples[:, over])),
        )


def resample(
    cases: Sequence[Case], columns: NDArray[np.float64], n_resamples: int, generator: np.random.Generator
) -> Resampled:
    """Draw users with replacement, with all their days.

    Args:
        cases: n, ordered by day.
        columns: float64 [n, k], values of each case.
        n_resamples: b.
        generator: Where the draws come from.
    """
    days = np.array([case.day for case in cases])
    starts = np.flatnonzero(np.diff(days, prepend=-1))
    users, user_of = np.unique([case.user for case in cases], return_inverse=True)
    counts = generator.multinomial(len(users), np.full(len(users), 1 / len(users)), size=n_resamples)
    return Resampled(
        means=_means(columns, np.ones((1, len(cases))), starts)[0],
        resamples=_means(columns, counts[:, user_of].astype(np.float64), starts),
    )


def _means(
    columns: NDArray[np.float64], weights: NDArray[np.float64], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """float64 [b, k] for weights [b, n] of the cases; a day without anyone does not count."""
    totals, n_days = np.zeros((len(weights), columns.shape[1])), np.zeros((len(weights), 1))
    ends = [*starts[1:].tolist(), len(columns)]
    for start, end in zip(starts.tolist(), ends, strict=True):
        of_day = weights[:, start:end]
        n_users = of_day.sum(axis=1, keepdims=True)
        totals += of_day @ columns[start:end] / np.maximum(n_users, 1)
        n_days += n_users > 0
    return totals / n_days


def _ratios(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    usable = b > 0
    return a[usable] / b[usable] - 1


def _ends(values: NDArray[np.float64]) -> dict[str, float]:
    low, high = _interval(values)
    return {"low": low, "high": high}


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [_LOW, _HIGH])
    return float(low), float(high)
