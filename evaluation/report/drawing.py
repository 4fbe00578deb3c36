"""The figures of a report as drawings: lines, bars, points and small multiples."""

from collections.abc import Sequence

import matplotlib.figure

from evaluation.report.bars import bars
from evaluation.report.ink import drawing_style, svg
from evaluation.report.lines import Mark, panels
from evaluation.report.multiples import multiples
from evaluation.results import Figure


def draw(figures: Sequence[Figure], *, name: str, marks: Sequence[Mark] = ()) -> str:
    """Figures of one kind side by side, as one `<svg>`.

    Args:
        figures: One, or several of lines or points that share their series and so their labels, or one for
            each panel of small multiples.
        name: Unique on the page.
        marks: Drawn across figures whose x is a cosine.
    """
    described = "; ".join(f"{figure.title}: {figure.y_title} by {figure.x_title}" for figure in figures)
    with drawing_style():
        return svg(_drawn(figures, marks), name=name, described=described)


def _drawn(figures: Sequence[Figure], marks: Sequence[Mark]) -> matplotlib.figure.Figure:
    match figures[0].shape:
        case "bars":
            return bars(figures[0])
        case "multiples":
            return multiples(figures)
        case _:
            return panels(figures, marks)
