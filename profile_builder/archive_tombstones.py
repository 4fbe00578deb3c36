"""Whose rows in an archive are passed over when it is read: tombstones in a file beside the rows.

Files of rows are never written again, so that a batch may read them at any time. A tombstone costs a line,
and removing a day's folder when it is older than any window removes the rows themselves.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from storage.errors import DataError

FILE = "_forgotten.jsonl"


def bury(folder: Path, user_id: str, until_s: int) -> None:
    """Have what the user did up to then passed over; it is once this returns.

    Raises:
        OSError: It cannot be written.
    """
    line = json.dumps({"user_id": user_id, "until": until_s}, ensure_ascii=False)
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        # A line that a crash cut short ends here.
        os.write(descriptor, f"\n{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def buried(folder: Path) -> Mapping[str, int]:
    """Until when each user in an archive is forgotten, Unix seconds UTC; nobody in what is no archive.

    Raises:
        DataError: The file cannot be read.
    """
    until_s: dict[str, int] = {}
    try:
        lines = (folder / FILE).read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return until_s
    except OSError as error:
        raise DataError(f"{folder / FILE} cannot be read: {error.strerror or error}") from error
    for line in filter(None, lines):
        user_id, at_s = _tombstone(line)
        if user_id is not None:
            until_s[user_id] = max(at_s, until_s.get(user_id, at_s))
    return until_s


def _tombstone(line: bytes) -> tuple[str | None, int]:
    """Whose and until when; nobody's, of a line that was cut short: it is written again."""
    try:
        content = json.loads(line)
        return str(content["user_id"]), int(content["until"])
    except (ValueError, KeyError, TypeError):
        return None, 0
