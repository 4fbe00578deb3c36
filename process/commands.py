"""Commands made of settings records: one frozen dataclass a command is its flags, variables and help.

A field annotated with `setting(...)` becomes a flag `--field-name` and a variable `PINNERSAGE_FIELD_NAME`.
A wrong value is refused with the flag, the variable and the value; an expected error is one sentence on
stderr; nobody meets a traceback for what they can mend themselves.
"""

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import typer

from process.terminating import ended_by_sigterm

SettingsT = TypeVar("SettingsT")
Run = Callable[[SettingsT], int | None]

FAILED, BAD_USAGE = 1, 2
_WIDEST_HELP = 400


def setting(
    help_text: str,
    *,
    env: str,
    metavar: str | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Any:  # noqa: ANN401 - typer's own type for an option is Any
    """Describe one field of a settings record.

    Args:
        help_text: One line for people, with the unit.
        env: The variable's name without the prefix PINNERSAGE_.
        metavar: What stands for the value in the help; by default N for a number with bounds, else its type.
        low: The smallest value allowed.
        high: The largest value allowed.
    """
    if metavar is None and (low, high) != (None, None):
        metavar = "N"
    return typer.Option(
        help=help_text, envvar=f"PINNERSAGE_{env}", metavar=metavar, min=low, max=high, show_envvar=True
    )


class Program:
    """A program of one or several commands, run as `python -m NAME`.

    SIGTERM ends a command at once, unless it hears signals itself.
    """

    def __init__(self, name: str, *, expected: tuple[type[Exception], ...]) -> None:
        self._name = name
        self._expected = expected
        # Without markup the help is plain text: boxes cut long flags and variables off on a narrow screen.
        self._app = typer.Typer(
            add_completion=False,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
            context_settings={"max_content_width": _WIDEST_HELP},
        )

    def describe(self, purpose: str) -> None:
        """Give the program a help text of its own; a program with several commands needs one."""
        self._app.callback()(_documented(purpose))

    def command(
        self, name: str, settings: type[SettingsT], run: Run[SettingsT], *, hears_signals: bool = False
    ) -> None:
        """Add a command: its docstring, flags and variables are those of `settings`."""

        def call(**values: object) -> int | None:
            with nullcontext() if hears_signals else ended_by_sigterm(self._name):
                return run(settings(**values))

        # Typer reads a command from its signature: give it the record's.
        signature = inspect.signature(settings, eval_str=True)
        call.__signature__ = signature  # type: ignore[attr-defined] # what inspect looks for
        call.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
        call.__doc__ = settings.__doc__
        self._app.command(name)(call)

    def run(self, arguments: Sequence[str] | None = None) -> int:
        """Run the command named by `arguments` (default: the process's) and return the exit status."""
        arguments = list(sys.argv[1:] if arguments is None else arguments)
        try:
            status = self._app(args=arguments, prog_name=f"python -m {self._name}", standalone_mode=False)
        except typer.TyperException as error:
            return self._refuse(error, arguments)
        except self._expected as error:
            print(f"{self._name}: {error}", file=sys.stderr)
            return FAILED
        return int(status or 0)

    def _refuse(self, error: typer.TyperException, arguments: Sequence[str]) -> int:
        """Say which flag or variable had which value, and why that will not do."""
        # Typer checks values with pydantic, which says so.
        message = error.format_message().replace(": Value error, ", ": ", 1)
        if isinstance(error, typer.BadParameter) and error.param is not None:
            value = _given_value(error.param, arguments)
            if value is not None:
                message = f"{message.removesuffix('.')} (got {value!r})"
        if message:
            print(f"{self._name}: {message}\nSee: {self._place(error)} --help", file=sys.stderr)
        return BAD_USAGE

    def _place(self, error: typer.TyperException) -> str:
        """The command that was given wrongly, as it is typed."""
        context = getattr(error, "ctx", None)
        return f"python -m {self._name}" if context is None else str(context.command_path)


def _documented(purpose: str) -> Callable[[], None]:
    def callback() -> None: ...

    callback.__doc__ = purpose
    return callback


def _given_value(param: Any, arguments: Sequence[str]) -> str | None:  # noqa: ANN401 - typer's private type
    """What the person gave for this parameter: on the command line, else in the environment."""
    for at, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag in param.opts:
            return value if equals else (arguments[at + 1] if at + 1 < len(arguments) else None)
    return os.environ.get(param.envvar) if isinstance(param.envvar, str) else None
