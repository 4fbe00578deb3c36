"""The embedded ProfileReader: one published batch and the online records beside it."""

import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedRecordError
from storage.profiles.forgetting import decode_user, stamp_beside_batch
from storage.profiles.lmdb.batch import BatchProfiles
from storage.profiles.lmdb.online import OnlineRecords, Revision
from storage.profiles.lmdb.tombstones import until_s_of
from storage.profiles.records import OnlineProfile, Profile, StoredUser, Tombstone
from storage.profiles.store import BatchDescription


class LmdbProfiles:
    """Reads a profile folder (a ProfileReader); open it after spawning, never before.

    The batch is the version that was live when this was opened; online records are seen as they come.
    Those that are there are checked first, which takes some seconds for a million. Both files are given back
    by `close`, or when nobody knows this object any more.

    Args:
        profiles: The profile folder.
        version: A batch version's name; default the live one.
        checksums: Compare the batch's file with its SHA-256 first; its size is always compared.

    Raises:
        ArtefactError: The batch cannot be used; see BatchProfiles.
    """

    def __init__(self, profiles: Path, version: str | None = None, *, checksums: bool = True) -> None:
        self._batch = BatchProfiles(profiles, version, checksums=checksums)
        self._online = OnlineRecords(profiles)
        self._online.open_early()
        # Not a method of this object's: that would keep it known.
        self._give_back = weakref.finalize(self, _close, self._batch, self._online)

    def describe(self) -> BatchDescription:
        """The batch profiles read here."""
        return self._batch.description

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        """Everything of one user; `held` itself when nothing has changed."""
        online, tombstone = self._online.value(user_id)
        return self._stored(user_id, held, online, tombstone)

    def read_each(
        self, asked: Sequence[tuple[str, StoredUser | None]]
    ) -> list[StoredUser | DamagedRecordError]:
        """What `read` gives of each, or the damage; the newest actions of all in one transaction."""
        values = self._online.values([user_id for user_id, _ in asked])
        found: list[StoredUser | DamagedRecordError] = []
        for (user_id, held), (online, tombstone) in zip(asked, values, strict=True):
            try:
                found.append(self._stored(user_id, held, online, tombstone))
            except DamagedRecordError as error:
                found.append(error)
        return found

    def _stored(
        self, user_id: str, held: StoredUser | None, online: bytes | None, tombstone: bytes | None
    ) -> StoredUser:
        until_s = None if tombstone is None else until_s_of(tombstone, user_id)
        # The batch is sealed: what was read of it here is what it holds.
        if held is not None and held.stamp.endswith(stamp_beside_batch(online, until_s)):
            return held
        batch, seen = self._batch.values(user_id)
        return decode_user(user_id, batch, online, seen, until_s)

    def revision(self) -> Revision | None:
        """That of the newest actions: the batch is sealed."""
        return self._online.revision()

    def batch(self, user_id: str) -> Profile | None:
        """The user's batch profile, or None for an unknown user."""
        return self.read(user_id).batch

    def seen(self, user_id: str) -> NDArray[np.uint64]:
        """uint64 [n], sorted; empty for an unknown user."""
        return self.read(user_id).seen

    def online(self, user_id: str) -> OnlineProfile | None:
        """The user's newest actions, or None."""
        return self._online.get(user_id)

    def tombstones(self, after: int = 0) -> list[Tombstone]:
        """Who was forgotten, in order; those later than the one numbered `after`."""
        return self._online.tombstones(after)

    def newest_tombstone(self) -> int:
        """The number of the last one; 0 before the first."""
        return self._online.newest_tombstone()

    def popular(self) -> tuple[str, ...]:
        """The window's most acted-on pins, most acted-on first."""
        return self._batch.popular()

    def close(self) -> None:
        """Give both files back, once however often this is called."""
        self._give_back()


def _close(batch: BatchProfiles, online: OnlineRecords) -> None:
    batch.close()
    online.close()
