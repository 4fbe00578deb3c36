"""Versions in use: whoever reads one holds a shared lock on its manifest, which ends with the process.

The kernel keeps the lock (flock), so a reader that is killed lets go of its version, and nothing has to be
cleaned up after it. The lock is on a file that every version has had from the beginning, opened for reading:
a folder that is read-only to its readers will do. On a network file system whoever collects cannot take such
a lock and so collects nothing.
"""

import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.manifests import MANIFEST


class Lease:
    """A version that is not collected until `close`, or until nobody knows this object any more.

    Args:
        folder: The version's folder.
        locked: The descriptor that holds the lock; None where the version has no manifest to lock.
    """

    def __init__(self, folder: Path, locked: int | None) -> None:
        self.folder = folder
        self._let_go = None if locked is None else weakref.finalize(self, os.close, locked)

    def close(self) -> None:
        """Let the version go, once however often this is called."""
        if self._let_go is not None:
            self._let_go()


def take_lease(folder: Path) -> Lease | None:
    """Use a version; None when it was collected between finding it and locking it."""
    manifest = folder / MANIFEST
    try:
        locked = os.open(manifest, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # A version without its manifest is damaged: whoever reads it will say so.
        return Lease(folder, None) if folder.is_dir() else None
    except OSError:
        return Lease(folder, None)
    lease = Lease(folder, locked)
    try:
        fcntl.flock(locked, fcntl.LOCK_SH)
    except OSError:
        # A file system without locks: collecting finds none to take either.
        return lease
    if _is_still(locked, manifest):
        return lease
    lease.close()
    return None


@contextmanager
def unused(folder: Path) -> Iterator[bool]:
    """Whether nobody uses the version; while this lasts nobody begins to."""
    try:
        locked = os.open(folder / MANIFEST, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        # Without its manifest nobody can tell.
        yield False
        return
    try:
        yield _is_locked(locked)
    finally:
        os.close(locked)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that is found there now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
