"""LMDB files held open: each at most once a process, however many readers and writers ask for it.

LMDB's locks belong to the process, so opening one file twice in a process breaks both; what is open is
shared here and closed with its last holder.
"""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from itertools import count, takewhile
from pathlib import Path
from typing import TypeVar

import lmdb

from storage.errors import StoreUnavailableError
from storage.profiles.lmdb import trees
from storage.profiles.lmdb.trees import IsMisplaced

_Found = TypeVar("_Found")

Inode = tuple[int, int]
"""Device and number: which file it is, whatever its name."""

_ANYTHING: Mapping[bytes, bytes | None] = {}

# LMDB's own default of 126 reader slots is few for workers times threads.
_MAX_READERS = 1_024

_SOME_BYTES = 1 << 20

REMEDY = (
    "Restore a copy, or remove it to start without records: who was forgotten must then be forgotten again."
)


class Environment:
    """One LMDB file held open. Any number of threads may get; one at a time may put.

    Args:
        env: The open environment.
        unlocked: It was opened without LMDB's locks although another process may write: reads are repeated
            when a commit came in between, because their pages may have been reused.
    """

    def __init__(self, env: lmdb.Environment, *, unlocked: bool = False) -> None:
        self._env = env
        self._longest_key = env.max_key_size()
        self._unlocked = unlocked
        self._n_holders = 0

    def get(self, key: bytes) -> bytes | None:
        """The stored value, or None; a key that LMDB could not store is not there."""
        (value,) = self.get_each(key)
        return value

    def get_each(self, *keys: bytes) -> list[bytes | None]:
        """The values as they were at one moment; a key that LMDB could not store is not there."""
        longest = self._longest_key
        return self._read(lambda txn: [txn.get(key) if 0 < len(key) <= longest else None for key in keys])

    def get_both(self, one: bytes, other: bytes) -> tuple[bytes | None, bytes | None]:
        """What `get_each` gives of two keys, in half the time: every request asks for two."""
        longest = self._longest_key
        while True:
            with self._env.begin() as txn:
                first = txn.get(one) if 0 < len(one) <= longest else None
                second = txn.get(other) if 0 < len(other) <= longest else None
                if not self._unlocked or self._env.info()["last_txnid"] == txn.id():
                    return first, second

    def range(self, first: bytes, end: bytes) -> list[tuple[bytes, bytes]]:
        """All entries from the key `first` to before `end`, ascending."""

        def read(txn: "lmdb.Transaction[bytes]") -> list[tuple[bytes, bytes]]:
            cursor = txn.cursor()
            return list(takewhile(lambda entry: entry[0] < end, cursor)) if cursor.set_range(first) else []

        return self._read(read)

    def last_key(self, first: bytes, end: bytes) -> bytes | None:
        """The last key from `first` to before `end`, or None."""

        def read(txn: "lmdb.Transaction[bytes]") -> bytes | None:
            cursor = txn.cursor()
            is_there = cursor.prev() if cursor.set_range(end) else cursor.last()
            return cursor.key() if is_there and cursor.key() >= first else None

        return self._read(read)

    def _read(self, read: "Callable[[lmdb.Transaction[bytes]], _Found]") -> _Found:
        while True:
            with self._env.begin() as txn:
                found = read(txn)
                snapshot = txn.id()
            if not self._unlocked or self._env.info()["last_txnid"] == snapshot:
                return found

    def last_commit(self) -> int | None:
        """The number of the last commit; who begins to read afterwards sees that one or a later one.

        LMDB's `info` would tell of it before readers see it. None without locks: a commit that was cut off
        may be seen there, and its number be given to another.
        """
        if self._unlocked:
            return None
        with self._env.begin() as txn:
            return txn.id()

    def problem_of(self, path: Path, is_misplaced: IsMisplaced) -> str | None:
        """Why LMDB must not be asked for any record of the file that is open here; see trees.problem_of."""
        while True:
            with self._env.begin() as txn:
                snapshot = txn.id()
                problem = trees.problem_of(path, snapshot, is_misplaced)
            if problem is None or not self._unlocked or self._env.info()["last_txnid"] == snapshot:
                return problem

    def put(self, key: bytes, value: bytes) -> None:
        """Store the value; durable when this returns."""
        self.put_all({key: value})

    def put_all(
        self, values: Mapping[bytes, bytes | None], only_if: Mapping[bytes, bytes | None] = _ANYTHING
    ) -> bool:
        """Store all of it or nothing; durable when this returns.

        Args:
            values: By key; None takes away what is there.
            only_if: Keys that must still hold these values, None for no value; nothing is stored otherwise.

        Returns:
            Whether they did.
        """
        with self._env.begin(write=True) as txn:
            if any(txn.get(key) != value for key, value in only_if.items()):
                return False
            for key in sorted(values):
                value = values[key]
                txn.delete(key) if value is None else txn.put(key, value)
        return True

    def close(self) -> None:
        """Close the file."""
        self._env.close()

    def hold(self) -> None:
        """Count one more holder."""
        self._n_holders += 1

    def let_go(self) -> bool:
        """Count one holder less; says whether that was the last."""
        self._n_holders -= 1
        return self._n_holders == 0


