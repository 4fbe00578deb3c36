"""Asking the disk to keep what was written, before anybody relies on it."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Return once the disk has a file's content, or a folder's entries.

    Raises:
        OSError: It failed; what it has is unknown.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
