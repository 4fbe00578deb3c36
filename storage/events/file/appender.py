"""Appends to a file of events: what is acknowledged is on the disk."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from storage.events.file.failing import plainly
from storage.events.records import Record, encode
from storage.syncing import sync


class FileAppender:
    """Appends lines to a file (an EventAppender), or to the new one once that was rotated.

    Args:
        path: The file; it is made when it is missing, and so is its folder.

    Raises:
        StreamUnavailableError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with plainly(path, "append to"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = self._open()

    def append(self, records: Sequence[Record]) -> None:
        """Append the records in order; when this returns they are on the disk."""
        lines = b"".join(encode(record) + b"\n" for record in records)
        if not lines:
            return
        with plainly(self._path, "append to"):
            self._follow()
            # One after the other: a write that stops halfway must not end inside another's line.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self._write(lines)
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _open(self) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        sync(self._path.parent)
        return descriptor

    def _follow(self) -> None:
        """Open the file anew if the name is another one's by now."""
        try:
            if os.path.samestat(os.stat(self._path), os.fstat(self._descriptor)):
                return
        except FileNotFoundError:
            pass
        old, self._descriptor = self._descriptor, self._open()
        os.close(old)

    def _write(self, lines: bytes) -> None:
        if self._ends_inside_a_line():
            # Somebody's write was cut short. What is there becomes a line of its own, and is rejected.
            lines = b"\n" + lines
        while lines:
            lines = lines[os.write(self._descriptor, lines) :]

    def _ends_inside_a_line(self) -> bool:
        size = os.fstat(self._descriptor).st_size
        return size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
