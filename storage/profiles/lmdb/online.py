"""Online records in one LMDB environment: one writer at a time, any number of readers beside it.

PROFILES/online/profiles.lmdb        user id -> storage.profiles.encoding.encode_online; and tombstones
PROFILES/online/profiles.lmdb-lock   LMDB's own: it goes when the file goes
PROFILES/online/writer.lock          held (flock) by the one writer; says who that is
"""

import fcntl
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TextIO, TypeAlias

import lmdb

from storage.errors import OvertakenError, ProfileStoreError, StoreUnavailableError
from storage.profiles.encoding import decode_newest, decode_online, encode_online
from storage.profiles.forgetting import since_forgotten
from storage.profiles.lmdb import meta_page, tombstones
from storage.profiles.lmdb.environments import Environment, Hold, inode_of
from storage.profiles.lmdb.online_file import State, as_store_error, hold_of, plainly, state_of
from storage.profiles.marks import decode_mark, encode_mark, mark_key
from storage.profiles.newest import Newest, read_newest
from storage.profiles.records import OnlineProfile, Tombstone
from storage.profiles.store import Mark
from storage.syncing import sync

ONLINE_FOLDER = "online"
FILE = "profiles.lmdb"
LOCKS = "profiles.lmdb-lock"
WRITER_LOCK = "writer.lock"

_NOT_TO_BE_TRUSTED = b""

Stored: TypeAlias = tuple[bytes | None, bytes | None]
"""What is stored of a user, undecoded: the record and the tombstone."""

Revision: TypeAlias = tuple[int, int, bool]
"""Which file was opened, its last commit, and whether it is the one that is there; 0 and 0 without any."""

# Address space, not disk: the file grows as records come. About 50 million users at 20 actions each.
MAP_BYTES = 1 << 36


