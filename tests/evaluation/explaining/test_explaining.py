"""The whole command's report, from a world to a page."""

from pathlib import Path

import pytest

from evaluation.explaining.experiments import EXPERIMENTS
from evaluation.explaining.explaining import explained
from evaluation.protocol import Protocol
from evaluation.report import read_json, write_html
from evaluation.results import Report, write_json
from process.progress import Reporter
from tests.evaluation.explaining.hamlet import hamlet
from tests.evaluation.town import setting_of


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    protocol = Protocol(n_candidates=30, n_seeds=3, n_resamples=10)
    setting = setting_of(hamlet(), tmp_path_factory.mktemp("stages"), protocol=protocol)
    return explained(setting, Reporter(quiet=True))


def test_every_question_has_its_chapter(report: Report) -> None:
    """In order, with an answer, and with figures or tables of its own."""
    assert [chapter.title for chapter in report.chapters] == [one.question for one in EXPERIMENTS]
    shown = {key.partition(".")[0] for key in (*report.figures, *report.tables)}
    assert shown == {chapter.key for chapter in report.chapters}


def test_the_page_answers_every_question(report: Report, tmp_path: Path) -> None:
    """Also when it is drawn again from report.json."""
    write_json(report, tmp_path / "report.json")
    write_html(read_json(tmp_path / "report.json"), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Why is one average hard to beat on Hamlet?" in page
    assert all(f'<section id="{one.key}">' in page for one in EXPERIMENTS)
    assert page.count('class="answer"') == 1 + len(EXPERIMENTS)
    assert "Not in this report" not in page
