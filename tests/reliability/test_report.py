"""What came of a chaos run is a table, whatever was tried."""

from pathlib import Path

import pytest

from tests.reliability.report import main

BY_FAULT = "pins\tannounce\tEIO\trefused\t2\nside\tannounce\tEIO\trefused\t1\n"
BY_WHAT = "calls\tanswered\t1200\ncalls\tlate\t3\n"


def test_every_tally_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By place and fault, where there are faults, else by what was done; several processes add up."""
    (tmp_path / "test_publishing.tsv").write_text(BY_FAULT)
    (tmp_path / "test_the_cap.tsv").write_text(BY_WHAT + BY_WHAT)
    main(tmp_path)
    shown = capsys.readouterr().out

    assert "### publishing\n" in shown
    assert "| announce | pins, side | 3 refused |" in shown
    assert "### the cap\n" in shown
    assert "| calls | 2,400 answered, 6 late |" in shown
