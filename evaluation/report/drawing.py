"""The figures of a report as drawings: lines, bars and points, each labelled where it stands."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from evaluation.report.ink import Ink, drawing_style, grid, ink_of, spread, svg
from evaluation.report.numbers import glued, number, tick
from evaluation.results import Figure, Series, Unit

WIDTH_IN, PANEL_HEIGHT_IN = 8.2, 2.9
LABELS_IN, LABEL_OFFSET_IN, LEFT_IN, TOP_IN, BOTTOM_IN, GAP_IN = 1.95, 0.15, 0.6, 0.52, 0.52, 0.7
HISTOGRAM_HEIGHT_IN, BAR_IN = 2.3, 0.52
LINE_HEIGHT_IN = 0.155
ROW_IN = 0.27
_DASHES: Final = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
_WIDE_RANGE = 50
_SHORT_NAME = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """A value on the x axis that the reader should find again, with its short name."""

    x: float
    label: str


def draw(figures: Sequence[Figure], *, name: str, marks: Sequence[Mark] = ()) -> str:
    """Figures of one kind side by side, as one `<svg>`.

    Args:
        figures: One or more of the same shape; several share their labels, right of the last panel.
        name: Unique on the page.
        marks: Drawn across figures whose x is a cosine.
    """
    described = "; ".join(f"{figure.title}: {figure.y_title} by {figure.x_title}" for figure in figures)
    with drawing_style():
        drawn = _bars(figures[0]) if figures[0].shape == "bars" else _panels(figures, marks)
        return svg(drawn, name=name, described=described)


def _panels(figures: Sequence[Figure], marks: Sequence[Mark]) -> matplotlib.figure.Figure:
    """At most two panels a line of the page, each line with its labels at the right."""
    columns = min(2, len(figures))
    lines = -(-len(figures) // columns)
    height = PANEL_HEIGHT_IN * lines
    drawn = matplotlib.figure.Figure(figsize=(WIDTH_IN, height))
    width = (WIDTH_IN - LEFT_IN - LABELS_IN - GAP_IN * (columns - 1)) / columns
    for at, figure in enumerate(figures):
        line, column = divmod(at, columns)
        left = LEFT_IN + column * (width + GAP_IN)
        bottom = height - (line + 1) * PANEL_HEIGHT_IN + BOTTOM_IN
        box = (left, bottom, width, PANEL_HEIGHT_IN - TOP_IN - BOTTOM_IN)
        axes = drawn.add_axes((box[0] / WIDTH_IN, box[1] / height, box[2] / WIDTH_IN, box[3] / height))
        is_last = column == columns - 1 or at == len(figures) - 1
        _panel(axes, figure, titled=len(figures) > 1, labelled=is_last, height_in=box[3])
        if figure.x_unit == "cosine" and marks:
            _mark(axes, marks)
    return drawn


def _panel(axes: Axes, figure: Figure, *, titled: bool, labelled: bool, height_in: float) -> None:
    grid(axes, along="y")
    places = _x_places(axes, figure)
    for series, dashes in zip(figure.series, _dashes(figure.series), strict=True):
        _line(axes, series, places, dashes, joined=figure.shape == "lines")
    if figure.y_unit == "lift":
        axes.axhline(0, color=Ink.MUTED.value, linewidth=0.8)
    if _reaches_low(figure):
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(_formatter(figure.y_unit))
    axes.set_xlabel(figure.x_title)
    axes.set_title(_sentence(figure.y_title), fontweight="bold" if titled else "normal")
    if labelled:
        _label_ends(axes, figure, places, height_in)


def _reaches_low(figure: Figure) -> bool:
    """Whether the axis of a quantity may begin at zero without pressing its lines together at the top."""
    values = [y for series in figure.series for y in (*series.y, *(series.low or ()))]
    return figure.y_unit not in ("lift", "none", "cosine") and 0 <= min(values) < max(values) / 2


def _x_places(axes: Axes, figure: Figure) -> dict[float | str, float]:
    """Where each x stands: names in order, numbers at themselves, on a log axis where they span decades."""
    values = list(dict.fromkeys(x for series in figure.series for x in series.x))
    numbers = [x for x in values if not isinstance(x, str)]
    if len(numbers) < len(values):
        axes.set_xticks(range(len(values)), [str(value) for value in values])
        return {value: float(at) for at, value in enumerate(values)}
    if min(numbers) > 0 and max(numbers) / min(numbers) >= _WIDE_RANGE:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator())
        axes.xaxis.set_minor_locator(NullLocator())
    elif len(numbers) <= 12 and all(len(tick(x, "none")) <= _SHORT_NAME for x in numbers):
        axes.set_xticks(numbers)
    axes.xaxis.set_major_formatter(_formatter(figure.x_unit))
    return {value: float(value) for value in numbers}


def _line(
    axes: Axes, series: Series, places: dict[float | str, float], dashes: object, *, joined: bool
) -> None:
    ink = ink_of(series.kind).value
    x = np.array([places[value] for value in series.x])
    axes.plot(
        x,
        series.y,
        color=ink,
        linestyle=dashes if joined else "none",
        marker="o" if not joined or len(x) <= 12 else "",
        markersize=4 if joined else 6,
        markeredgewidth=0,
        clip_on=False,
    )
    if series.low is not None and series.high is not None:
        axes.fill_between(x, series.low, series.high, color=ink, alpha=0.13, linewidth=0)


def _dashes(series: Sequence[Series]) -> list[object]:
    """A line style each: what shares a colour differs in its dashes."""
    seen: dict[Ink, int] = {}
    styles: list[object] = []
    for one in series:
        ink = ink_of(one.kind)
        styles.append(_DASHES[seen.get(ink, 0) % len(_DASHES)])
        seen[ink] = seen.get(ink, 0) + 1
    return styles


def _label_ends(axes: Axes, figure: Figure, places: dict[float | str, float], height_in: float) -> None:
    """The name of each line beside its end, moved up or down as far as the names need."""
    texts = [textwrap.fill(glued(series.name), 22) for series in figure.series]
    ends = [(places[series.x[-1]], series.y[-1]) for series in figure.series]
    axes.autoscale_view()
    to_inches = axes.transData.transform(ends)[:, 1] / axes.figure.dpi
    extent = axes.get_window_extent()
    bottom, width_in = extent.y0 / axes.figure.dpi, extent.width / axes.figure.dpi
    lines = [1 + text.count("\n") for text in texts]
    heights = spread(
        [float(place - bottom) for place in to_inches],
        sizes=[LINE_HEIGHT_IN * (count + 0.15) for count in lines],
        low=0.0,
        high=height_in,
    )
    for series, text, (x, y), height in zip(figure.series, texts, ends, heights, strict=True):
        axes.annotate(
            text,
            xy=(x, y),
            xytext=(1 + LABEL_OFFSET_IN / width_in, height / height_in),
            textcoords="axes fraction",
            color=ink_of(series.kind).value,
            verticalalignment="center",
            linespacing=1.1,
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0, 0.5),
                "color": ink_of(series.kind).value,
                "linewidth": 0.6,
                "alpha": 0.6,
                "shrinkA": 1,
                "shrinkB": 4,
            },
            annotation_clip=False,
        )


def _mark(axes: Axes, marks: Sequence[Mark]) -> None:
    """A dotted line at each mark that the axis reaches, its name above the panel and below the title."""
    low, high = axes.get_xlim()
    axes.set_title(axes.get_title(loc="left"), pad=22)
    for mark in marks:
        if low <= mark.x <= high:
            axes.axvline(mark.x, color=Ink.MUTED.value, linewidth=0.8, linestyle=(0, (2, 2)))
            axes.annotate(
                mark.label,
                xy=(mark.x, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                color=Ink.MUTED.value,
                fontsize=8,
                horizontalalignment="center",
            )


def _bars(figure: Figure) -> matplotlib.figure.Figure:
    names = [tick(x, figure.x_unit) if not isinstance(x, str) else x for x in figure.series[0].x]
    is_histogram = len(figure.series) == 1 and max(map(len, names)) <= _SHORT_NAME
    return _histogram(figure, names) if is_histogram else _dots(figure)


def _histogram(figure: Figure, names: Sequence[str]) -> matplotlib.figure.Figure:
    """Bars over short names or numbers, each with its value on top while there are few."""
    series = figure.series[0]
    x = np.arange(len(series.x))
    width = min(WIDTH_IN - LEFT_IN - 0.1, max(2.4, BAR_IN * len(x)))
    drawn = matplotlib.figure.Figure(figsize=(WIDTH_IN, HISTOGRAM_HEIGHT_IN))
    axes = drawn.add_axes(
        (
            LEFT_IN / WIDTH_IN,
            BOTTOM_IN / HISTOGRAM_HEIGHT_IN,
            width / WIDTH_IN,
            1 - (TOP_IN + BOTTOM_IN) / HISTOGRAM_HEIGHT_IN,
        )
    )
    bars = axes.bar(x, series.y, width=0.82, color=ink_of(series.kind or "several").value, linewidth=0)
    if len(x) <= 16:
        axes.bar_label(
            bars, [number(y, figure.y_unit) for y in series.y], padding=2, color=Ink.TEXT.value, fontsize=8.5
        )
        axes.yaxis.set_visible(False)
    else:
        grid(axes, along="y")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.yaxis.set_major_formatter(_formatter(figure.y_unit))
    axes.set_xticks(x, names)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel(figure.x_title)
    axes.set_title(_sentence(figure.y_title), fontweight="normal", pad=18)
    return drawn


def _dots(figure: Figure) -> matplotlib.figure.Figure:
    """One line a name and one dot a series: read along the line, the series are named above by colour."""
    names = list(dict.fromkeys(str(x) for series in figure.series for x in series.x))
    height = TOP_IN + BOTTOM_IN + ROW_IN * len(names)
    drawn = matplotlib.figure.Figure(figsize=(WIDTH_IN, height))
    left = 2.3
    axes = drawn.add_axes(
        (
            left / WIDTH_IN,
            BOTTOM_IN / height,
            1 - (left + 0.75) / WIDTH_IN,
            1 - (TOP_IN + BOTTOM_IN) / height,
        )
    )
    grid(axes, along="x")
    for series in figure.series:
        ink = ink_of(series.kind).value
        rows = [names.index(str(x)) for x in series.x]
        if series.low is not None and series.high is not None:
            axes.hlines(rows, series.low, series.high, color=ink, linewidth=2.2, alpha=0.45)
        axes.plot(series.y, rows, "o", color=ink, markersize=6, markeredgewidth=0, clip_on=False)
        if len(figure.series) == 1:
            axes.hlines(rows, 0, series.y, color=ink, linewidth=2.2, alpha=0.35)
            for row, y in zip(rows, series.y, strict=True):
                _beside(axes, number(y, figure.y_unit), y, row)
    axes.set_yticks(range(len(names)), [textwrap.shorten(glued(name), 40, placeholder="…") for name in names])
    axes.tick_params(axis="y", labelcolor=Ink.TEXT.value)
    axes.set_ylim(len(names) - 0.4, -0.6)
    if figure.y_unit in ("share", "count", "ms", "s", "bytes"):
        axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(_formatter(figure.y_unit))
    axes.set_xlabel(figure.y_title)
    if len(figure.series) > 1:
        _name_above(axes, figure.series)
    return drawn


def _beside(axes: Axes, text: str, x: float, y: float) -> None:
    axes.annotate(
        text, (x, y), xytext=(7, 0), textcoords="offset points", verticalalignment="center", fontsize=8.5
    )


def _name_above(axes: Axes, series: Sequence[Series]) -> None:
    """The names of the series in their colours, in one line above the dots."""
    x = 0.0
    for one in series:
        text = f"● {one.name}"
        axes.annotate(
            text,
            (x, 1),
            xycoords="axes fraction",
            xytext=(0, 7),
            textcoords="offset points",
            color=ink_of(one.kind).value,
        )
        x += (0.085 * len(text) + 0.15) / (axes.get_window_extent().width / axes.figure.dpi)


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]


def _formatter(unit: Unit) -> FuncFormatter:
    return FuncFormatter(lambda value, _: tick(float(value), unit))
