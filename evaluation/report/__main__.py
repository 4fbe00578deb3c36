"""`python -m evaluation.report`: draw the page of a finished evaluation again, without running it again."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from evaluation.errors import EvaluationError
from evaluation.report import read_json, write_drawings, write_html
from process.commands import Program, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """Draw report.html of a report.json again, and its drawings as files of their own."""

    report: Annotated[Path, setting("The report.json.", env="EVALUATION_REPORT", metavar="FILE")]
    drawings: Annotated[
        Path | None,
        setting("Folder for the drawings as SVG files; left out: none.", env="DRAWINGS", metavar="FOLDER"),
    ] = None


def run_report(settings: ReportSettings) -> None:
    """Write report.html beside report.json, and the drawings where they are wanted.

    Raises:
        EvaluationError: The file is no report.
    """
    report = read_json(settings.report)
    page = settings.report.with_suffix(".html")
    write_html(report, page)
    drawings = write_drawings(report, settings.drawings) if settings.drawings else []
    for path in (page, *drawings):
        print(path)


def main() -> int:
    """Run the command and return its exit status."""
    program = Program("evaluation.report", expected=(EvaluationError,))
    program.command("draw", ReportSettings, run_report)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
