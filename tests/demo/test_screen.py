"""The demo's screen: columns on a wide terminal, plain lines in a file."""

import io
from dataclasses import replace

import pytest

from demo.people import Interest, Person, Recent, Suggestions
from demo.screen import Screen

ANN = Person(
    user_id="ann",
    n_actions=31,
    recent=[Recent(title="🐱 cat", days_ago=0.4), Recent(title="🐶 dog", days_ago=1.2)],
    interests=[Interest(title="🐱 cat", share=0.75, size=4), Interest(title="🚢 ship", share=0.25, size=12)],
    suggestions=[
        Suggestions(reason="because you saved 🐱 cat", candidates=[("🐈 kitten", 0.913)], n_candidates=200),
        Suggestions(reason="because you saved 🚢 ship", candidates=[("⛵ sailboat", 0.5)], n_candidates=200),
    ],
    answer_ms=4.06,
)


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO, width: int | None = None) -> list[str]:
    Screen(file, width).person(ANN)
    return file.getvalue().splitlines()


def test_a_file_gets_plain_lines() -> None:
    """No colours, no boxes, one fact a line: fit for a log, a diff, a README."""
    assert shown(io.StringIO()) == [
        "",
        "ann: 31 actions in 90 days, 2 interests ".ljust(100, "-"),
        "  Newest actions",
        "        today  🐱 cat",
        "    1 day ago  🐶 dog",
        "  Interests (share of importance, pins, medoid)",
        "   75%    4  🐱 cat",
        "   25%   12  🚢 ship",
        "",
        "400 candidates from 2 sampled interests in 4.1 ms; of each interest the first:",
        "  because you saved 🐱 cat",
        "   0.91  🐈 kitten",
        "  because you saved 🚢 ship",
        "   0.50  ⛵ sailboat",
    ]


def test_a_wide_terminal_gets_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs together stands side by side."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    lines = shown(Terminal(), width=120)
    assert any("Newest actions" in line and "Interests" in line for line in lines)
    assert any("🐈 kitten" in line and "⛵ sailboat" in line for line in lines)


def test_a_narrow_terminal_cuts_long_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A title never breaks the columns."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "  Interests (share of importance, pins,…" in shown(Terminal(), width=40)


def test_a_command_stays_on_one_line() -> None:
    """However long, it can be copied."""
    file = io.StringIO()
    Screen(file, width=40).stage("Build", "python -m index_builder build --data " + "x" * 80, finished=True)
    assert file.getvalue().splitlines()[1:] == [
        "Build  (finished before, and nothing has changed)",
        "$ python -m index_builder build --data " + "x" * 80,
    ]


def test_in_a_file_nothing_is_cut() -> None:
    """A title longer than a screen is wide is whole in a log."""
    file = io.StringIO()
    Screen(file).person(replace(ANN, recent=[Recent(title="x" * 200, days_ago=0)]))
    assert f"        today  {'x' * 200}" in file.getvalue().splitlines()


def test_titles_stay_on_their_line() -> None:
    """Line breaks and escape sequences in a title or an id do nothing to the screen."""
    file = io.StringIO()
    hostile = "a\n\x1b[31mb"
    Screen(file).person(
        Person(
            user_id=hostile,
            n_actions=1,
            recent=[Recent(title=hostile, days_ago=0)],
            interests=[Interest(title=hostile, share=1.0, size=1)],
            suggestions=[
                Suggestions(reason=f"because of {hostile}", candidates=[(hostile, None)], n_candidates=1)
            ],
            answer_ms=1.0,
        )
    )
    assert file.getvalue().splitlines() == [
        "",
        "a  [31mb: 1 action in 90 days, 1 interest ".ljust(100, "-"),
        "  Newest actions",
        "        today  a  [31mb",
        "  Interests (share of importance, pins, medoid)",
        "  100%    1  a  [31mb",
        "",
        "1 candidate from 1 sampled interest in 1.0 ms; of each interest the first:",
        "  because of a  [31mb",
        "    a  [31mb",
    ]


def test_a_file_without_emoji_gets_question_marks() -> None:
    """A terminal of another encoding is no reason for a traceback."""
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", write_through=True) as file:
        Screen(file).note("a 🐱")
        assert raw.getvalue() == b"a ?\n"
