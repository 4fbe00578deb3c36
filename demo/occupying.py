"""One demo at a time in a folder: a second one would write into the files that the first one reads."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.errors import DemoError

_LOCK = ".lock"


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Have the folder to ourselves as long as the block lasts; it is made where there is none.

    Raises:
        DemoError: Another demo has it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise DemoError(
            f"{folder} cannot be written: {error.strerror or error}. Name another folder with --out"
        ) from error
    with lock:
        _take(lock.fileno(), folder)
        yield


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoError(
            f"another demo is at work in {folder}: wait until it has ended, or name another folder with --out"
        ) from error
