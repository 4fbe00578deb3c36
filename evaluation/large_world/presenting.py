"""The sweep as a report: where several embeddings win, where one does, and by how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evaluation.large_world.sweeping import METRICS, Swept
from evaluation.methods import DEFAULT, SINGLES, TOP_10, Method
from evaluation.results import Cell, Chapter, Column, Figure, Lift, Row, Series, Table, Unit

FIRST, OVERVIEW = "answer", "overview"
"""What stands before the point of keys: of what is seen first, and of its like for the other metrics."""
_DECIDING = "recall"
_INTERVALS = "Bands are 95 % intervals over users."
_SMALL = (
    "Each panel varies one thing, and every point is a world of its own. Zero is the best single embedding "
    f"of that world, whichever of the {len(SINGLES)} it is: in the grey field it wins. {_INTERVALS}"
)


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that is varied, and the worlds it makes.

    Attributes:
        key: Of its chapter.
        title: For people.
        points: In the order of their values.
    """

    key: str
    title: str
    points: tuple[Swept, ...]

    @property
    def unit(self) -> Unit:
        """Of its values."""
        return "share" if self.title.startswith("share") else "none"


def axes_of(points: Sequence[Swept]) -> list[Axis]:
    """What was varied, in the order it was measured."""
    titles = dict.fromkeys(point.variation.axis for point in points)
    groups = [(title, [point for point in points if point.variation.axis == title]) for title in titles]
    return [
        Axis(group[0].variation.name.partition("-")[0], title, tuple(_ascending(group)))
        for title, group in groups
    ]


def chapters(axes: Sequence[Axis], fused: Sequence[Method]) -> tuple[Chapter, ...]:
    """An overview, and one chapter an axis."""
    return (
        Chapter(key=OVERVIEW, title="The same in relevance", lead="", answer=""),
        *(
            Chapter(
                key=axis.key,
                title=_capital(axis.title),
                lead=_how_many(axis),
                answer=" ".join(_who_wins(axis, method, _DECIDING) for method in (*fused[:1], DEFAULT)),
            )
            for axis in axes
        ),
    )


def findings(axes: Sequence[Axis], fused: Sequence[Method]) -> tuple[str, ...]:
    """How often each side wins, for the first fused method and the paper's; where one embedding is best."""
    worlds = {point.variation.parameters: point for axis in axes for point in axis.points}
    points = list(worlds.values())
    return (
        *(_score(points, method) for method in (*fused[:1], DEFAULT)),
        _where_one_is_best(points, (*fused, TOP_10, DEFAULT)),
    )


def figures(axes: Sequence[Axis], fused: Sequence[Method]) -> dict[str, Figure]:
    """Lifts over the best single embedding: every axis small, by metric, then each axis large."""
    shown = (*fused, TOP_10, DEFAULT)
    small = {
        f"{FIRST if metric == _DECIDING else OVERVIEW}.{metric}.{axis.key}": _small(axis, shown, metric)
        for metric in METRICS
        for axis in axes
    }
    large = {f"{axis.key}.{metric}": _large(axis, shown, metric) for axis in axes for metric in METRICS}
    return small | large


def tables(axes: Sequence[Axis], fused: Sequence[Method]) -> dict[str, Table]:
    """For every axis and world: the methods' values and lifts, by metric."""
    shown = (*SINGLES, DEFAULT, TOP_10, *fused)
    return {
        f"{axis.key}.all": Table(
            title=f"All values by {axis.title}",
            columns={metric: Column(title=title, unit="share") for metric, title in METRICS.items()},
            rows=tuple(
                Row(
                    name=f"{point.variation.value:,g}: {method.title}",
                    kind=method.kind,
                    cells=_cells(point, method),
                )
                for point in axis.points
                for method in shown
            ),
        )
        for axis in axes
    }


def _ascending(points: Sequence[Swept]) -> list[Swept]:
    return sorted(points, key=lambda point: point.variation.value)


