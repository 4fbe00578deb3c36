"""Where the system keeps what was written: on the disk before anybody relies on it, in memory if it pays."""

import os
from contextlib import suppress
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


def drop_from_page_cache(path: Path) -> None:
    """Have the system keep nothing in memory of a file that is on the disk, unless somebody uses it."""
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def replace_text(path: Path, content: str) -> None:
    """Let a file have this content, in one step: readers and crashes meet the old one or the new one, whole.

    Args:
        path: The file; it need not be there yet, its folder must.
        content: All of it.

    Raises:
        OSError: It failed, and the old content stands; or the disk does not say whether it keeps the new one.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_text(content, encoding="utf-8")
        sync(draft)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    sync(path.parent)
