"""Whole lines from one growing file, in bounded memory however long a line is."""

import os
from pathlib import Path
from typing import NamedTuple

from storage.events.file.places import HEAD_BYTES, Place, head_of

_CHUNK_BYTES = 1 << 18


class Line(NamedTuple):
    """One line.

    Attributes:
        content: Without its end; of a line that is too long a beginning that is too long.
        after: The offset after it.
    """

    content: bytes
    after: int


class Tail:
    """Reads one file from an offset on; a last line without its end is waited for.

    Args:
        path: The file; it may be moved meanwhile.
        offset: Where a line begins.
        max_bytes: The longest line that is kept whole.

    Raises:
        OSError: It cannot be read; the other methods raise it, too.
    """

    def __init__(self, path: Path, offset: int, *, max_bytes: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._kept_bytes = max_bytes + 1
        self._beginning = b""
        self._from(offset)

    @property
    def place(self) -> Place:
        """Where the next line begins."""
        return Place(
            os.fstat(self._descriptor).st_ino, self._line_at, head_of(self._beginning, self._line_at)
        )

    @property
    def changed_s(self) -> float:
        """When the file was last written, Unix seconds."""
        return os.fstat(self._descriptor).st_mtime

    def is_of(self, path: Path) -> bool:
        """Whether that name is this file's."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def lines(self, max_lines: int) -> list[Line]:
        """The next lines; the first, of a file that was cut short or written anew in place."""
        if self._was_cut():
            self._from(0)
        found: list[Line] = []
        while len(found) < max_lines:
            end = self._buffer.find(b"\n", self._start)
            if end >= 0:
                found.append(self._take(end))
            elif not self._fill():
                break
        if len(self._beginning) < min(self._line_at, HEAD_BYTES):
            self._beginning = os.pread(self._descriptor, HEAD_BYTES, 0)
        return found

    def unfinished(self) -> Line | None:
        """The last line of a file that nobody writes any more, though its end is missing."""
        if self._start == len(self._buffer) and not self._dropped:
            return None
        line = self._take(len(self._buffer))
        # It has no end to step over.
        self._line_at -= 1
        return Line(line.content, self._line_at)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _from(self, offset: int) -> None:
        self._line_at = self._read_at = offset
        self._buffer, self._start = b"", 0
        self._dropped, self._long_beginning = 0, b""
        self._beginning = os.pread(self._descriptor, HEAD_BYTES, 0)

    def _was_cut(self) -> bool:
        beginning = os.pread(self._descriptor, HEAD_BYTES, 0)
        known = min(self._line_at, HEAD_BYTES)
        if beginning[:known] != self._beginning[:known]:
            return True
        return os.fstat(self._descriptor).st_size < self._read_at

    def _fill(self) -> bool:
        """Read on; only the beginning of a line is kept that is longer than any may be."""
        self._buffer, self._start = self._buffer[self._start :], 0
        if len(self._buffer) > self._kept_bytes:
            self._long_beginning = self._long_beginning or self._buffer[: self._kept_bytes]
            self._dropped += len(self._buffer)
            self._buffer = b""
        chunk = os.pread(self._descriptor, _CHUNK_BYTES, self._read_at)
        self._read_at += len(chunk)
        self._buffer += chunk
        return bool(chunk)

    def _take(self, end: int) -> Line:
        content = self._long_beginning or self._buffer[self._start : end]
        self._line_at += self._dropped + end + 1 - self._start
        self._start = end + 1
        self._dropped, self._long_beginning = 0, b""
        return Line(content, self._line_at)
