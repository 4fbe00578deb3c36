"""Axes placed by the inch, ticks with units, and labels that keep out of each other's way."""

from collections.abc import Sequence
from typing import Literal

import matplotlib.figure
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evaluation.report.numbers import tick
from evaluation.results import Unit

WIDTH_IN = 8.2
"""Of every drawing: what a page and a sheet of paper hold at the size the letters are meant for."""


def new_figure(height_in: float) -> matplotlib.figure.Figure:
    """An empty drawing of the common width."""
    return matplotlib.figure.Figure(figsize=(WIDTH_IN, height_in))


def axes_at(
    figure: matplotlib.figure.Figure,
    box_in: tuple[float, float, float, float],
    *,
    sharex: Axes | None = None,
) -> Axes:
    """Axes in a box of (left, bottom, width, height) inches, so that drawings line up with each other."""
    left, bottom, width, height = box_in
    whole = figure.get_figheight()
    return figure.add_axes((left / WIDTH_IN, bottom / whole, width / WIDTH_IN, height / whole), sharex=sharex)


def grid(axes: Axes, *, along: Literal["x", "y"]) -> None:
    """Faint lines to read values by, across the axis `along` that carries them."""
    axes.grid(visible=True, axis=along)
    axes.tick_params(axis=along, length=0)


def value_ticks(axes: Axes, *, along: Literal["x", "y"], unit: Unit) -> None:
    """A few round ticks with their unit."""
    axis = axes.xaxis if along == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(unit_formatter(unit))


def unit_formatter(unit: Unit) -> FuncFormatter:
    """Writes the values of ticks."""
    return FuncFormatter(lambda value, _: tick(float(value), unit))


def sentence(title: str) -> str:
    """A title that begins with a capital."""
    return title[:1].upper() + title[1:]


def spread(wanted: Sequence[float], *, sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Move labels apart along one axis, no further than they need.

    Args:
        wanted: Where the middle of each label would stand alone.
        sizes: The length of each label along the axis.
        low: Where the space for labels begins.
        high: Where it ends; labels that do not fit go on below `low`.

    Returns:
        The middle of each label, in the order of `wanted`.
    """
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    places = list(wanted)
    edge = low
    for at in order:
        places[at] = max(places[at], edge + sizes[at] / 2)
        edge = places[at] + sizes[at] / 2
    edge = high
    for at in reversed(order):
        places[at] = min(places[at], edge - sizes[at] / 2)
        edge = places[at] - sizes[at] / 2
    return places
