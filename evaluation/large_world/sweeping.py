"""The sweep: how what wins depends on the people and on the pool."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.comparing import Comparison, compared
from evaluation.large_world.parameters import Variation
from evaluation.methods import DEFAULT, LAST_PIN, SINGLES, TOP_10, Method
from evaluation.results import Cell, Column, Figure, Row, Series, Table
from evaluation.running import Plan, Setting, run
from process.progress import Reporter

METRICS = {
    "relevance@0.5%": "Relevance at the calibrated threshold",
    "relevance@0.8": "Relevance at cosine 0.8",
    "recall": "Recall",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one world of the sweep showed.

    Attributes:
        variation: The world.
        comparison: Of its methods, on the test period.
        n_cases: How many requests it rests on.
    """

    variation: Variation
    comparison: Comparison
    n_cases: int


def swept(variation: Variation, fused: Sequence[Method], setting: Setting, reporter: Reporter) -> Swept:
    """Measure one world: single embeddings, the default, the most important ten, and `fused`.

    Raises:
        EvaluationError: Nobody can be judged.
    """
    methods = (*SINGLES, DEFAULT, TOP_10)
    measured = run(Plan(name="sweep", period="test", methods=methods, fused=tuple(fused)), setting, reporter)
    comparison = compared(
        (*methods, *fused),
        measured.values,
        setting.thresholds,
        measured.cases,
        n_resamples=setting.protocol.n_resamples,
    )
    return Swept(variation=variation, comparison=comparison, n_cases=len(measured.cases))


def figures(points: Sequence[Swept], fused: Sequence[Method]) -> dict[str, Figure]:
    """Lifts over the best single embedding along every axis, a figure for each axis and metric."""
    shown = (LAST_PIN, DEFAULT, TOP_10, *fused)
    return {
        f"sweep.{axis}.{metric}": Figure(
            title=f"{title}: lift over the best single embedding, by {axis}",
            shape="lines",
            x_title=axis,
            y_title="lift over the best single embedding",
            y_unit="lift",
            series=tuple(line for method in shown if (line := _line(method, metric, of_axis)) is not None),
        )
        for axis, of_axis in _by_axis(points)
        for metric, title in METRICS.items()
    }


def tables(points: Sequence[Swept], fused: Sequence[Method]) -> dict[str, Table]:
    """For every axis and world: the methods' values and lifts, by metric."""
    shown = (*SINGLES, DEFAULT, TOP_10, *fused)
    return {
        f"sweep.{axis}": Table(
            title=f"Sweep: {axis}",
            columns={metric: Column(title=title, unit="share") for metric, title in METRICS.items()},
            rows=tuple(
                Row(
                    name=f"{point.variation.value:,g}: {method.title}",
                    kind=method.kind,
                    cells=_cells(point.comparison, method),
                )
                for point in of_axis
                for method in shown
            ),
        )
        for axis, of_axis in _by_axis(points)
    }


def findings(points: Sequence[Swept], fused: Sequence[Method]) -> tuple[str, ...]:
    """Where a single embedding wins: in which worlds nothing measured beats it on recall."""
    others = (DEFAULT, TOP_10, *fused)
    lost = [
        f"{point.variation.axis} {point.variation.value:,g}"
        for point in points
        if all((_lift(point, method, "recall") or 0.0) <= 0 for method in others)
    ]
    where = "; ".join(lost) or "none"
    return (f"Of {len(points)} worlds, a single embedding has the best recall in: {where}.",)


def _by_axis(points: Sequence[Swept]) -> Iterator[tuple[str, list[Swept]]]:
    for axis in dict.fromkeys(point.variation.axis for point in points):
        yield axis, [point for point in points if point.variation.axis == axis]


def _line(method: Method, metric: str, points: Sequence[Swept]) -> Series | None:
    """The method's lifts along an axis, where the best single embedding's value is not 0."""
    lifts = [(point.variation.value, point.comparison.over_best_single(method, metric)) for point in points]
    known = [(x, lift) for x, lift in lifts if lift is not None]
    if not known:
        return None
    return Series(
        name=method.title,
        kind=method.kind,
        x=tuple(x for x, _ in known),
        y=tuple(lift.value for _, lift in known),
        low=tuple(lift.value if lift.low is None else lift.low for _, lift in known),
        high=tuple(lift.value if lift.high is None else lift.high for _, lift in known),
    )


def _cells(comparison: Comparison, method: Method) -> dict[str, Cell]:
    return {metric: comparison.cell(method, metric, None) for metric in METRICS}


def _lift(point: Swept, method: Method, metric: str) -> float | None:
    lift = point.comparison.over_best_single(method, metric)
    return None if lift is None else lift.value
