"""The figures of a report as drawings: lines, bars and points, each labelled where it stands."""

from collections.abc import Sequence

from evaluation.report.bars import bars
from evaluation.report.ink import drawing_style, svg
from evaluation.report.lines import Mark, panels
from evaluation.results import Figure


def draw(figures: Sequence[Figure], *, name: str, marks: Sequence[Mark] = ()) -> str:
    """Figures of one kind side by side, as one `<svg>`.

    Args:
        figures: One, or several of lines or points that share their series and so their labels.
        name: Unique on the page.
        marks: Drawn across figures whose x is a cosine.
    """
    described = "; ".join(f"{figure.title}: {figure.y_title} by {figure.x_title}" for figure in figures)
    with drawing_style():
        drawn = bars(figures[0]) if figures[0].shape == "bars" else panels(figures, marks)
        return svg(drawn, name=name, described=described)