# LMDB's rule is one open a process, so this is the process's, too.
_open_files: dict[Inode, Environment] = {}
_guard = threading.Lock()
_numbers = count(1)


class Hold:
    """A share in an open file, given back by `close` or `leave`.

    Attributes:
        number: No other share of this process has it; an inode may be given to another file.
    """

    def __init__(self, path: Path, open_file: Callable[[Path], Environment]) -> None:
        with _guard:
            self.number = next(_numbers)
            self.inode, self.environment = _found(path, open_file)
            _open_files[self.inode] = self.environment
            self.environment.hold()
            self._is_given_back = False

    def close(self) -> None:
        """Give the share back, once however often this is called; the file is closed with the last one."""
        with _guard:
            if self._is_last():
                self.environment.close()

    def leave(self) -> None:
        """Give the share back although others may just be reading through it: the last of them closes it."""
        with _guard:
            self._is_last()

    def _is_last(self) -> bool:
        if self._is_given_back:
            return False
        self._is_given_back = True
        is_last = self.environment.let_go()
        if is_last:
            del _open_files[self.inode]
        return is_last


def _found(path: Path, open_file: Callable[[Path], Environment]) -> tuple[Inode, Environment]:
    """The file that is open already or is opened now; once more where another took its name meanwhile."""
    while True:
        before = inode_of(path)
        if before in _open_files:
            return before, _open_files[before]
        environment, after = open_file(path), inode_of(path)
        if after is not None and before in {None, after}:
            return after, environment
        environment.close()


def open_sealed(path: Path) -> Environment:
    """Open a file that never changes again: read-only and without locks."""
    return Environment(_opened(path, map_bytes=path.stat().st_size, locked=False))


def open_shared(path: Path, *, map_bytes: int, only_read: bool, is_misplaced: IsMisplaced) -> Environment:
    """Open a file that one process writes and any number read, whole; it is made if it is missing.

    It is opened for writing even to be read, because LMDB cannot open it a second time should this process
    become the writer. Where the folder is read-only it is read without locks.

    Args:
        path: The data file; its lock file lies beside it.
        map_bytes: Address space reserved: the size that the file can grow to.
        only_read: A file that this process may not write to will do.
        is_misplaced: Whether a value lies under a key that is not its own.

    Raises:
        lmdb.Error: It cannot be opened.
        StoreUnavailableError: It is damaged: LMDB, which trusts its pages, would abort or lie.
    """
    environment = _open_shared(path, map_bytes, only_read=only_read)
    try:
        # Opening and beginning to read touched no page of a tree yet.
        if problem := environment.problem_of(path, is_misplaced):
            raise StoreUnavailableError(f"{path} cannot be used: {problem}. {REMEDY}")
    except BaseException:
        environment.close()
        raise
    return environment


def _open_shared(path: Path, map_bytes: int, *, only_read: bool) -> Environment:
    try:
        env = _opened(path, map_bytes=map_bytes, locked=True)
    except lmdb.Error as error:
        if not (only_read and is_read_only(error)):
            raise
        return Environment(_opened(path, map_bytes=map_bytes, locked=False), unlocked=True)
    # Readers that were killed would keep old pages from being reused for ever.
    env.reader_check()
    return Environment(env)


def is_read_only(error: Exception) -> bool:
    """Whether the system refused to write there."""
    if isinstance(error, OSError):
        return error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}
    return isinstance(error, lmdb.ReadonlyError) or os.strerror(errno.EROFS) in str(error)


def is_full(error: Exception, path: Path) -> bool:
    """Whether no room is left for `path`: in its map, on its disk, or in what the process may write."""
    if isinstance(error, lmdb.MapFullError | lmdb.DiskError):
        return True
    # LMDB has no exception of its own for the others, only the system's words.
    if any(os.strerror(code) in str(error) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)):
        return True
    # The last write that half fits is an input/output error to LMDB.
    return os.strerror(errno.EIO) in str(error) and shutil.disk_usage(path.parent).free < _SOME_BYTES


def _opened(path: Path, *, map_bytes: int, locked: bool) -> lmdb.Environment:
    """Open for reading and writing with LMDB's locks, or for reading only without any."""
    return lmdb.open(
        str(path),
        subdir=False,
        mode=0o644,
        map_size=map_bytes,
        readonly=not locked,
        lock=locked,
        readahead=False,
        max_readers=_MAX_READERS,
    )


def inode_of(path: Path | str) -> Inode | None:
    """Which file has the name now; None while there is none, or it is empty: its writer has just begun."""
    try:
        # Path.stat takes several times as long, and this is asked at every read: there of a str, the fastest.
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return (status.st_dev, status.st_ino) if status.st_size else None