class OnlineRecords:
    """Reads online records; where no writer has ever been there simply are none.

    A file that was removed, or replaced by another, is noticed by the next read. The other one is opened
    then. Until there is one, who was forgotten stays forgotten, and no record is trusted any more.

    Args:
        profiles: The profile folder.
        map_bytes: The address space reserved, at least the writer's.
    """

    def __init__(self, profiles: Path, *, map_bytes: int = MAP_BYTES) -> None:
        self._path = profiles / ONLINE_FOLDER / FILE
        self._name = str(self._path)
        self._map_bytes = map_bytes
        self._opening = threading.Lock()
        self._hold: Hold | None = None
        self._refused: tuple[State, StoreUnavailableError] | None = None

    def get(self, user_id: str) -> OnlineProfile | None:
        """The user's newest actions, or None.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
            DamagedRecordError: The record is damaged, or its file was removed.
        """
        value, tombstone = self.value(user_id)
        until_s = tombstones.until_s_of(tombstone, user_id)
        return None if value is None else since_forgotten(decode_online(value, user_id), until_s)

    def value(self, user_id: str) -> Stored:
        """What is stored of the user at one moment.

        A record in a file that is there no more comes as one that is damaged.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
        """
        # Every request comes here: without `plainly`, whose generator takes as long as the read.
        try:
            hold, is_there = self._look()
            if hold is None:
                return None, None
            record, tombstone = hold.environment.get_both(user_id.encode(), tombstones.key_of_user(user_id))
        except (lmdb.Error, OSError) as error:
            raise as_store_error(self._path, "read", error) from error
        return record if is_there else record and _NOT_TO_BE_TRUSTED, tombstone

    def values(self, user_ids: Sequence[str]) -> list[Stored]:
        """What `value` gives of each user, all at one moment.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
        """
        with plainly(self._path, "read"):
            hold, is_there = self._look()
            if hold is None:
                return [(None, None)] * len(user_ids)
            keys = [key(user_id) for user_id in user_ids for key in (str.encode, tombstones.key_of_user)]
            values = hold.environment.get_each(*keys)
        records = values[::2] if is_there else [value and _NOT_TO_BE_TRUSTED for value in values[::2]]
        return list(zip(records, values[1::2], strict=True))

    def revision(self) -> Revision | None:
        """What is another after every write; see ProfileReader.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
        """
        with plainly(self._path, "read"):
            hold, is_there = self._look()
            if hold is None:
                return 0, 0, is_there
            commit = hold.environment.last_commit()
        return None if commit is None else (hold.number, commit, is_there)

    def tombstones(self, after: int = 0) -> list[Tombstone]:
        """Those later than the one numbered `after`, in order.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
            DamagedRecordError: One of them is damaged.
        """
        with plainly(self._path, "read"):
            hold, _ = self._look()
            return tombstones.read(hold.environment, after) if hold else []

    def newest_tombstone(self) -> int:
        """The number of the last one; 0 before the first.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
        """
        with plainly(self._path, "read"):
            hold, _ = self._look()
            return tombstones.newest(hold.environment) if hold else 0

    def forgotten(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Until when each of these users is forgotten, Unix seconds UTC; without those who are not.

        Raises:
            StoreUnavailableError: The file is there but cannot be read.
            DamagedRecordError: A tombstone is damaged.
        """
        with plainly(self._path, "read"):
            hold, _ = self._look()
            return tombstones.until_s_of_each(hold.environment, user_ids) if hold else {}

    def open_early(self) -> None:
        """Open the file now if there is one: checking a large one takes seconds, too long for a request.

        What is wrong with it is told to whoever gets a record.
        """
        with suppress(ProfileStoreError), plainly(self._path, "read"):
            self._look()

    def _look(self) -> tuple[Hold | None, bool]:
        """What is open, and whether it is the file that is there now: another one is opened first."""
        hold, there = self._hold, inode_of(self._name)
        # Where there is none, this is all that a read does: without a lock.
        if there is None or (hold is not None and hold.inode == there):
            return hold, there is not None
        # Who opens it is waited for by those who have nothing else.
        if not self._opening.acquire(blocking=hold is None):
            return hold, False
        try:
            hold = self._hold
            if hold is None or hold.inode != there:
                self._hold = self._opened()
                if hold is not None:
                    hold.leave()
            return self._hold, True
        finally:
            self._opening.release()

    def _opened(self) -> Hold:
        """Open the file; one that was refused is judged again only when it has changed."""
        state = state_of(self._path)
        if self._refused is not None and self._refused[0] == state:
            raise self._refused[1]
        try:
            return hold_of(self._path, self._map_bytes, only_read=True)
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
        with plainly(self._path, "opened for writing"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as unless_opened:
                self._lock = unless_opened.enter_context(_writer_lock(self._path.parent / WRITER_LOCK))
                if inode_of(self._path) is None:
                    # Of a file that was removed, and that readers may still have open.
                    (self._path.parent / LOCKS).unlink(missing_ok=True)
                    unless_opened.callback(_remove_beginning, self._path)
                self._hold = unless_opened.enter_context(
                    closing(hold_of(self._path, map_bytes, only_read=False))
                )
                # A record is no safer than the entry of its file, or of the folder.
                for folder in (self._path.parent, profiles):
                    sync(folder)
                unless_opened.pop_all()

    def put(self, profile: OnlineProfile) -> None:
        """Store the record; it survives a crash once this returns."""
        with plainly(self._path, "written"):
            self._still_there().put(profile.user_id.encode(), encode_online(profile))

    def get(self, user_id: str) -> OnlineProfile | None:
        """The stored record, or None."""
        with plainly(self._path, "read"):
            value = self._hold.environment.get(user_id.encode())
        return None if value is None else decode_online(value, user_id)

    def forget(self, user_id: str, until_s: int) -> None:
        """Bury what the user did up to then; it stays buried once this returns."""
        with plainly(self._path, "written"):
            tombstones.bury(self._still_there(), user_id, until_s)

    def forgotten(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Until when each of these users is forgotten, Unix seconds UTC; without those who are not."""
        with plainly(self._path, "read"):
            return tombstones.until_s_of_each(self._hold.environment, user_ids)

    def newest(self, user_ids: Sequence[str]) -> Newest:
        """The newest actions of some users."""
        with plainly(self._path, "read"):
            values = self._hold.environment.get_each(*(user_id.encode() for user_id in user_ids))
        return read_newest(user_ids, values, decode_newest)

    def mark(self, name: str) -> str | None:
        """What is held under a mark's name, or None."""
        with plainly(self._path, "read"):
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
        with plainly(self._path, "written"):
            if not self._still_there().put_all(values, only_if=before):
                raise OvertakenError(
                    f"{self._path} has other marks than this writer left: another has gone on from there"
                )

    def _still_there(self) -> Environment:
        """What is written to, if anybody can read it."""
        if inode_of(self._path) != self._hold.inode:
            raise StoreUnavailableError(
                f"{self._path} was removed or replaced while it was written: nothing goes to what is gone"
            )
        return self._hold.environment

    def close(self) -> None:
        """Give the file back and let another writer in."""
        self._hold.close()
        self._lock.close()


def _remove_beginning(path: Path) -> None:
    """Remove a first file that the disk cut short: nothing was ever in it, and it would stay refused."""
    if inode_of(path) is not None and meta_page.problem_of(path):
        path.unlink()


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
