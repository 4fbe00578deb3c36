"""Other programs: whatever ends the block, they are gone after it."""

import sys
import time
from pathlib import Path

import pytest

from demo.processes import python_command, running, typed

FOREVER = (sys.executable, "-c", "import time\nwhile True: time.sleep(0.1)")


def test_a_program_ends_with_the_block() -> None:
    """A program that would run for ever is asked to end."""
    with running(FOREVER) as process:
        assert process.poll() is None
    assert process.returncode == -15


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_a_program_ends_whatever_goes_wrong(error: type[BaseException]) -> None:
    """Ctrl-C or an error in the block leaves nothing running."""
    with pytest.raises(error), running(FOREVER) as process:
        raise error
    assert process.returncode is not None


def test_a_program_that_does_not_listen_is_made_to_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that ignores the request is killed after the time it was given."""
    monkeypatch.setattr("demo.processes.STOP_TIMEOUT_S", 0.2)
    code = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)"
    said = tmp_path / "said"
    with said.open("wb") as output, running((sys.executable, "-c", code), output) as process:
        while not said.read_text():
            time.sleep(0.01)
    assert process.returncode == -9


def test_an_ended_program_keeps_its_status() -> None:
    """Nothing is done to a program that has ended by itself."""
    with running((sys.executable, "-c", "raise SystemExit(4)")) as process:
        process.wait()
    assert process.returncode == 4


def test_commands_are_shown_as_one_types_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Paths below the present folder are relative, others absolute, and words with blanks are quoted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    command = python_command("server", "--pins", tmp_path / "my pins", "--profiles", Path("/srv/profiles"))
    assert typed(command) == ".venv/bin/python -m server --pins 'my pins' --profiles /srv/profiles"
