"""report.json read back is the record that was written."""

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.errors import EvaluationError
from evaluation.report import read_json
from evaluation.report.reading import from_json
from evaluation.results import Report, to_json, write_json


def test_what_was_written_is_read_back(tmp_path: Path, village_report: Report) -> None:
    """Every table, figure, cell and lift survives the file."""
    write_json(village_report, tmp_path / "report.json")
    assert to_json(read_json(tmp_path / "report.json")) == to_json(village_report)
    assert read_json(tmp_path / "report.json").figures == village_report.figures


def test_a_report_from_before_there_were_pictures_is_read(village_report: Report) -> None:
    """The key is missing there, and nothing else differs."""
    plain = to_json(village_report)
    del plain["galleries"]
    assert from_json(plain) == replace(village_report, galleries={})


def test_pictures_survive_the_file(tmp_path: Path, village_report: Report) -> None:
    """Tiles, letters and shares are read back as they were."""
    write_json(village_report, tmp_path / "report.json")
    assert read_json(tmp_path / "report.json").galleries == village_report.galleries


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "world": {}}'])
def test_another_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    """What is no report says which file, and what to do."""
    path = tmp_path / "report.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(
        EvaluationError, match=r"report\.json is not a report of format 1: run the evaluation"
    ):
        read_json(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    """No traceback for a wrong path."""
    with pytest.raises(EvaluationError, match="No such file"):
        read_json(tmp_path / "none.json")
