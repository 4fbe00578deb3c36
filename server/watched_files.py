"""Files that somebody replaces while the server runs: read at the start, and again when they have changed."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from server.errors import StartError

ReadT = TypeVar("ReadT")

log = structlog.get_logger("server.watched_files")


class WatchedFiles(Generic[ReadT]):
    """What was last read well from some files.

    What cannot be used is refused, logged once and counted, and what was in use stays; the files are looked
    at again as soon as one of them changes. Two that are renewed one after the other may be such a case for a
    moment.

    Args:
        what: They are, for people.
        paths: Of all of them.
        read: Reads and checks them.
        count_refused: Told each time.

    Raises:
        StartError: They cannot be used at the start.
    """

    def __init__(
        self,
        what: str,
        paths: Sequence[Path],
        read: Callable[[], ReadT],
        *,
        count_refused: Callable[[], None],
    ) -> None:
        self._what, self._paths, self._read, self._count_refused = what, paths, read, count_refused
        self._stamp = self._look_up()
        self.now = read()

    def look(self) -> None:
        """Read again what has changed; raises nothing."""
        stamp = self._look_up()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.now = self._read()
        except Exception as error:
            # Whatever it is: the next good ones must be seen.
            self._count_refused()
            known = isinstance(error, StartError)
            log.error(
                f"{self._what} refused, the last good stay in use",
                problem=str(error),
                exc_info=None if known else error,
            )
        else:
            log.info(f"{self._what} renewed", files=[str(path) for path in self._paths])

    def _look_up(self) -> list[tuple[int, int, int] | None]:
        """Changes whenever a file is written, replaced, or given through another link."""
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_bytes(path: Path, flag: str) -> bytes:
    """A file's content.

    Raises:
        StartError: It cannot be read; the message has the flag and the reason.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartError(f"--{flag} {path} cannot be read: {error.strerror or error}.") from error
