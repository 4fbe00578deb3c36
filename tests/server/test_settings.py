"""The server's settings as a person gives them."""

import re
import sys

import pytest

from process.commands import BAD_USAGE
from server.__main__ import main
from server.settings import ServerSettings

PARTS = ("--pins", "nowhere", "--profiles", "nowhere")


def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["server", *PARTS, *arguments])
    return main(), capsys.readouterr().err


WRONG = [
    ("--drain-s", "inf"),
    ("--grace-s", "-1"),
    ("--port", "65536"),
    ("--threads", "0"),
    ("--cache-mb", "0"),
    ("--log-level", "loud"),
    ("--log-format", "xml"),
    ("--fallback", "random"),
    ("--merge-policy", "average"),
]


@pytest.mark.parametrize(("flag", "value"), WRONG)
def test_a_value_out_of_range_is_refused_before_anything_is_opened(
    flag: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal names the flag and the value; the artefact is not even looked for."""
    status, said = refused(monkeypatch, capsys, flag, value)

    assert status == BAD_USAGE
    assert f"'{flag}'" in said
    assert f"(got '{value}')" in said


def test_every_setting_is_documented(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help names each setting's flag and variable, with a sentence beside them."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(sys, "argv", ["server", "--help"])
    assert main() == 0
    # One entry a setting: from its flag to the next one's.
    entries = re.split(r"\n  (?=--)", capsys.readouterr().out)

    for name in ServerSettings.__dataclass_fields__:
        (entry,) = (each for each in entries if each.startswith(f"--{name.replace('_', '-')} "))
        assert f"PINNERSAGE_{name.upper()}" in entry
        assert ". " in entry
