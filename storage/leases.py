"""Versions in use: whoever reads one holds a shared lock on its manifest, which ends with the process.

The kernel keeps the lock (flock), so a reader that is killed lets go of its version, and nothing has to be
cleaned up after it. The lock is on a file that every version has had from the beginning, opened for reading:
a folder that is read-only to its readers will do. Whoever collects asks for the same lock, exclusive, which
NFS grants on a file opened for writing only: there its owner opens the manifest so for that moment, and
writes nothing. Readers do as they always did, so what runs or was published before need not be known here.
"""

import errno
import fcntl
import os
import stat
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from pathlib import Path

from storage.manifests import MANIFEST

_HELD = (errno.EWOULDBLOCK, errno.EACCES)


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
        locked = _opened_for_reading(manifest)
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


class Use(Enum):
    """Whether anybody uses a version; in words, why it is kept."""

    NONE = "not in use"
    SOME = "in use"
    UNKNOWN = "perhaps in use: this file system gives no lock on its manifest to whoever collects"


@contextmanager
def use_of(folder: Path) -> Iterator[Use]:
    """Whether anybody uses the version; while this lasts and nobody does, nobody begins to."""
    with ExitStack() as open_files:
        try:
            use = _use(folder / MANIFEST, open_files)
        except OSError:
            # Without its manifest, or where that is another's, nobody can tell.
            use = Use.UNKNOWN
        yield use


def _use(manifest: Path, open_files: ExitStack) -> Use:
    """Whether anybody holds the lock on a manifest; if nobody does, it is held while the files are open."""
    use = Use.UNKNOWN
    for opened in (_opened_for_reading, _opened_for_writing):
        descriptor = opened(manifest)
        open_files.callback(os.close, descriptor)
        use = _lock_alone(descriptor)
        if use is not Use.UNKNOWN:
            break
    return use


def _lock_alone(descriptor: int) -> Use:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return Use.SOME if error.errno in _HELD else Use.UNKNOWN
    return Use.NONE


def _opened_for_reading(manifest: Path) -> int:
    return os.open(manifest, os.O_RDONLY | os.O_CLOEXEC)


def _opened_for_writing(manifest: Path) -> int:
    """A published file is read-only, also to its owner, who may lift that for a moment."""
    mode = stat.S_IMODE(manifest.stat().st_mode)
    with suppress(PermissionError):
        return os.open(manifest, os.O_RDWR | os.O_CLOEXEC)
    manifest.chmod(mode | stat.S_IWUSR)
    try:
        return os.open(manifest, os.O_RDWR | os.O_CLOEXEC)
    finally:
        manifest.chmod(mode)


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that is found there now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
