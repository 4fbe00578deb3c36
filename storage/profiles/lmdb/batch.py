"""The batch's profiles in one LMDB file: written once in key order, published, then only read.

Keys: `p:` + user id -> profile; `s:` + user id -> seen pins; `popular`. The same records give the same bytes.
"""

import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

import lmdb
import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError
from model.parameters import Parameters
from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError, StoreUnavailableError
from storage.profiles.encoding import EncodedUser, decode_popular, decode_profile, decode_seen
from storage.profiles.lmdb import meta_page
from storage.profiles.lmdb.environments import Hold, open_sealed
from storage.profiles.records import Profile
from storage.profiles.store import BatchDescription
from storage.publishing import Manifest, VersionedFolder, read_manifest, verify_files

BATCH_FOLDER = "batch"
FILE = "profiles.lmdb"

_POPULAR = b"popular"
_COMMIT_EVERY = 10_000
_FIRST_MAP_BYTES = 1 << 24
_LENGTHS = struct.Struct("<HI")


def profile_key(user_id: str) -> bytes:
    """Where a user's batch profile is."""
    return b"p:" + user_id.encode()


def seen_key(user_id: str) -> bytes:
    """Where a user's seen pins are."""
    return b"s:" + user_id.encode()


def batch_folder(profiles: Path) -> VersionedFolder:
    """The versions of the batch under one profile folder."""
    return VersionedFolder(profiles / BATCH_FOLDER, made_by="python -m profile_builder batch")


def write_users(folder: Path, users: Iterable[EncodedUser], popular: bytes) -> None:
    """Write the file into `folder`.

    Args:
        folder: An empty folder of the publisher's.
        users: In ascending order of user id.
        popular: storage.profiles.encoding.encode_popular of the fallback.
    """
    # Keys appended in order fill their pages; the seen pins wait in a spool until the profiles are through.
    with (
        tempfile.TemporaryFile(dir=folder) as spool,
        lmdb.open(str(folder / FILE), subdir=False, map_size=_FIRST_MAP_BYTES, lock=False, sync=False) as env,
    ):
        appender = _Appender(env)
        for user in users:
            if user.profile is not None:
                appender.append(profile_key(user.user_id), user.profile)
            if user.seen is not None:
                _spool(spool, seen_key(user.user_id), user.seen)
        appender.append(_POPULAR, popular)
        for key, value in _spooled(spool):
            appender.append(key, value)
        appender.flush()


class _Appender:
    """Appends in ascending order of key, a transaction every few thousand; the map grows as it must."""

    def __init__(self, env: lmdb.Environment) -> None:
        self._env = env
        self._pending: list[tuple[bytes, bytes]] = []

    def append(self, key: bytes, value: bytes) -> None:
        self._pending.append((key, value))
        if len(self._pending) == _COMMIT_EVERY:
            self.flush()

    def flush(self) -> None:
        while not self._committed():
            self._env.set_mapsize(2 * self._env.info()["map_size"])
        self._pending.clear()

    def _committed(self) -> bool:
        try:
            with self._env.begin(write=True) as txn:
                for key, value in self._pending:
                    txn.put(key, value, append=True)
        except lmdb.MapFullError:
            return False
        return True


def _spool(spool: IO[bytes], key: bytes, value: bytes) -> None:
    spool.write(_LENGTHS.pack(len(key), len(value)) + key + value)


def _spooled(spool: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    spool.seek(0)
    while lengths := spool.read(_LENGTHS.size):
        key_bytes, value_bytes = _LENGTHS.unpack(lengths)
        yield spool.read(key_bytes), spool.read(value_bytes)


def manifest_of(description: BatchDescription) -> Manifest:
    """The part of the manifest that readers need; its version is the publisher's to give."""
    parameters = description.parameters
    return {
        "embedding_space": {
            "name": description.embedding_space.name,
            "dimension": description.embedding_space.dimension,
        },
        "parameters": {
            "version": description.parameters_version,
            "alpha": parameters.alpha,
            "lambda_per_day": parameters.lambda_per_day,
            "window_days": parameters.window_days,
        },
        "computed_at_s": description.computed_at_s,
        "actions_until_s": description.actions_until_s,
        "n_users": description.n_users,
    }


def _read_description(folder: Path, manifest: Manifest) -> BatchDescription:
    try:
        return _description(folder.name, manifest)
    except (KeyError, TypeError, InvalidInputError) as error:
        raise DamagedArtefactError(
            f"{folder} does not hold batch profiles: its manifest is not theirs"
        ) from error


def _description(version: str, manifest: Manifest) -> BatchDescription:
    space = cast(dict[str, object], manifest["embedding_space"])
    parameters = cast(dict[str, object], manifest["parameters"])
    return BatchDescription(
        version=version,
        embedding_space=EmbeddingSpace(cast(str, space["name"]), cast(int, space["dimension"])),
        parameters=Parameters(
            alpha=cast(float, parameters["alpha"]),
            lambda_per_day=cast(float, parameters["lambda_per_day"]),
            window_days=cast(int, parameters["window_days"]),
        ),
        parameters_version=cast(str, parameters["version"]),
        computed_at_s=cast(int, manifest["computed_at_s"]),
        actions_until_s=cast(int, manifest["actions_until_s"]),
        n_users=cast(int, manifest["n_users"]),
    )


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
    """

    def __init__(self, profiles: Path, version: str | None = None, *, checksums: bool = True) -> None:
        folder = batch_folder(profiles).folder(version)
        manifest = read_manifest(folder)
        verify_files(folder, manifest, checksums=checksums)
        self.description = _read_description(folder, manifest)
        self._path = folder / FILE
        if problem := meta_page.problem_of(self._path):
            raise DamagedArtefactError(f"{self._path} cannot be used: {problem}. Roll back, or build again.")
        self._hold = Hold(self._path, open_sealed)

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
        value = self._get(_POPULAR)
        return () if value is None else decode_popular(value)

    def _get(self, key: bytes) -> bytes | None:
        try:
            return self._hold.environment.get(key)
        except lmdb.Error as error:
            raise StoreUnavailableError(f"{self._path} cannot be read: {error}") from error

    def close(self) -> None:
        """Give the file back."""
        self._hold.close()
