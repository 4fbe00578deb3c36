"""The report as one HTML file that needs nothing else: no network, no script, no font."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation.report import numbers
from evaluation.report.answer import answer
from evaluation.report.ink import colours, standing_alone
from evaluation.report.sections import absent, answer_figure, sections
from evaluation.results import Report

PAPER = "https://arxiv.org/abs/2007.03634"


def write_html(report: Report, path: Path) -> None:
    """Write report.html, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(path.suffix + ".unfinished")
    unfinished.write_text(html(report), encoding="utf-8")
    unfinished.replace(path)


def html(report: Report) -> str:
    """The page; parts of the report that were not run are left out, with a sentence that says so."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": numbers.number, "glued": numbers.glued}
    return environment.get_template("report.html.j2").render(
        report=report,
        answer=answer(report),
        answer_figure=answer_figure(report),
        sections=sections(report),
        absent=absent(report),
        colours=colours(),
        paper=PAPER,
    )


def write_drawings(report: Report, folder: Path) -> list[Path]:
    """Write every drawing of the page as a file of its own, for documents and slides; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    first = answer_figure(report)
    drawn = [*([first] if first else []), *(one for section in sections(report) for one in section.figures)]
    paths = [folder / f"{report.world.name}-{one.name}.svg" for one in drawn]
    for path, one in zip(paths, drawn, strict=True):
        path.write_text(standing_alone(one.svg), encoding="utf-8")
    return paths
