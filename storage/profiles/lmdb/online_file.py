"""The file of online records, as its one writer and its readers open it, and what they say of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import lmdb

from storage.errors import ProfileStoreError, StoreFullError, StoreReadOnlyError, StoreUnavailableError
from storage.profiles.encoding import is_online_record_of_another
from storage.profiles.lmdb import meta_page, tombstones
from storage.profiles.lmdb.environments import REMEDY, Hold, inode_of, is_full, is_read_only, open_shared

State: TypeAlias = tuple[int, int, int]


def state_of(path: Path) -> State:
    """What is another when the file was replaced or written to."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _is_misplaced(key: bytes, value: bytes) -> bool:
    """Whether a value, whole as it is, is another's."""
    if tombstones.is_key(key):
        return tombstones.is_misplaced(key, value)
    return is_online_record_of_another(key, value)


def hold_of(path: Path, map_bytes: int, *, only_read: bool) -> Hold:
    """Open the file, for the writer or to read.

    Raises:
        StoreUnavailableError: What it says of itself makes no sense.
    """
    if inode_of(path) is not None and (problem := meta_page.problem_of(path)):
        raise StoreUnavailableError(f"{path} cannot be used: {problem}. {REMEDY}")
    open_file = partial(open_shared, map_bytes=map_bytes, only_read=only_read, is_misplaced=_is_misplaced)
    return Hold(path, open_file)


@contextmanager
def plainly(path: Path, what: str) -> Iterator[None]:
    """Turn what LMDB and the system raise into the store's own errors.

    Args:
        path: The file.
        what: What could not be done to it: "read", "written".
    """
    try:
        yield
    except (lmdb.Error, OSError) as error:
        raise as_store_error(path, what, error) from error


def as_store_error(path: Path, what: str, error: Exception) -> ProfileStoreError:
    """What `plainly` makes of an error of LMDB's or the system's."""
    if is_read_only(error):
        return StoreReadOnlyError(
            f"{path} cannot be {what}: its folder or file is read-only for this process"
        )
    if is_full(error, path):
        return StoreFullError(
            f"{path} cannot be {what}: no room is left ({error}). What was stored before stays."
        )
    return StoreUnavailableError(f"{path} cannot be {what}: {error}")
