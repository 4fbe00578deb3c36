"""What a program says where what it needs is not installed: who forgot the environment is told so.

It runs before anything of that is imported, so it needs nothing itself, and any Python 3 can read it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST_PYTHON = (3, 11)
_MEND = "Run `make setup` once, then `source .venv/bin/activate`"


@contextmanager
def explained_imports(program: str) -> Iterator[None]:
    """Imports of packages; where one is missing, or this Python is too old, one sentence ends the program.

    Args:
        program: Its name.

    Raises:
        SystemExit: It ends.
        ModuleNotFoundError: What is missing is a module of ours: a fault that is not the person's.
    """
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        _end(program, f"Python {oldest} or newer is needed, and {sys.executable} is older")
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or (ROOT / error.name.partition(".")[0]).is_dir():
            raise
        _end(program, f"{error.name} is not installed for {sys.executable}")


def _end(program: str, problem: str) -> None:
    print(f"{program}: {problem}. {_MEND} in {ROOT}, and start it again.", file=sys.stderr)
    sys.exit(1)
