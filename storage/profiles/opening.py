"""The one URL setting of every program that touches profiles, turned into a store."""

from pathlib import Path

from storage.errors import StoreUnavailableError
from storage.profiles.lmdb.batch import BATCH_FOLDER, batch_folder
from storage.profiles.lmdb.online import ONLINE_FOLDER, LmdbOnlineWriter, OnlineRecords
from storage.profiles.lmdb.publisher import LmdbBatchPublisher
from storage.profiles.lmdb.reader import LmdbProfiles
from storage.profiles.redis.address import is_redis, redis_address
from storage.profiles.store import BatchPublisher, OnlineWriter, ProfileReader, Tombstones
from storage.profiles.succession import UNASKED, Permit

# What speaks to a Redis is imported where there is one: its client is a quarter of every program's start.
_STORES = "Give a folder, or redis://HOST:PORT/DB."


def profiles_folder(url: str) -> Path:
    """The folder that a URL names: a plain path, or file://.

    Raises:
        StoreUnavailableError: It names a store of another kind.
    """
    scheme, separator, path = url.partition("://")
    if not separator:
        return Path(url)
    if scheme != "file":
        # Not the whole URL: it may carry a password.
        raise StoreUnavailableError(f"profiles at {scheme}://: there is no such store. {_STORES}")
    return Path(path)


def shown(url: str) -> str:
    """A URL as it may be printed: without user and password."""
    return str(redis_address(url)) if is_redis(url) else url


def holds_anything(url: str) -> bool:
    """Whether a batch or an online record was ever stored at `url`; a Redis is not asked.

    Raises:
        StoreUnavailableError: The URL names no store.
    """
    if is_redis(url):
        return True
    folder = profiles_folder(url)
    return any((folder / part).exists() for part in (BATCH_FOLDER, ONLINE_FOLDER))


def live_version(url: str, *, timeout_s: float | None = None) -> str:
    """The live batch's version.

    Args:
        url: A folder, or a Redis.
        timeout_s: The longest that a Redis may take to answer; default what the URL says of one user's read.

    Raises:
        StoreUnavailableError: The URL names no store, or one that cannot be reached.
        NoVersionError: No batch was published there.
    """
    if is_redis(url):
        from storage.profiles.redis.link import Link  # noqa: PLC0415
        from storage.profiles.redis.versions import Versions  # noqa: PLC0415

        link = Link(redis_address(url), timeout_s=timeout_s)
        try:
            return Versions(link).require_live()
        finally:
            link.close()
    return batch_folder(profiles_folder(url)).current()


def open_reader(url: str, version: str | None = None, *, checksums: bool = True) -> ProfileReader:
    """Open the profiles at `url` to read; call it after spawning, never before.

    Args:
        url: A folder, or a Redis.
        version: Of the batch; default the live one.
        checksums: Compare the batch's file with its SHA-256 first; in a Redis each record has its own only.

    Raises:
        StoreUnavailableError: The URL names no store, or one that cannot be reached.
        ArtefactError: No batch was published there, or it cannot be used.
    """
    if is_redis(url):
        from storage.profiles.redis.reader import RedisProfiles  # noqa: PLC0415

        return RedisProfiles(redis_address(url), version)
    return LmdbProfiles(profiles_folder(url), version, checksums=checksums)


def open_batch_publisher(url: str, permit: Permit = UNASKED) -> BatchPublisher:
    """The batches at `url`: to publish one, list them, or go back to one.

    Args:
        url: A folder, or a Redis.
        permit: What a batch published through it may do to the live one.

    Raises:
        StoreUnavailableError: The URL names no store.
    """
    if is_redis(url):
        from storage.profiles.redis.publisher import RedisBatchPublisher  # noqa: PLC0415

        return RedisBatchPublisher(redis_address(url), permit)
    return LmdbBatchPublisher(profiles_folder(url), permit)


def open_tombstones(url: str) -> Tombstones:
    """Who asked to be forgotten, at `url`; no batch need be there yet.

    Raises:
        StoreUnavailableError: The URL names no store, or one that cannot be reached.
    """
    if is_redis(url):
        from storage.profiles.redis.tombstones import RedisTombstones  # noqa: PLC0415

        return RedisTombstones(redis_address(url))
    return OnlineRecords(profiles_folder(url))


def open_online_writer(url: str) -> OnlineWriter:
    """Write online records at `url`; into a folder only one may.

    Raises:
        ProfileStoreError: Another process is the writer, or the store is unreachable, read-only, full or
            damaged.
    """
    if is_redis(url):
        from storage.profiles.redis.online import RedisOnlineWriter  # noqa: PLC0415

        return RedisOnlineWriter(redis_address(url))
    return LmdbOnlineWriter(profiles_folder(url))
