"""Small panels of one scale, one for each thing that is varied, and a key: what wins where, at one glance."""

import textwrap
from collections.abc import Sequence
from typing import Final

import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes

from evaluation.report.axes import WIDTH_IN, axes_at, grid, new_figure, sentence, value_ticks
from evaluation.report.ink import Ink, ink_of
from evaluation.report.numbers import glued, tick
from evaluation.results import Figure, Series, Unit

_COLUMNS: Final = 4
_PANEL_IN, _TOP_IN, _BOTTOM_IN, _LEFT_IN, _GAP_IN = 2.15, 0.46, 0.36, 0.55, 0.22
_WIDTH_IN = (WIDTH_IN - _LEFT_IN - _GAP_IN * (_COLUMNS - 1)) / _COLUMNS
_HEIGHT_IN = _PANEL_IN - _TOP_IN - _BOTTOM_IN
_KEY_LETTERS, _KEY_LINE_IN, _KEY_DASH = 24, 0.155, 0.16
_DASHES: Final = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
_ROOM = 0.06
_SMALL = 8.0
_THOUSANDS: Final = ((1e6, "M"), (1e3, "k"))


def multiples(figures: Sequence[Figure]) -> matplotlib.figure.Figure:
    """Four panels a line, values evenly apart on each; the key stands where the next panel would."""
    lines = -(-(len(figures) + 1) // _COLUMNS)
    drawn = new_figure(_PANEL_IN * lines)
    low, high = _range(figures)
    styles = _styles(figures)
    for at, figure in enumerate(figures):
        axes = _cell(drawn, at)
        axes.set_ylim(low, high)
        _panel(axes, figure, styles, has_ticks=at % _COLUMNS == 0)
    _key(_cell(drawn, len(figures)), styles)
    return drawn


def _cell(drawn: matplotlib.figure.Figure, at: int) -> Axes:
    line, column = divmod(at, _COLUMNS)
    bottom = drawn.get_figheight() - (line + 1) * _PANEL_IN + _BOTTOM_IN
    return axes_at(drawn, (_LEFT_IN + column * (_WIDTH_IN + _GAP_IN), bottom, _WIDTH_IN, _HEIGHT_IN))


def _range(figures: Sequence[Figure]) -> tuple[float, float]:
    """What all lines and zero lie within; intervals may be cut off, or they would press lines together."""
    values = [0.0, *(y for figure in figures for series in figure.series for y in series.y)]
    room = _ROOM * (max(values) - min(values) or 1)
    return min(values) - room, max(values) + room


def _styles(figures: Sequence[Figure]) -> dict[str, tuple[str, object]]:
    """A colour and dashes for each series, by its name: the same in every panel."""
    kinds = {series.name: series.kind for figure in figures for series in figure.series}
    of_kind: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        of_kind.setdefault(kind, []).append(name)
    return {
        name: (ink_of(kind).value, _DASHES[of_kind[kind].index(name) % len(_DASHES)])
        for name, kind in kinds.items()
    }


def _panel(axes: Axes, figure: Figure, styles: dict[str, tuple[str, object]], *, has_ticks: bool) -> None:
    grid(axes, along="y")
    places = {x: at for at, x in enumerate(dict.fromkeys(x for series in figure.series for x in series.x))}
    axes.set_xlim(-0.3, len(places) - 0.7)
    # Below it a single embedding wins.
    axes.axhspan(axes.get_ylim()[0], 0, color=Ink.SINGLE.value, alpha=0.09, linewidth=0)
    axes.axhline(0, color=Ink.MUTED.value, linewidth=1)
    for series in figure.series:
        _line(axes, series, [places[x] for x in series.x], *styles[series.name])
    axes.set_xticks(range(len(places)), [_short(x, figure.x_unit) for x in places], fontsize=_SMALL)
    value_ticks(axes, along="y", unit=figure.y_unit)
    if not has_ticks:
        axes.tick_params(axis="y", labelleft=False)
    axes.set_title(textwrap.fill(sentence(figure.x_title), 24), fontsize=9, linespacing=1.1, pad=5)


def _line(axes: Axes, series: Series, x: Sequence[int], ink: str, dashes: object) -> None:
    axes.plot(x, series.y, color=ink, linestyle=dashes, marker="o", markersize=3.2, markeredgewidth=0)
    if series.low is not None and series.high is not None:
        axes.fill_between(np.array(x), series.low, series.high, color=ink, alpha=0.15, linewidth=0)


def _key(axes: Axes, styles: dict[str, tuple[str, object]]) -> None:
    """Each series' name beside a piece of its line."""
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, _HEIGHT_IN)
    top = _HEIGHT_IN
    for name, (ink, dashes) in styles.items():
        text = textwrap.fill(glued(name), _KEY_LETTERS)
        middle = top - _KEY_LINE_IN / 2
        axes.plot([0, _KEY_DASH], [middle, middle], color=ink, linestyle=dashes, clip_on=False)
        axes.text(_KEY_DASH + 0.05, top, text, color=ink, fontsize=_SMALL, va="top", linespacing=1.1)
        top -= _KEY_LINE_IN * (1.35 + text.count("\n"))


def _short(value: float | str, unit: Unit) -> str:
    """A value below a narrow panel: 30k, 1M."""
    if isinstance(value, str):
        return value
    for size, letter in _THOUSANDS:
        if value >= size:
            return f"{value / size:g}{letter}"
    return tick(value, unit)
