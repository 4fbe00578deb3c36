"""`python -m evaluation` as a person meets it: from a folder to two reports, or to a sentence that helps."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.__main__ import main
from tests.evaluation.town import busy_log, circle

SLOW = ("numpy", "pyarrow", "scipy", "faiss", "matplotlib")
DATASET = """\
name = "Town / 1"
pins = "pins.parquet"
actions = "actions.parquet"
embedding_space = "circle-1"

[action_weights]
save = 1.0
"""


@pytest.fixture
def town_folder(tmp_path: Path) -> Path:
    """The town as a data set: six people around a circle of 24 pins."""
    vectors, log = circle(), busy_log()
    pin_ids = [f"pin-{row:02d}" for row in range(len(vectors))]
    pq.write_table(
        pa.table({"pin_id": pin_ids, "embedding": vectors.astype("float32").tolist()}),
        tmp_path / "pins.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "user_id": [f"user-{user}" for user in log.users.tolist()],
                "pin_id": [pin_ids[row] for row in log.rows.tolist()],
                "timestamp": log.times_s.tolist(),
                "action": ["save" if liked else "look" for liked in log.is_positive.tolist()],
            }
        ),
        tmp_path / "actions.parquet",
    )
    (tmp_path / "dataset.toml").write_text(DATASET, encoding="utf-8")
    (tmp_path / "evaluation.toml").write_text("validation_days = 2\ntest_days = 2\n", encoding="utf-8")
    return tmp_path


def evaluate(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["evaluation", *map(str, arguments)])
    return main()


def test_a_folder_becomes_two_reports(
    town_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder of the data set's name, whatever is in it; on screen what was found and where it lies."""
    monkeypatch.chdir(town_folder)
    assert evaluate(monkeypatch, "--data", town_folder, "--processes", 1) == 0
    out = town_folder / "build/eval/Town---1"
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["world"]["n_users"] == 6
    assert report["world"]["n_test_cases"] == 12
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!")
    screen = " ".join(capsys.readouterr().err.split())
    assert "Chosen by rule" in screen
    assert "report.html" in screen


def test_a_folder_without_a_data_set_is_told_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence that names the file."""
    assert evaluate(monkeypatch, "--data", tmp_path) == 1
    screen = capsys.readouterr().err
    assert "dataset.toml" in screen
    assert "Traceback" not in screen


def test_days_that_cannot_be_judged_are_refused_with_those_that_can(
    town_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message gives the range of the data."""
    assert evaluate(monkeypatch, "--data", town_folder, "--test-from", "2040-01-01") == 1
    assert "The data's positive actions are of 2024-09-24" in " ".join(capsys.readouterr().err.split())


def test_a_wrong_flag_is_refused_with_its_value(
    town_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No judged requests are none to average."""
    assert evaluate(monkeypatch, "--data", town_folder, "--max-cases", 0) == 2
    assert "--max-cases" in capsys.readouterr().err


@pytest.mark.parametrize("program", ["evaluation", "evaluation.explaining", "evaluation.large_world"])
def test_a_program_is_ready_for_ctrl_c_before_it_loads_what_takes_long(program: str) -> None:
    """Else who thinks better of it in the first seconds meets a traceback."""
    loaded = f"import sys, {program}.__main__; sys.exit(any(m in sys.modules for m in {SLOW}))"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0
