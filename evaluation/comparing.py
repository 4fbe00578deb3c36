"""Sets methods side by side: every value with its interval, its lifts and the paper's figure."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.methods import LAST_PIN, SINGLES, Method
from evaluation.metrics import metric_names
from evaluation.protocol import Case
from evaluation.resampling import resample
from evaluation.results import Cell, Column, Lift, Row, Table, Threshold

PaperFigures = Mapping[str, Mapping[str, float]]
"""By metric, then by the key of the method: lifts over the last pin."""


class Comparison:
    """Methods measured on the same cases, resampled together so that differences are paired.

    Args:
        methods: In the order of tables; the last pin must be among them.
        values: By key float64 [n_cases, k].
        metrics: k names.
        cases: The cases.
        n_resamples: Of the bootstrap.
    """

    def __init__(
        self,
        methods: Sequence[Method],
        values: Mapping[str, NDArray[np.float64]],
        metrics: Sequence[str],
        cases: Sequence[Case],
        *,
        n_resamples: int,
    ) -> None:
        self.methods = tuple(methods)
        self._metrics = list(metrics)
        self._place = {method.key: i for i, method in enumerate(methods)}
        columns = np.concatenate([values[method.key] for method in methods], axis=1)
        self._resampled = resample(cases, columns, n_resamples, np.random.default_rng(0))

    def value(self, method: Method, metric: str) -> float:
        """The mean."""
        return float(self._resampled.means[self._column(method, metric)])

    def best_single(self, metric: str) -> Method:
        """The single embedding with the highest mean."""
        singles = [method for method in SINGLES if method.key in self._place]
        return max(singles, key=lambda method: self.value(method, metric))

    def over_best_single(self, method: Method, metric: str) -> Lift | None:
        """The lift over the best single embedding of this metric."""
        best = self._column(self.best_single(metric), metric)
        return self._resampled.lift(self._column(method, metric), best)

    def cell(self, method: Method, metric: str, paper: float | None) -> Cell:
        """Everything about one value."""
        column = self._column(method, metric)
        low, high = self._resampled.interval(column)
        return Cell(
            value=self.value(method, metric),
            low=low,
            high=high,
            over_last_pin=self._resampled.lift(column, self._column(LAST_PIN, metric)),
            over_best_single=self.over_best_single(method, metric),
            paper=paper,
        )

    def table(self, title: str, note: str, columns: Mapping[str, Column], paper: PaperFigures) -> Table:
        """All methods against these metrics."""
        rows = tuple(
            Row(
                name=method.title,
                kind=method.kind,
                cells={
                    metric: self.cell(method, metric, paper.get(metric, {}).get(method.key))
                    for metric in columns
                },
            )
            for method in self.methods
        )
        return Table(title=title, note=note, columns=columns, rows=rows)

    def _column(self, method: Method, metric: str) -> int:
        return self._place[method.key] * len(self._metrics) + self._metrics.index(metric)


def compared(
    methods: Sequence[Method],
    values: Mapping[str, NDArray[np.float64]],
    thresholds: Sequence[Threshold],
    cases: Sequence[Case],
    *,
    n_resamples: int,
) -> Comparison:
    """A comparison by the metrics of Tables 4 and 5."""
    names = metric_names([threshold.key for threshold in thresholds])
    return Comparison(methods, values, names, cases, n_resamples=n_resamples)


def retrieval_columns(thresholds: Sequence[Threshold]) -> dict[str, Column]:
    """Relevance at each threshold, and recall."""
    relevance = {
        f"relevance@{threshold.key}": Column(
            title=f"Relevance, cosine ≥ {threshold.cosine:.2f}", unit="share"
        )
        for threshold in thresholds
    }
    return {**relevance, "recall": Column(title="Recall", unit="share")}


def ranking_columns() -> dict[str, Column]:
    """Of Table 5."""
    return {
        "r_precision": Column(title="R-precision", unit="share"),
        "reciprocal_rank": Column(title="Reciprocal rank", unit="share"),
    }
