"""Runs the command in this process, against the fake server."""

from collections.abc import Callable

import pytest

from pinnersage.client.command_line import main
from pinnersage.client.testing import FakeRecommender

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(fake: FakeRecommender, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command against the fake server: its exit status, stdout and stderr."""
    monkeypatch.setenv("PINNERSAGE_SERVER", fake.target)

    def run_main(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(arguments)
        except SystemExit as exit_:
            status = int(str(exit_.code))
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run_main