def _how_many(axis: Axis) -> str:
    fewest, most = min(p.n_cases for p in axis.points), max(p.n_cases for p in axis.points)
    cases = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"{len(axis.points)} worlds, {cases} cases judged in each."


def _who_wins(axis: Axis, method: Method, metric: str) -> str:
    """Where a single embedding is ahead, where the method is, and where the interval lies on both sides."""
    lifts = [(point, lift) for point in axis.points if (lift := _lift(point, method, metric)) is not None]
    sides = {"loses": _is_below, "is within the noise": _is_open, "wins": _is_above}
    parts = [
        f"{verb} at {', '.join(_place(point, lift, axis.unit) for point, lift in lifts if is_there(lift))}"
        for verb, is_there in sides.items()
        if any(is_there(lift) for _, lift in lifts)
    ]
    return f"{method.title}, in {METRICS[metric].lower()}: {'; '.join(parts) or 'not comparable'}."


def _place(point: Swept, lift: Lift, unit: Unit) -> str:
    value = point.variation.value
    name = f"{value:.0%}" if unit == "share" else f"{value:,g}"
    return f"{name} ({lift.value:+.1%})"


def _is_below(lift: Lift) -> bool:
    return lift.high is not None and lift.high < 0


def _is_above(lift: Lift) -> bool:
    return lift.low is not None and lift.low > 0


def _is_open(lift: Lift) -> bool:
    return not _is_below(lift) and not _is_above(lift)


def _score(points: Sequence[Swept], method: Method) -> str:
    lifts = [lift for point in points if (lift := _lift(point, method, _DECIDING)) is not None]
    n_above, n_below = sum(map(_is_above, lifts)), sum(map(_is_below, lifts))
    return (
        f"Of {len(lifts)} worlds, “{method.title}” has a better {_DECIDING} than every single embedding in "
        f"{n_above}, a worse one than the best of them in {n_below}, and is within the noise in "
        f"{len(lifts) - n_above - n_below}."
    )


def _where_one_is_best(points: Sequence[Swept], methods: Sequence[Method]) -> str:
    """The worlds in which no method of several embeddings has a higher value than the best single one."""
    lost = [
        f"{point.variation.axis} {point.variation.value:,g}"
        for point in points
        if all(lift.value <= 0 for method in methods if (lift := _lift(point, method, _DECIDING)) is not None)
    ]
    if not lost:
        return f"In none of them is a single embedding’s {_DECIDING} the highest."
    return f"A single embedding’s {_DECIDING} is the highest at: {'; '.join(lost)}."


def _small(axis: Axis, methods: Sequence[Method], metric: str) -> Figure:
    return replace(
        _large(axis, methods, metric),
        shape="multiples",
        note=_SMALL,
        title=f"{METRICS[metric]}: lift over the best single embedding",
    )


def _large(axis: Axis, methods: Sequence[Method], metric: str) -> Figure:
    return Figure(
        title=f"{METRICS[metric]} by {axis.title}: lift over the best single embedding",
        shape="lines",
        x_title=axis.title,
        y_title=METRICS[metric],
        x_unit=axis.unit,
        y_unit="lift",
        note=_INTERVALS,
        series=tuple(line for method in methods if (line := _line(method, metric, axis)) is not None),
    )


def _line(method: Method, metric: str, axis: Axis) -> Series | None:
    """The method's lifts along an axis, where the best single embedding's value is not 0."""
    known = [
        (point.variation.value, lift)
        for point in axis.points
        if (lift := _lift(point, method, metric)) is not None
    ]
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


def _cells(point: Swept, method: Method) -> Mapping[str, Cell]:
    return {metric: point.comparison.cell(method, metric, None) for metric in METRICS}


def _lift(point: Swept, method: Method, metric: str) -> Lift | None:
    return point.comparison.over_best_single(method, metric)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
