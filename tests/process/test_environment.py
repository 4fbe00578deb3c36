"""Who starts a program where nothing is installed is told what to do, in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from process import environment
from process.environment import explained_imports

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(
    ".".join(path.relative_to(ROOT).parts[:-1])
    for room in ("server", "index_builder", "profile_builder", "evaluation", "demo")
    for path in (ROOT / room).rglob("__main__.py")
    # Its package draws, and is read first.
    if path.parent.name != "report"
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_the_environment_every_program_says_what_to_do(program: str) -> None:
    """No traceback, and a status that is not 0."""
    # -S leaves out site-packages, as a Python outside of the environment does.
    command = [sys.executable, "-S", "-m", program]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"{program}: ")
    assert f" is not installed for {sys.executable}. Run `make setup` once, then `source " in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_an_older_python_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it meets what it cannot read."""
    monkeypatch.setattr(environment, "OLDEST_PYTHON", (99, 1))
    with pytest.raises(SystemExit) as ended, explained_imports("server"):
        pytest.fail("imported all the same")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("server: Python 99.1 or newer is needed, and ")
    assert "Run `make setup` once" in said


def test_a_module_of_ours_that_is_missing_is_no_matter_of_the_environment() -> None:
    """The traceback shows the fault."""
    with pytest.raises(ModuleNotFoundError, match=r"storage\.nothing"), explained_imports("server"):
        __import__("storage.nothing")
