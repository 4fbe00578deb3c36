"""Amounts by name: bars side by side where names are short, dots on lines where they are long or compared."""

import textwrap
from collections.abc import Sequence

import matplotlib.figure
from matplotlib.axes import Axes

from evaluation.report.axes import WIDTH_IN, axes_at, grid, new_figure, sentence, value_ticks
from evaluation.report.ink import Ink, ink_of
from evaluation.report.numbers import glued, number, tick
from evaluation.results import Figure, Series

_TOP_IN, _BOTTOM_IN, _LEFT_IN, _RIGHT_IN = 0.52, 0.52, 0.6, 0.75
_HEIGHT_IN, _BAR_IN, _NARROWEST_IN = 1.3, 0.52, 2.4
_NAMES_IN, _ROW_IN = 2.3, 0.27
_LETTER_IN = 0.085
_SHORT_NAME = 4
_MANY = 16


def bars(figure: Figure) -> matplotlib.figure.Figure:
    """A figure of shape "bars"."""
    names = [x if isinstance(x, str) else tick(x, figure.x_unit) for x in figure.series[0].x]
    if len(figure.series) == 1 and max(map(len, names)) <= _SHORT_NAME:
        return _histogram(figure, figure.series[0], names)
    return _dots(figure)


def _histogram(figure: Figure, series: Series, names: Sequence[str]) -> matplotlib.figure.Figure:
    """Bars over short names, each with its value on top while there are few."""
    width = min(WIDTH_IN - _LEFT_IN - 0.1, max(_NARROWEST_IN, _BAR_IN * len(names)))
    drawn = new_figure(_HEIGHT_IN + _TOP_IN + _BOTTOM_IN)
    axes = axes_at(drawn, (_LEFT_IN, _BOTTOM_IN, width, _HEIGHT_IN))
    ink = ink_of(series.kind or "several").value
    standing = axes.bar(range(len(names)), series.y, width=0.82, color=ink, linewidth=0)
    if len(names) <= _MANY:
        values = [number(y, figure.y_unit) for y in series.y]
        axes.bar_label(standing, values, padding=2, color=Ink.TEXT.value, fontsize=8.5)
        axes.yaxis.set_visible(False)
    else:
        grid(axes, along="y")
        value_ticks(axes, along="y", unit=figure.y_unit)
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel(figure.x_title)
    axes.set_title(sentence(figure.y_title), pad=18)
    return drawn


def _dots(figure: Figure) -> matplotlib.figure.Figure:
    """One line a name and one dot a series: read along the line, the series are named above by colour."""
    names = list(dict.fromkeys(str(x) for series in figure.series for x in series.x))
    height = _ROW_IN * len(names)
    drawn = new_figure(height + _TOP_IN + _BOTTOM_IN)
    width = WIDTH_IN - _NAMES_IN - _RIGHT_IN
    axes = axes_at(drawn, (_NAMES_IN, _BOTTOM_IN, width, height))
    grid(axes, along="x")
    for series in figure.series:
        _dots_of(axes, series, names)
    if len(figure.series) == 1:
        _write_values(axes, figure, names)
    else:
        _name_above(axes, figure.series, width)
    _name_rows(axes, names)
    if figure.y_unit in ("share", "count", "ms", "s", "bytes"):
        axes.set_xlim(left=0)
    value_ticks(axes, along="x", unit=figure.y_unit)
    axes.set_xlabel(figure.y_title)
    return drawn


def _dots_of(axes: Axes, series: Series, names: Sequence[str]) -> None:
    ink = ink_of(series.kind).value
    rows = [names.index(str(x)) for x in series.x]
    if series.low is not None and series.high is not None:
        axes.hlines(rows, series.low, series.high, color=ink, linewidth=2.2, alpha=0.45)
    axes.plot(series.y, rows, "o", color=ink, markersize=6, markeredgewidth=0, clip_on=False)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [textwrap.shorten(glued(name), 40, placeholder="…") for name in names])
    axes.tick_params(axis="y", labelcolor=Ink.TEXT.value)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _write_values(axes: Axes, figure: Figure, names: Sequence[str]) -> None:
    """A stem to each dot and its value beside it: with one series there is room."""
    series = figure.series[0]
    for x, y in zip(series.x, series.y, strict=True):
        row = names.index(str(x))
        axes.hlines(row, 0, y, color=ink_of(series.kind).value, linewidth=2.2, alpha=0.35)
        axes.annotate(
            number(y, figure.y_unit),
            (y, row),
            xytext=(7, 0),
            textcoords="offset points",
            verticalalignment="center",
            fontsize=8.5,
        )


def _name_above(axes: Axes, series: Sequence[Series], width_in: float) -> None:
    """The names of the series in their colours, in one line above the dots."""
    left_in = 0.0
    for one in series:
        text = f"● {one.name}"
        axes.annotate(
            text,
            (left_in / width_in, 1),
            xycoords="axes fraction",
            xytext=(0, 7),
            textcoords="offset points",
            color=ink_of(one.kind).value,
        )
        left_in += _LETTER_IN * len(text) + 0.15
