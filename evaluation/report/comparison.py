"""Methods side by side on several measures: lifts with their intervals, and validation beside test."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.figure
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evaluation.report import numbers
from evaluation.report.axes import WIDTH_IN, axes_at, grid, new_figure
from evaluation.report.ink import Ink, drawing_style, ink_of, svg
from evaluation.results import Lift

_NAMES_IN, _TOP_IN, _BOTTOM_IN, _ROW_IN, _GAP_IN = 2.75, 0.62, 0.52, 0.36, 0.3
_NUMBERS_IN = 0.55


@dataclass(frozen=True, slots=True)
class Compared:
    """One method on one measure or several.

    Attributes:
        name: For people.
        kind: Of the method, for its colour.
        lifts: By the measure's title; a missing one was not measured.
        validation: The same on the validation period; empty when only one period is drawn.
    """

    name: str
    kind: str
    lifts: dict[str, Lift]
    validation: dict[str, Lift]


def forest(methods: Sequence[Compared], measures: Sequence[str], *, baseline: str, name: str) -> str:
    """One line a method, one panel a measure: the lift over `baseline` as a dot on its 95 % interval."""
    described = f"Lift over {baseline} of each method, in {', '.join(measures)}, with 95 % intervals"
    with drawing_style():
        drawn, panels = _panels(methods, measures, room=_NUMBERS_IN)
        for axes, measure in zip(panels, measures, strict=True):
            for row, method in enumerate(methods):
                if measure in method.lifts:
                    _interval(axes, row, method.lifts[measure], ink_of(method.kind))
            _finish(axes, measure, len(measures))
        _name_axis(panels[0], baseline)
        return svg(drawn, name=name, described=described)


def validation_beside_test(
    methods: Sequence[Compared], measures: Sequence[str], *, baseline: str, name: str
) -> str:
    """One line a method: a ring for validation, a dot for test, and how far the one is from the other."""
    described = f"Lift over {baseline} in validation and in test, in {', '.join(measures)}"
    with drawing_style():
        drawn, panels = _panels(methods, measures, room=0.0)
        for axes, measure in zip(panels, measures, strict=True):
            for row, method in enumerate(methods):
                if measure in method.lifts and measure in method.validation:
                    _pair(axes, row, method.validation[measure], method.lifts[measure], ink_of(method.kind))
            _finish(axes, measure, len(measures))
        _name_axis(panels[0], baseline)
        _explain_pair(panels[-1])
        return svg(drawn, name=name, described=described)


def _panels(
    methods: Sequence[Compared], measures: Sequence[str], *, room: float
) -> tuple[matplotlib.figure.Figure, list[Axes]]:
    """A panel a measure on one scale; `room` inches at the right of each are left to numbers."""
    height = _ROW_IN * len(methods)
    drawn = new_figure(height + _TOP_IN + _BOTTOM_IN)
    width = (WIDTH_IN - _NAMES_IN - 0.1 - _GAP_IN * (len(measures) - 1)) / len(measures)
    panels: list[Axes] = []
    for at in range(len(measures)):
        box = (_NAMES_IN + at * (width + _GAP_IN), _BOTTOM_IN, width - room, height)
        axes = axes_at(drawn, box, sharex=panels[0] if panels else None)
        axes.set_yticks(range(len(methods)), [])
        axes.set_ylim(len(methods) - 0.5, -0.5)
        panels.append(axes)
    panels[0].set_yticklabels([textwrap.fill(numbers.glued(method.name), 35) for method in methods])
    for label, method in zip(panels[0].get_yticklabels(), methods, strict=True):
        label.set_color(ink_of(method.kind).value if method.kind != "single" else Ink.TEXT.value)
    return drawn, panels


def _interval(axes: Axes, row: int, lift: Lift, ink: Ink) -> None:
    if lift.low is not None and lift.high is not None:
        axes.hlines(row, lift.low, lift.high, color=ink.value, linewidth=2.4, alpha=0.45)
    axes.plot(lift.value, row, "o", color=ink.value, markersize=6, markeredgewidth=0)
    axes.annotate(
        "best" if numbers.is_baseline(lift) else numbers.lift(lift),
        (1, row),
        xycoords=("axes fraction", "data"),
        xytext=(_NUMBERS_IN * 72, 0),
        textcoords="offset points",
        horizontalalignment="right",
        verticalalignment="center",
        fontsize=8.5,
    )


def _pair(axes: Axes, row: int, validation: Lift, test: Lift, ink: Ink) -> None:
    ends = validation.value, test.value
    axes.hlines(row, min(ends), max(ends), color=ink.value, linewidth=1.4, alpha=0.6)
    axes.plot(
        validation.value,
        row,
        "o",
        markerfacecolor=Ink.PAPER.value,
        markeredgecolor=ink.value,
        markeredgewidth=1.4,
        markersize=5.5,
    )
    axes.plot(test.value, row, "o", color=ink.value, markersize=6, markeredgewidth=0)


def _finish(axes: Axes, measure: str, n_panels: int) -> None:
    grid(axes, along="x")
    axes.axvline(0, color=Ink.MUTED.value, linewidth=1)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 4, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.bare_tick(float(value))))
    axes.set_title(
        textwrap.fill(numbers.glued(measure), max(14, 52 // n_panels)), fontweight="bold", linespacing=1.15
    )


def _name_axis(axes: Axes, baseline: str) -> None:
    axes.annotate(
        f"lift over {baseline}, %",
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -30),
        textcoords="offset points",
        color=Ink.MUTED.value,
    )


def _explain_pair(axes: Axes) -> None:
    axes.annotate(
        "○ validation   ● test",
        (1, 0),
        xycoords="axes fraction",
        xytext=(0, -30),
        textcoords="offset points",
        horizontalalignment="right",
        color=Ink.MUTED.value,
    )
