"""Figures and tables of lifts, in the form of every report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluation.explaining.judging import METRICS
from evaluation.explaining.outcome import Keys, Outcome
from evaluation.results import Cell, Column, Figure, Lift, Row, Series, Table, Threshold, Unit

DRAWN = (METRICS[0], METRICS[2])
"""What figures show; relevance at 0.8 goes with the one or the other, and stands in tables."""

_VALUE = "value"

OVER_BEST = "lift over the best single embedding"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a line: the lift of a key over others, at x."""

    x: float | str
    key: Keys
    over: Keys


@dataclass(frozen=True, slots=True)
class Line:
    """A method under something that varies."""

    name: str
    kind: str
    points: tuple[Point, ...]


def measures(thresholds: Sequence[Threshold]) -> dict[str, str]:
    """The metrics, with their titles."""
    calibrated, papers = thresholds
    return {
        METRICS[0]: f"Relevance, cosine ≥ {calibrated.cosine:.2f}",
        METRICS[1]: f"Relevance, cosine ≥ {papers.cosine:.2f}",
        METRICS[2]: "Recall",
    }


def lift_figures(
    key: str,
    outcome: Outcome,
    lines: Sequence[Line],
    titles: Mapping[str, str],
    *,
    title: str,
    x_title: str,
    x_unit: Unit = "none",
    note: str = "",
) -> dict[str, Figure]:
    """Two figures: of relevance at the calibrated threshold, and of recall."""
    return {
        f"{key}.{metric}": Figure(
            title=f"{title}: {metric_title.lower()}",
            shape="lines",
            x_title=x_title,
            y_title=metric_title,
            x_unit=x_unit,
            y_unit="lift",
            note=note,
            series=tuple(line for line in (_series(outcome, one, metric) for one in lines) if line.x),
        )
        for metric, metric_title in titles.items()
        if metric in DRAWN
    }


def lift_table(
    outcome: Outcome,
    rows: Sequence[tuple[str, str, str]],
    titles: Mapping[str, str],
    *,
    title: str,
    over: Keys,
    note: str = "",
    extra: Mapping[str, tuple[Column, Mapping[str, float]]] | None = None,
) -> Table:
    """Lifts: one line a (key, name, kind), one column a metric, then recall itself and other facts.

    Args:
        outcome: Where the values are.
        rows: The lines.
        titles: By metric.
        title: Of the table.
        over: What lifts are over.
        note: How to read it.
        extra: By key a column, and its values by the keys of the lines.
    """
    extra = extra or {}
    return Table(
        title=title,
        note=note,
        columns={
            **lift_columns(titles),
            _VALUE: Column(title="Recall itself", unit="share"),
            **{key: column for key, (column, _) in extra.items()},
        },
        rows=tuple(
            Row(
                name=name,
                kind=kind,
                cells={
                    **lift_cells(outcome, key, over, titles),
                    _VALUE: Cell(value=outcome.value(key, METRICS[2])),
                    **{name: Cell(value=facts[key]) for name, (_, facts) in extra.items() if key in facts},
                },
            )
            for key, name, kind in rows
        ),
    )


def lift_columns(titles: Mapping[str, str]) -> dict[str, Column]:
    """A column of lifts for each metric."""
    return {metric: Column(title=title, unit="lift") for metric, title in titles.items()}


def lift_cells(outcome: Outcome, key: Keys, over: Keys, metrics: Iterable[str]) -> dict[str, Cell]:
    """The lifts of one line."""
    return {metric: as_cell(outcome.lift(key, over, metric)) for metric in metrics}


def as_cell(lift: Lift | None) -> Cell:
    """A lift as the value of a cell."""
    return Cell(value=None) if lift is None else Cell(value=lift.value, low=lift.low, high=lift.high)


def ends(lift: Lift) -> tuple[float, float]:
    """The ends of its interval; the value itself where there is none."""
    return (
        lift.value if lift.low is None else lift.low,
        lift.value if lift.high is None else lift.high,
    )


def _series(outcome: Outcome, line: Line, metric: str) -> Series:
    known = [
        (point.x, lift)
        for point in line.points
        if (lift := outcome.lift(point.key, point.over, metric)) is not None
    ]
    return Series(
        name=line.name,
        kind=line.kind,
        x=tuple(x for x, _ in known),
        y=tuple(lift.value for _, lift in known),
        low=tuple(ends(lift)[0] for _, lift in known),
        high=tuple(ends(lift)[1] for _, lift in known),
    )
