"""Open files are shared within a process, and read rightly even where LMDB cannot lock."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import lmdb
import pytest

from storage.profiles.lmdb.environments import Environment, Hold, is_full, is_read_only, open_sealed


class Snapshot:
    """One read transaction: what it sees, and as of which commit."""

    def __init__(self, commit: int, value: bytes) -> None:
        self._commit = commit
        self._value = value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def get(self, _key: bytes) -> bytes:
        return self._value

    def id(self) -> int:
        return self._commit


class BusyFile:
    """An environment another process commits to: the first two reads are overtaken by a commit each."""

    def __init__(self) -> None:
        self._snapshots = iter([Snapshot(1, b"torn"), Snapshot(2, b"torn"), Snapshot(3, b"whole")])
        self._last_commits: Iterator[int] = iter([2, 3, 3])

    def max_key_size(self) -> int:
        return 511

    def begin(self) -> Snapshot:
        return next(self._snapshots)

    def info(self) -> dict[str, int]:
        return {"last_txnid": next(self._last_commits)}


def busy_file() -> lmdb.Environment:
    return cast(lmdb.Environment, BusyFile())


def test_a_read_without_locks_is_repeated_when_a_commit_overtakes_it() -> None:
    """Its pages may have been written over meanwhile; the value that counts is read in one piece."""
    assert Environment(busy_file(), unlocked=True).get(b"key") == b"whole"
    assert Environment(busy_file(), unlocked=True).get_both(b"key", b"other") == (b"whole", b"whole")


def test_a_read_with_locks_is_made_once() -> None:
    """The lock keeps the pages; nothing is read twice."""
    assert Environment(busy_file()).get(b"key") == b"torn"
    assert Environment(busy_file()).get_both(b"key", b"other") == (b"torn", b"torn")


def test_a_key_that_cannot_be_stored_is_not_there(tmp_path: Path) -> None:
    """LMDB refuses to look for an empty one, and holds none as long as the third."""
    environment = Environment(lmdb.open(str(tmp_path / "some.lmdb"), subdir=False))
    environment.put(b"key", b"value")
    keys = [b"key", b"", b"k" * 10_000]

    assert environment.get_each(*keys) == [b"value", None, None]
    for one in keys:
        for other in keys:
            assert list(environment.get_both(one, other)) == environment.get_each(one, other)
    environment.close()


def test_a_file_is_open_once_however_it_is_named(tmp_path: Path) -> None:
    """Two paths to one file share one environment, closed with the last."""
    path = tmp_path / "some.lmdb"
    lmdb.open(str(path), subdir=False, lock=False).close()
    (tmp_path / "other-name.lmdb").symlink_to(path)

    first, second = Hold(path, open_sealed), Hold(tmp_path / "other-name.lmdb", open_sealed)
    assert first.environment is second.environment
    first.close()
    assert second.environment.get(b"key") is None
    second.close()
    third = Hold(path, open_sealed)
    assert third.environment is not first.environment
    third.close()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_the_systems_refusals_to_write_are_known(code: int) -> None:
    """As the system raises them; LMDB has only words for a read-only file system."""
    assert is_read_only(OSError(code, os.strerror(code)))
    assert is_read_only(lmdb.Error(f"path: {os.strerror(errno.EROFS)}"))
    assert is_read_only(lmdb.ReadonlyError("path: Permission denied"))
    assert not is_read_only(lmdb.Error("path: Input/output error"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_the_systems_words_for_no_room_are_known(tmp_path: Path, code: int) -> None:
    """A full disk, a quota, a limit of the process."""
    assert is_full(OSError(code, os.strerror(code)), tmp_path / "some.lmdb")
    assert is_full(lmdb.Error(f"mdb_txn_commit: {os.strerror(code)}"), tmp_path / "some.lmdb")


def test_an_error_of_the_disk_is_no_room_only_where_there_is_none(tmp_path: Path) -> None:
    """LMDB's name for a write that half fits; /proc has no room, the disk of this test has."""
    error = lmdb.Error("mdb_txn_commit: Input/output error")
    assert is_full(error, Path("/proc/some.lmdb"))
    assert not is_full(error, tmp_path / "some.lmdb")
