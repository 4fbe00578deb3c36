"""The one URL setting of every program that touches profiles, turned into a store."""

from pathlib import Path

from storage.errors import StoreUnavailableError
from storage.profiles.lmdb.batch import batch_folder
from storage.profiles.lmdb.online import LmdbOnlineWriter
from storage.profiles.lmdb.publisher import LmdbBatchPublisher
from storage.profiles.lmdb.reader import LmdbProfiles
from storage.profiles.store import BatchPublisher, OnlineWriter, ProfileReader


def profiles_folder(url: str) -> Path:
    """The folder that a URL names: a plain path, or file://.

    Raises:
        StoreUnavailableError: It names a store that this version does not have.
    """
    scheme, separator, path = url.partition("://")
    if not separator:
        return Path(url)
    if scheme != "file":
        # Not the whole URL: it may carry a password.
        raise StoreUnavailableError(
            f"profiles at {scheme}://: this version has the embedded store only. Give a folder instead."
        )
    return Path(path)


def live_version(url: str) -> str:
    """The live batch's version.

    Raises:
        StoreUnavailableError: The URL names a store that this version does not have.
        NoVersionError: No batch was published there.
    """
    return batch_folder(profiles_folder(url)).current()


def open_reader(url: str, version: str | None = None, *, checksums: bool = True) -> ProfileReader:
    """Open the profiles at `url` to read; call it after spawning, never before.

    Args:
        url: A folder.
        version: Of the batch; default the live one.
        checksums: Compare the batch's file with its SHA-256 first.

    Raises:
        StoreUnavailableError: The URL names a store that this version does not have.
        ArtefactError: No batch was published there, or it cannot be used.
    """
    return LmdbProfiles(profiles_folder(url), version, checksums=checksums)


def open_batch_publisher(url: str) -> BatchPublisher:
    """The batches at `url`: to publish one, list them, or go back to one.

    Raises:
        StoreUnavailableError: The URL names a store that this version does not have.
    """
    return LmdbBatchPublisher(profiles_folder(url))


def open_online_writer(url: str) -> OnlineWriter:
    """Become the one writer of online records at `url`.

    Raises:
        ProfileStoreError: Another process is the writer, or the store is read-only, full or damaged.
    """
    return LmdbOnlineWriter(profiles_folder(url))
