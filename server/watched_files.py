"""Files that somebody replaces while the server runs: read at the start, and again when they have changed."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from process.attempts import in_words
from server.errors import StartError

ReadT = TypeVar("ReadT")
Stamp = list[tuple[int, int, int] | None]

log = structlog.get_logger("server.watched_files")


class WatchedFiles(Generic[ReadT]):
    """What was last read well from some files.

    What cannot be used is refused, and what was in use stays; two files that are renewed one after the other
    may be such a case for a moment. They are read again at each look until they can be used: it may have been
    the server that could not open them. It is logged and counted once for one state of them and one reason.

    Args:
        what: They are, for people.
        paths: Of all of them.
        read: Reads and checks them.
        count_refused: Told each time that it is logged.

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
        self._refused: tuple[Stamp, str] | None = None
        self._stamp = self._look_up()
        self.now = read()

    def look(self) -> None:
        """Read again what has changed; raises nothing."""
        stamp = self._look_up()
        if stamp == self._stamp:
            self._refused = None
            return
        try:
            self.now = self._read()
        except Exception as error:
            # Whatever it is: the next good ones must be seen.
            self._refuse(stamp, error)
        else:
            self._stamp, self._refused = stamp, None
            log.info(f"{self._what} renewed", files=[str(path) for path in self._paths])

    def _refuse(self, stamp: Stamp, error: Exception) -> None:
        refused = stamp, in_words(error, StartError)
        if refused == self._refused:
            return
        self._refused = refused
        self._count_refused()
        log.error(
            f"{self._what} refused, the last good stay in use",
            problem=refused[1],
            exc_info=None if isinstance(error, StartError) else error,
        )

    def _look_up(self) -> Stamp:
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
