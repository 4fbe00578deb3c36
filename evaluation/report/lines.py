"""Lines and points over a number or over names, with each series named beside its end."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from evaluation.report.axes import (
    WIDTH_IN,
    axes_at,
    grid,
    new_figure,
    sentence,
    spread,
    unit_formatter,
    value_ticks,
)
from evaluation.report.ink import Ink, ink_of
from evaluation.report.numbers import glued, tick
from evaluation.results import Figure, Series

Places = dict[float | str, float]

_TOP_IN, _HEIGHT_IN, _BOTTOM_IN, _LEFT_IN, _GAP_IN = 0.52, 1.86, 0.52, 0.6, 0.7
_LETTER_IN, _TITLE_LETTER_IN, _LINE_IN = 0.074, 0.092, 0.155
_LABELS_IN, _LABEL_OFFSET_IN, _LABEL_LINE_IN = 1.95, 0.15, 0.155
_LABEL_LETTERS = 22
_DASHES: Final = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
_DECADES = 50
_MANY = 12


@dataclass(frozen=True, slots=True)
class Mark:
    """A value on the x axis that the reader should find again, with its short name."""

    x: float
    label: str


def panels(figures: Sequence[Figure], marks: Sequence[Mark]) -> matplotlib.figure.Figure:
    """At most two panels a line of the page, each line with its labels at the right."""
    columns = min(2, len(figures)) if all(_fits(figure, _width_in(2)) for figure in figures) else 1
    width = _width_in(columns)
    below = max(_below_in(figure, width) for figure in figures)
    panel = _TOP_IN + _HEIGHT_IN + below
    drawn = new_figure(panel * -(-len(figures) // columns))
    for at, figure in enumerate(figures):
        line, column = divmod(at, columns)
        bottom = drawn.get_figheight() - (line + 1) * panel + below
        axes = axes_at(drawn, (_LEFT_IN + column * (width + _GAP_IN), bottom, width, _HEIGHT_IN))
        places = _panel(axes, figure, width)
        if column == columns - 1 or at == len(figures) - 1:
            _label_ends(axes, figure.series, places, width)
        if figure.x_unit == "cosine" and marks:
            _mark(axes, marks)
    return drawn


def _width_in(columns: int) -> float:
    return (WIDTH_IN - _LEFT_IN - _LABELS_IN - _GAP_IN * (columns - 1)) / columns


def _fits(figure: Figure, width_in: float) -> bool:
    """Whether no name on the x axis reaches into the next one."""
    names = _names(figure, width_in)
    return all(len(line) <= _room(names, width_in) for name in names for line in name.splitlines())


def _below_in(figure: Figure, width_in: float) -> float:
    """What names and the title of the x axis take below it."""
    n_lines = max((name.count("\n") for name in _names(figure, width_in)), default=0)
    return _BOTTOM_IN + _LINE_IN * (n_lines + _x_title(figure, width_in).count("\n"))


def _names(figure: Figure, width_in: float) -> list[str]:
    """What stands below the x axis where names do, folded to their room; [] where numbers do."""
    values = dict.fromkeys(x for series in figure.series for x in series.x)
    if not any(isinstance(value, str) for value in values):
        return []
    room = _room(list(values), width_in)
    return ["\n".join(_folded(line, room) for line in str(value).splitlines()) for value in values]


def _room(names: Sequence[object], width_in: float) -> int:
    """Letters a name, with one between neighbours."""
    return int(width_in / _LETTER_IN / max(len(names) - 1, 1)) - 1


def _x_title(figure: Figure, width_in: float) -> str:
    return _folded(figure.x_title, int(width_in / _LETTER_IN))


def _folded(text: str, letters: int) -> str:
    return textwrap.fill(text, max(letters, 1), break_long_words=False, break_on_hyphens=False)


def _panel(axes: Axes, figure: Figure, width_in: float) -> Places:
    grid(axes, along="y")
    places = _x_places(axes, figure, _names(figure, width_in))
    for series, dashes in zip(figure.series, _dashes(figure.series), strict=True):
        _line(axes, series, places, dashes, joined=figure.shape == "lines")
    if figure.y_unit == "lift":
        axes.axhline(0, color=Ink.MUTED.value, linewidth=0.8)
    if _reaches_low(figure):
        axes.set_ylim(bottom=0)
    value_ticks(axes, along="y", unit=figure.y_unit)
    axes.set_xlabel(_x_title(figure, width_in))
    axes.set_title(_folded(sentence(figure.y_title), int((width_in + _GAP_IN) / _TITLE_LETTER_IN)))
    return places


def _reaches_low(figure: Figure) -> bool:
    """Whether the axis of a quantity may begin at zero without pressing its lines together at the top."""
    values = [y for series in figure.series for y in (*series.y, *(series.low or ()))]
    return figure.y_unit not in ("lift", "none", "cosine") and 0 <= min(values) < max(values) / 2


def _x_places(axes: Axes, figure: Figure, names: Sequence[str]) -> Places:
    """Where each x stands: names in order, numbers at themselves, on a log axis where they span decades."""
    values = list(dict.fromkeys(x for series in figure.series for x in series.x))
    numbers = [x for x in values if not isinstance(x, str)]
    if len(numbers) < len(values):
        axes.set_xticks(range(len(values)), names)
        return {value: float(at) for at, value in enumerate(values)}
    if min(numbers) > 0 and max(numbers) / min(numbers) >= _DECADES:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator())
        axes.xaxis.set_minor_locator(NullLocator())
    elif len(numbers) <= _MANY and all(len(tick(x, "none")) <= 4 for x in numbers):
        axes.set_xticks(numbers)
    axes.xaxis.set_major_formatter(unit_formatter(figure.x_unit))
    return {value: float(value) for value in numbers}


def _line(axes: Axes, series: Series, places: Places, dashes: object, *, joined: bool) -> None:
    ink = ink_of(series.kind).value
    x = np.array([places[value] for value in series.x])
    axes.plot(
        x,
        series.y,
        color=ink,
        linestyle=dashes if joined else "none",
        marker="o" if not joined or len(x) <= _MANY else "",
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


def _label_ends(axes: Axes, series: Sequence[Series], places: Places, width_in: float) -> None:
    """The name of each line beside its end, moved up or down as far as the names need."""
    texts = [textwrap.fill(glued(one.name), _LABEL_LETTERS) for one in series]
    ends = [(places[one.x[-1]], one.y[-1]) for one in series]
    axes.autoscale_view()
    in_panel = axes.transAxes.inverted().transform(axes.transData.transform(ends))[:, 1]
    sizes = [_LABEL_LINE_IN * (1.15 + text.count("\n")) for text in texts]
    heights = spread((in_panel * _HEIGHT_IN).tolist(), sizes=sizes, low=0.0, high=_HEIGHT_IN)
    for one, text, end, height in zip(series, texts, ends, heights, strict=True):
        beside = (1 + _LABEL_OFFSET_IN / width_in, height / _HEIGHT_IN)
        _label(axes, text, end, beside, ink_of(one.kind).value)


def _label(axes: Axes, text: str, end: tuple[float, float], beside: tuple[float, float], ink: str) -> None:
    """A text beside the panel, and a hairline from it to the line's end."""
    hairline = {
        "arrowstyle": "-",
        "relpos": (0, 0.5),
        "color": ink,
        "linewidth": 0.6,
        "alpha": 0.6,
        "shrinkA": 1,
        "shrinkB": 4,
    }
    axes.annotate(
        text,
        xy=end,
        xytext=beside,
        textcoords="axes fraction",
        color=ink,
        verticalalignment="center",
        linespacing=1.1,
        arrowprops=hairline,
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
