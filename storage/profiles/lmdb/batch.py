"""A published batch of profiles, one LMDB file that never changes: its keys, and its reader.

Keys: `p:` + user id -> profile; `s:` + user id -> seen pins; `popular`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError, StoreUnavailableError
from storage.profiles.describing import decode_description
from storage.profiles.encoding import decode_popular, decode_profile, decode_seen
from storage.profiles.lmdb import meta_page
from storage.profiles.lmdb.environments import Hold, open_sealed
from storage.profiles.records import Profile
from storage.publishing import VersionedFolder, read_manifest, verify_files

BATCH_FOLDER = "batch"
FILE = "profiles.lmdb"

POPULAR = b"popular"


def profile_key(user_id: str) -> bytes:
    """Where a user's batch profile is."""
    return b"p:" + user_id.encode()


def seen_key(user_id: str) -> bytes:
    """Where a user's seen pins are."""
    return b"s:" + user_id.encode()


def batch_folder(profiles: Path) -> VersionedFolder:
    """The versions of the batch under one profile folder."""
    return VersionedFolder(profiles / BATCH_FOLDER, made_by="python -m profile_builder batch")


class BatchProfiles:
    """Reads one published version of the batch. Safe for any number of threads.

    Args:
        profiles: The profile folder.
        version: A version's name; default the live one.
        checksums: Compare the file with its SHA-256 first; its size is always compared.

    Raises:
        NoVersionError: No batch was published there.
        DamagedArtefactError: The version is not what was published.
        UnknownFormatError: It was written by a newer version of this software.
        StoreUnavailableError: The system does not let this process read it.
    """

    def __init__(self, profiles: Path, version: str | None = None, *, checksums: bool = True) -> None:
        self._lease = batch_folder(profiles).lease(version)
        folder = self._lease.folder
        self._path = folder / FILE
        manifest = read_manifest(folder)
        self.description = decode_description(manifest, version=folder.name, where=str(folder))
        with self._plainly():
            verify_files(folder, manifest, checksums=checksums)
            if problem := meta_page.problem_of(self._path):
                raise DamagedArtefactError(
                    f"{self._path} cannot be used: {problem}. Roll back, or build again."
                )
            self._hold = Hold(self._path, open_sealed)

    def values(self, user_id: str) -> tuple[bytes | None, bytes | None]:
        """What is stored: the user's profile and seen pins, undecoded."""
        with self._plainly():
            return self._hold.environment.get_both(profile_key(user_id), seen_key(user_id))

    def profile(self, user_id: str) -> Profile | None:
        """The user's profile, or None for an unknown user."""
        value = self._get(profile_key(user_id))
        return None if value is None else decode_profile(value, user_id)

    def seen(self, user_id: str) -> NDArray[np.uint64]:
        """uint64 [n], sorted; empty for an unknown user."""
        value = self._get(seen_key(user_id))
        return np.empty(0, np.uint64) if value is None else decode_seen(value, user_id)

    def popular(self) -> tuple[str, ...]:
        """The window's most acted-on pins, most acted-on first."""
        value = self._get(POPULAR)
        return () if value is None else decode_popular(value)

    def _get(self, key: bytes) -> bytes | None:
        with self._plainly():
            return self._hold.environment.get(key)

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Turn what LMDB and the system raise into the store's own error."""
        try:
            yield
        except (lmdb.Error, OSError) as error:
            raise StoreUnavailableError(f"{self._path} cannot be read: {error}") from error

    def close(self) -> None:
        """Give the file back, and let the version go."""
        self._hold.close()
        self._lease.close()
