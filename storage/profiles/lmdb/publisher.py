"""The embedded BatchPublisher: one LMDB file a batch, written in key order, published as a versioned folder.

The same records give the same bytes.
"""

import errno
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import lmdb

from storage.errors import DamagedArtefactError
from storage.profiles.describing import decode_description, encode_manifest
from storage.profiles.encoding import EncodedUser, encode_popular
from storage.profiles.lmdb.batch import FILE, POPULAR, batch_folder, profile_key, seen_key
from storage.profiles.lmdb.environments import is_full
from storage.profiles.store import BatchDescription, BatchManifest, BatchVersion, PublishedBatch
from storage.profiles.succession import UNASKED, Permit, require_follows
from storage.publishing import Manifest, VersionInfo
from storage.retention import Pruned

_COMMIT_EVERY = 10_000
_FIRST_MAP_BYTES = 1 << 24
_LENGTHS = struct.Struct("<HI")


class LmdbBatchPublisher:
    """Publishes batches into a profile folder (a BatchPublisher).

    Args:
        profiles: The folder.
        permit: What its batches may do to the live one.
    """

    def __init__(self, profiles: Path, permit: Permit = UNASKED) -> None:
        self._folder, self._permit, self._place = batch_folder(profiles), permit, str(profiles)

    def publish(
        self, users: Iterable[EncodedUser], popular: Sequence[str], manifest: Callable[[], BatchManifest]
    ) -> PublishedBatch:
        """Write a batch and make it live, whole or not at all.

        Raises:
            PublishLockedError: Another process is publishing there.
            PublishError: It cannot be written, or the live batch has later actions; what was live still is.
            EmbeddingSpaceMismatchError: The live batch is of another.
        """

        def write(folder: Path) -> Manifest:
            write_users(folder, users, encode_popular(popular))
            batch = manifest()
            # Nobody else can publish, or go back, before this one is live.
            require_follows(batch.description, self._live(), self._permit, self._place)
            return encode_manifest(batch)

        published = self._folder.publish(write)
        return PublishedBatch(
            version=published.version, place=str(published.folder), already_live=published.already_live
        )

    def versions(self) -> list[BatchVersion]:
        """Every batch that is still there, oldest first.

        Raises:
            NoVersionError: None is.
        """
        versions = self._folder.versions()
        if not versions:
            # Says why there is none.
            self._folder.current()
        return [self._version(each) for each in versions]

    def make_current(self, version: str) -> None:
        """Make a batch live that is there already.

        Raises:
            NoVersionError: It is not there.
            DamagedArtefactError: It cannot be used.
            PublishError: The folder cannot be written to.
        """
        self._folder.make_current(version)

    def roll_back(self) -> str:
        """Make the batch before the live one live; returns its version.

        Raises:
            NoVersionError: There is none before it.
            PublishError: The folder cannot be written to.
        """
        return self._folder.roll_back()

    def prune(self, keep: int) -> Pruned:
        """Collect old batches; see VersionedFolder.prune.

        Raises:
            NoVersionError: None is live.
            PublishError: They cannot be removed, or another process is publishing.
        """
        return self._folder.prune(keep)

    def _live(self) -> BatchDescription | None:
        """The live batch; None without one, or where it cannot be read."""
        live = next((each for each in self._folder.versions() if each.is_current), None)
        return None if live is None else self._description(live)[0]

    def _version(self, version: VersionInfo) -> BatchVersion:
        description, problem = self._description(version)
        return BatchVersion(
            name=version.name,
            is_current=version.is_current,
            description=description,
            n_bytes=version.n_bytes,
            problem=problem,
        )

    def _description(self, version: VersionInfo) -> tuple[BatchDescription | None, str]:
        """What the version is; else the reason why nobody can tell."""
        if version.problem:
            return None, version.problem
        where = str(self._folder.root / version.name)
        try:
            return decode_description(version.manifest, version=version.name, where=where), ""
        except DamagedArtefactError as error:
            return None, str(error)


def write_users(folder: Path, users: Iterable[EncodedUser], popular: bytes) -> None:
    """Write the file into `folder`.

    Args:
        folder: An empty folder of the publisher's.
        users: In ascending order of user id.
        popular: storage.profiles.encoding.encode_popular of the fallback.

    Raises:
        OSError: The disk is full, or fails.
    """
    # Keys appended in order fill their pages; the seen pins wait in a spool until the profiles are through.
    with _created(folder / FILE) as env, tempfile.TemporaryFile(dir=folder) as spool:
        appender = _Appender(env)
        for user in users:
            if user.profile is not None:
                appender.append(profile_key(user.user_id), user.profile)
            if user.seen is not None:
                _spool(spool, seen_key(user.user_id), user.seen)
        appender.append(POPULAR, popular)
        for key, value in _spooled(spool):
            appender.append(key, value)
        appender.flush()


@contextmanager
def _created(path: Path) -> Iterator[lmdb.Environment]:
    """A new file, open; what LMDB cannot write becomes an OSError, as it is for every other file."""
    try:
        with lmdb.open(str(path), subdir=False, map_size=_FIRST_MAP_BYTES, lock=False, sync=False) as env:
            yield env
    except lmdb.Error as error:
        why = f"no room is left ({error})" if is_full(error, path) else str(error)
        raise OSError(errno.EIO, why, str(path)) from error


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
                    if not txn.put(key, value, append=True):
                        raise ValueError(f"users must come in ascending order, each once: not so {key!r}")
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
