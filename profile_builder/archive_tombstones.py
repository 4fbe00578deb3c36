"""Whose rows in an archive are passed over when it is read: tombstones in a file beside the rows.

Files of rows are never written again, so that a batch may read them at any time. A tombstone costs a line,
and removing a day's folder when it is older than any window removes the rows themselves.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from storage.errors import DataError
from storage.syncing import sync

FILE = "_forgotten.jsonl"


def bury(folder: Path, user_id: str, until_s: int) -> None:
    """Have what the user did up to then passed over; it is once this returns.

    Raises:
        OSError: It cannot be written.
    """
    line = json.dumps({"user_id": user_id, "until": until_s}, ensure_ascii=False)
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        # A line that a crash or a full disk cut short ends here.
        _write(descriptor, f"\n{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    # Also of a file that was there: whoever made it may have ended before its entry was on the disk.
    sync(folder)


def buried(folder: Path) -> Mapping[str, int]:
    """Until when each user in an archive is forgotten, or in any below a folder, Unix seconds UTC.

    Args:
        folder: Where actions are read; what is no archive forgets nobody.

    Raises:
        DataError: A file cannot be read.
    """
    until_s: dict[str, int] = {}
    for file in sorted(folder.rglob(FILE)):
        for user_id, at_s in _tombstones(file):
            until_s[user_id] = max(at_s, until_s.get(user_id, at_s))
    return until_s


def _write(descriptor: int, line: bytes) -> None:
    """In one piece: on a disk that is nearly full a part of it is written, and only the next write fails."""
    # All of it again, not the rest of it: another writer may have appended in between.
    while os.write(descriptor, line) < len(line):
        pass


def _tombstones(file: Path) -> Iterator[tuple[str, int]]:
    """Those in a file; a line that was cut short is nobody's: it was written again."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            content = json.loads(line)
            yield str(content["user_id"]), int(content["until"])
