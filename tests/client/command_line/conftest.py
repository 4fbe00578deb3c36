"""Runs the command in this process, against the fake server."""

from collections.abc import Callable

import pytest

from pinnersage.client.command_line import arguments, main
from pinnersage.client.testing import FakeRecommender
from tests.waiting import HANG_S

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not say how long to wait waits as long as this machine takes."""
    monkeypatch.setattr(arguments, "DEFAULT_TIMEOUT_S", HANG_S)


@pytest.fixture
def run(fake: FakeRecommender, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command against the fake server: its exit status, stdout and stderr."""
    monkeypatch.setenv("PINNERSAGE_SERVER", fake.target)

    def run_main(*words: str) -> tuple[int, str, str]:
        try:
            status = main(words)
        except SystemExit as exit_:
            status = int(str(exit_.code))
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run_main
