"""Where in which file: a position that still finds its file after that was renamed, copied or cut short.

An inode's number is given to a new file as soon as the old one is gone: a file is known by its beginning.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

HEAD_BYTES = 1_024

# What logrotate and its like add: events.jsonl.1, events.jsonl-20261122, events.jsonl.2026-11-22T10
_ROTATED = re.compile(r"[.-]\d[\dT:_-]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A byte of a file.

    Attributes:
        inode: The file's number, as a hint.
        offset: Bytes before it.
        head: Checksum of the file's first `HEAD_BYTES` bytes, or of as many as are before the place.
    """

    inode: int
    offset: int
    head: str

    def __str__(self) -> str:
        return f"{self.inode}:{self.offset}:{self.head}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place that was written as `text`.

        Raises:
            ValueError: None was.
        """
        inode, offset, head = text.split(":")
        return cls(int(inode), int(offset), head)


def head_of(beginning: bytes, offset: int) -> str:
    """The `head` of a place, from the file's first bytes."""
    return hashlib.blake2b(beginning[: min(offset, HEAD_BYTES)], digest_size=8).hexdigest()


def files_of(path: Path) -> list[Path]:
    """What the file was rotated into and can still be read, in the order last written; itself at the end.

    Raises:
        OSError: The folder cannot be read.
    """
    rotated = [
        (entry.stat().st_mtime_ns, Path(entry.path))
        for entry in os.scandir(path.parent)
        if entry.name.startswith(path.name) and _ROTATED.fullmatch(entry.name, len(path.name))
    ]
    return [*(each for _, each in sorted(rotated)), *([path] if path.exists() else [])]


def find(place: Place, files: Sequence[Path]) -> Path | None:
    """The file that the place is in, wherever it was moved to."""
    holding = [path for path in files if _holds(path, place)]
    same = [path for path in holding if path.stat().st_ino == place.inode]
    # Every file begins with the same nothing: the number is all there is to know an empty one by.
    return next(iter(same or (holding if place.offset else [])), None)


def _holds(path: Path, place: Place) -> bool:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < place.offset:
            return False
        return head_of(file.read(HEAD_BYTES), place.offset) == place.head
