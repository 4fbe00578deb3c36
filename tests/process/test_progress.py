"""Progress: quiet when asked, a line a step where nobody watches."""

import pytest

from process.progress import Reporter


def test_without_a_terminal_each_step_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs of a nightly job show each step once, with its time, and no control characters."""
    reporter = Reporter()
    with reporter.step("cluster users", total=2) as step:
        step.advance(2)
    assert list(reporter.each("read", [1, 2, 3])) == [1, 2, 3]
    reporter.say("done")

    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[1].strip() for line in lines[:2]] == ["cluster users", "read"]
    assert lines[2] == "done"
    assert "\x1b" not in "".join(lines)


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A library or a test can silence it whole."""
    reporter = Reporter(quiet=True)
    with reporter.step("cluster users"):
        reporter.say("hidden")

    assert capsys.readouterr() == ("", "")
