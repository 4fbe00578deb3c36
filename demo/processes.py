"""Other programs: started with a command one can type, and never left running."""

import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

STOP_TIMEOUT_S = 15.0


def python_command(program: str, *arguments: str | Path) -> tuple[str, ...]:
    """The command `python -m PROGRAM ARGUMENTS` of this very Python."""
    return (sys.executable, "-m", program, *map(str, arguments))


def typed(command: Sequence[str]) -> str:
    """The command as a person types it here: the paths below the present folder are relative."""
    return shlex.join(_from_here(word) for word in command)


def _from_here(word: str) -> str:
    path = Path(word)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else word


@contextmanager
def running(command: Sequence[str], output: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as long as the block lasts; whatever ends the block, the process is gone after it.

    Args:
        command: The program and its arguments.
        output: Where stdout and stderr go; None: where ours go.
    """
    process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - our own programs
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process: asked first, then made to."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
