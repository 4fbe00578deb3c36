"""Commands made of settings: flags, variables, and errors that name both and the value."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest

from process.commands import BAD_USAGE, FAILED, Program, setting


class Colour(StrEnum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Paint:
    """Paint a wall."""

    wall: Annotated[Path, setting("The wall.", env="TEST_WALL", metavar="DIR")]
    coats: Annotated[int, setting("How many coats.", env="TEST_COATS", low=1, high=5)] = 2
    days_to_dry_before_the_next_coat: Annotated[
        float, setting("Days.", env="TEST_DAYS_TO_DRY_BETWEEN_COATS", low=0, high=9)
    ] = 1.0
    colour: Annotated[Colour, setting("The colour.", env="TEST_COLOUR")] = Colour.RED


class PaintError(Exception):
    """An error the program expects."""


Run = Callable[[Paint], int | None]


def painter(run: Run) -> Program:
    program = Program("painter", expected=(PaintError,))
    program.describe("Paints.")
    program.command("paint", Paint, run)
    return program


def run(*arguments: str) -> tuple[int, list[Paint]]:
    painted: list[Paint] = []
    return painter(painted.append).run(["paint", *arguments]), painted


def test_flags_win_over_variables_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting is the flag's value, else the variable's, else the default."""
    monkeypatch.setenv("PINNERSAGE_TEST_COATS", "3")
    monkeypatch.setenv("PINNERSAGE_TEST_WALL", "north")

    assert run("--wall", "south") == (0, [Paint(wall=Path("south"), coats=3)])
    assert run("--coats", "4", "--colour", "blue") == (
        0,
        [Paint(wall=Path("north"), coats=4, colour=Colour.BLUE)],
    )


@pytest.mark.parametrize("arguments", [("--coats", "9"), ("--coats=9",)])
def test_a_wrong_flag_is_named_with_its_value(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal names flag, variable, rule and value, and where to read more."""
    status, painted = run("--wall", "north", *arguments)

    error = capsys.readouterr().err
    assert (status, painted) == (BAD_USAGE, [])
    assert error.startswith("painter: Invalid value for '--coats' (env var: 'PINNERSAGE_TEST_COATS'): ")
    assert "less than or equal to 5 (got '9')" in error
    assert error.endswith("See: python -m painter paint --help\n")


def test_a_wrong_variable_is_named_with_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value that came from the environment is quoted too."""
    monkeypatch.setenv("PINNERSAGE_TEST_COATS", "many")
    status, _ = run("--wall", "north")

    assert status == BAD_USAGE
    assert "(got 'many')" in capsys.readouterr().err


def test_a_value_that_is_none_of_some_is_told_them(capsys: pytest.CaptureFixture[str]) -> None:
    """In a person's words, not in those of the library that looked."""
    assert run("--wall", "north", "--colour", "green")[0] == BAD_USAGE
    said = capsys.readouterr().err
    assert "'PINNERSAGE_TEST_COLOUR'): 'green' is not one of 'red', 'blue' (got 'green')\n" in said


def test_a_mistyped_command_is_shown_the_programs_help(capsys: pytest.CaptureFixture[str]) -> None:
    """And the one that was most likely meant."""
    assert painter(lambda _: None).run(["pant"]) == BAD_USAGE
    assert capsys.readouterr().err == (
        "painter: No such command 'pant'. Did you mean 'paint'?\nSee: python -m painter --help\n"
    )


def test_a_missing_flag_and_an_unknown_one_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing or unknown is said by its name."""
    assert run()[0] == BAD_USAGE
    assert "Missing option '--wall' (env var: 'PINNERSAGE_TEST_WALL')" in capsys.readouterr().err
    assert run("--wall", "north", "--glue", "x")[0] == BAD_USAGE
    assert "No such option: --glue" in capsys.readouterr().err


def test_an_expected_error_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """An error the program expects is its message on stderr and exit status 1: no traceback."""

    def fail(_: Paint) -> None:
        raise PaintError("the wall north is wet: wait a day")

    assert painter(fail).run(["paint", "--wall", "north"]) == FAILED
    assert capsys.readouterr().err == "painter: the wall north is wet: wait a day\n"


def test_an_interruption_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends a command without a traceback, with the shell's status for it."""

    def interrupt(_: Paint) -> None:
        raise KeyboardInterrupt

    assert painter(interrupt).run(["paint", "--wall", "north"]) == 130
    assert capsys.readouterr().err == ""


def test_a_defect_is_not_hidden() -> None:
    """An error nobody expects goes up: a defect deserves its traceback."""

    def crash(_: Paint) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        painter(crash).run(["paint", "--wall", "north"])


def test_a_commands_status_is_the_programs() -> None:
    """What a command returns is the exit status; nothing is 0."""
    assert painter(lambda _: 4).run(["paint", "--wall", "north"]) == 4
    assert painter(lambda _: None).run(["paint", "--wall", "north"]) == 0


def test_the_help_tells_flags_variables_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """The record's docstring and fields are the help."""
    assert painter(lambda _: None).run(["paint", "--help"]) == 0

    text = capsys.readouterr().out
    for part in (
        "Paint a wall.",
        "--wall DIR",
        "--coats N",
        "PINNERSAGE_TEST_COATS",
        "default: 2",
        "red|blue",
    ):
        assert part in text


def test_the_help_fits_a_narrow_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag that is cut off cannot be typed."""
    monkeypatch.setenv("COLUMNS", "80")
    assert painter(lambda _: None).run(["paint", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--days-to-dry-before-the-next-coat" in text
    assert "PINNERSAGE_TEST_DAYS_TO_DRY_BETWEEN_COATS" in text
