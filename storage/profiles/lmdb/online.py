"""Online records in one LMDB environment: one writer at a time, any number of readers beside it.

PROFILES/online/profiles.lmdb   user id -> storage.profiles.encoding.encode_online; and tombstones
PROFILES/online/writer.lock     held (flock) by the one writer; says who that is
"""

import fcntl
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

import lmdb

from storage.errors import (
    OvertakenError,
    ProfileStoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from storage.profiles.encoding import decode_newest, decode_online, encode_online, is_online_record_of_another
from storage.profiles.forgetting import since_forgotten
from storage.profiles.lmdb import meta_page, tombstones
from storage.profiles.lmdb.environments import REMEDY, Hold, is_full, is_read_only, open_shared
from storage.profiles.marks import decode_mark, encode_mark, mark_key
from storage.profiles.newest import Newest, read_newest
from storage.profiles.records import OnlineProfile, Tombstone
from storage.profiles.store import Mark
from storage.syncing import sync

ONLINE_FOLDER = "online"
FILE = "profiles.lmdb"
WRITER_LOCK = "writer.lock"

_State = tuple[int, int, int]

# Address space, not disk: the file grows as records come. About 50 million users at 20 actions each.
MAP_BYTES = 1 << 36


class OnlineRecords:
    """Reads online records; where no writer has ever been there simply are none.

    Args:
        profiles: The profile folder.
        map_bytes: The address space reserved, at least the writer's.
    """

    def __init__(self, profiles: Path, *, map_bytes: int = MAP_BYTES) -> None:
        self._path = profiles / ONLINE_FOLDER / FILE
        self._map_bytes = map_bytes
        self._opening = threading.Lock()
        self._hold: Hold | None = None
        self._refused: tuple[_State, StoreUnavailableError] | None = None

    def get(self, user_id: str) -> OnlineProfile | None:
        """The user's newest actions, or None.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
            DamagedRecordError: The record is damaged.
        """
        ((value, tombstone),) = self.values([user_id])
        until_s = tombstones.until_s_of(tombstone, user_id)
        return None if value is None else since_forgotten(decode_online(value, user_id), until_s)

    def values(self, user_ids: Sequence[str]) -> list[tuple[bytes | None, bytes | None]]:
        """What is stored of each user at one moment, undecoded: the record and the tombstone.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
        """
        with _plainly(self._path, "read"):
            hold = self._hold or self._try_to_open()
            if hold is None:
                return [(None, None)] * len(user_ids)
            keys = [key(user_id) for user_id in user_ids for key in (str.encode, tombstones.key_of_user)]
            values = hold.environment.get_each(*keys)
        return list(zip(values[::2], values[1::2], strict=True))

    def tombstones(self, after: int = 0) -> list[Tombstone]:
        """Those later than the one numbered `after`, in order.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
            DamagedRecordError: One of them is damaged.
        """
        with _plainly(self._path, "read"):
            hold = self._hold or self._try_to_open()
            return tombstones.read(hold.environment, after) if hold else []

    def newest_tombstone(self) -> int:
        """The number of the last one; 0 before the first.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
        """
        with _plainly(self._path, "read"):
            hold = self._hold or self._try_to_open()
            return tombstones.newest(hold.environment) if hold else 0

    def forgotten(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Until when each of these users is forgotten, Unix seconds UTC; without those who are not.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
            DamagedRecordError: A tombstone is damaged.
        """
        with _plainly(self._path, "read"):
            hold = self._hold or self._try_to_open()
            return tombstones.until_s_of_each(hold.environment, user_ids) if hold else {}

    def open_early(self) -> None:
        """Open the file now if there is one: checking a large one takes seconds, too long for a request.

        What is wrong with it is told to whoever gets a record.
        """
        with suppress(ProfileStoreError), _plainly(self._path, "read"):
            self._try_to_open()

    def _try_to_open(self) -> Hold | None:
        """Open the file once there is one: a first writer is noticed without a restart."""
        # Where there is none, this is all that a read does: without a lock.
        if not _exists(self._path):
            return None
        with self._opening:
            if self._hold is None:
                self._hold = self._opened()
            return self._hold

    def _opened(self) -> Hold:
        """Open the file; one that was refused is judged again only when it has changed."""
        state = _state(self._path)
        if self._refused is not None and self._refused[0] == state:
            raise self._refused[1]
        try:
            return _hold(self._path, self._map_bytes, only_read=True)
        except StoreUnavailableError as error:
            self._refused = state, error
            raise

    def close(self) -> None:
        """Give the file back."""
        if self._hold is not None:
            self._hold.close()


class LmdbOnlineWriter:
    """The one writer of online records (an OnlineWriter); a second one is refused.

    Args:
        profiles: The profile folder.
        map_bytes: The size that the file may grow to.

    Raises:
        StoreUnavailableError: Another process is the writer, or the file cannot be used.
        StoreReadOnlyError: The folder cannot be written to.
        StoreFullError: No room is left for even an empty file.
    """

    def __init__(self, profiles: Path, *, map_bytes: int = MAP_BYTES) -> None:
        self._path = profiles / ONLINE_FOLDER / FILE
        with _plainly(self._path, "opened for writing"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as unless_opened:
                self._lock = unless_opened.enter_context(_writer_lock(self._path.parent / WRITER_LOCK))
                if not _exists(self._path):
                    unless_opened.callback(_remove_beginning, self._path)
                self._hold = unless_opened.enter_context(
                    closing(_hold(self._path, map_bytes, only_read=False))
                )
                # A record is no safer than the entry of its file, or of the folder.
                for folder in (self._path.parent, profiles):
                    sync(folder)
                unless_opened.pop_all()

    def put(self, profile: OnlineProfile) -> None:
        """Store the record; it survives a crash once this returns."""
        with _plainly(self._path, "written"):
            self._hold.environment.put(profile.user_id.encode(), encode_online(profile))

    def get(self, user_id: str) -> OnlineProfile | None:
        """The stored record, or None."""
        with _plainly(self._path, "read"):
            value = self._hold.environment.get(user_id.encode())
        return None if value is None else decode_online(value, user_id)

    def forget(self, user_id: str, until_s: int) -> None:
        """Bury what the user did up to then; it stays buried once this returns."""
        with _plainly(self._path, "written"):
            tombstones.bury(self._hold.environment, user_id, until_s)

    def forgotten(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Until when each of these users is forgotten, Unix seconds UTC; without those who are not."""
        with _plainly(self._path, "read"):
            return tombstones.until_s_of_each(self._hold.environment, user_ids)

    def newest(self, user_ids: Sequence[str]) -> Newest:
        """The newest actions of some users."""
        with _plainly(self._path, "read"):
            values = self._hold.environment.get_each(*(user_id.encode() for user_id in user_ids))
        return read_newest(user_ids, values, decode_newest)

    def mark(self, name: str) -> str | None:
        """What is held under a mark's name, or None."""
        with _plainly(self._path, "read"):
            value = self._hold.environment.get(mark_key(name))
        return None if value is None else decode_mark(name, value)

    def commit(self, profiles: Sequence[OnlineProfile], marks: Mapping[str, Mark]) -> None:
        """Store records and move marks on, in one transaction."""
        values = {profile.user_id.encode(): encode_online(profile) for profile in profiles}
        values |= {mark_key(name): encode_mark(name, mark.after) for name, mark in marks.items()}
        before = {
            mark_key(name): None if mark.before is None else encode_mark(name, mark.before)
            for name, mark in marks.items()
        }
        with _plainly(self._path, "written"):
            if not self._hold.environment.put_all(values, only_if=before):
                raise OvertakenError(
                    f"{self._path} has other marks than this writer left: another has gone on from there"
                )

    def close(self) -> None:
        """Give the file back and let another writer in."""
        self._hold.close()
        self._lock.close()


def _exists(path: Path) -> bool:
    """Whether a writer has made the file; it is empty for an instant."""
    try:
        # Path.stat takes several times as long, and this is asked at every read.
        return os.stat(path).st_size > 0
    except FileNotFoundError:
        return False


def _remove_beginning(path: Path) -> None:
    """Remove a first file that the disk cut short: nothing was ever in it, and it would stay refused."""
    if _exists(path) and meta_page.problem_of(path):
        path.unlink()


def _state(path: Path) -> _State:
    """What is another when the file was replaced or written to."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _is_misplaced(key: bytes, value: bytes) -> bool:
    """Whether a value, whole as it is, is another's."""
    if tombstones.is_key(key):
        return tombstones.is_misplaced(key, value)
    return is_online_record_of_another(key, value)


def _hold(path: Path, map_bytes: int, *, only_read: bool) -> Hold:
    if _exists(path) and (problem := meta_page.problem_of(path)):
        raise StoreUnavailableError(f"{path} cannot be used: {problem}. {REMEDY}")
    open_file = partial(open_shared, map_bytes=map_bytes, only_read=only_read, is_misplaced=_is_misplaced)
    return Hold(path, open_file)


def _writer_lock(path: Path) -> TextIO:
    """Become the writer, for as long as the file returned stays open."""
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read().strip() or "another process"
        lock.close()
        raise StoreUnavailableError(
            f"{path.parent} has a writer already: {holder}. Only one may write online records: stop it "
            "first, or reach it through the event stream (--events)."
        ) from error
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    lock.flush()
    return lock


@contextmanager
def _plainly(path: Path, what: str) -> Iterator[None]:
    """Turn what LMDB and the system raise into the store's own errors."""
    try:
        yield
    except (lmdb.Error, OSError) as error:
        raise _as_store_error(path, what, error) from error


def _as_store_error(path: Path, what: str, error: Exception) -> ProfileStoreError:
    if is_read_only(error):
        return StoreReadOnlyError(
            f"{path} cannot be {what}: its folder or file is read-only for this process"
        )
    if is_full(error, path):
        return StoreFullError(
            f"{path} cannot be {what}: no room is left ({error}). What was stored before stays."
        )
    return StoreUnavailableError(f"{path} cannot be {what}: {error}")
