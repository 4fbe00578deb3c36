"""The driver's end of the stores: begin a batch that tasks write, and publish it when all parts are there."""

import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from profile_builder.spark.sinks import FolderSink, RedisSink, Sink, gathered, merged, this_machine
from storage.errors import ProfileStoreError, PublishError, PublishLockedError
from storage.profiles.redis.keys import N_BUCKETS
from storage.profiles.redis.publisher import RedisBatchPublisher
from storage.profiles.store import BatchManifest, BatchPublisher, PublishedBatch

_PARTS = "spark-parts"
_MAX_FILES = 1_000


class Target(Protocol):
    """A batch under way."""

    @property
    def sink(self) -> Sink:
        """What tasks write to."""
        ...

    @property
    def max_parts(self) -> int:
        """Into so many parts at most."""
        ...

    def publish(
        self,
        written: Sequence[Mapping[str, Any]],
        popular: Sequence[str],
        manifest: Callable[[], BatchManifest],
    ) -> PublishedBatch:
        """Make the batch live, whole or not at all.

        Args:
            written: What the sink said of each part.
            popular: The window's most acted-on pins, most acted-on first.
            manifest: What the batch says of itself.
        """
        ...


class FolderTarget:
    """Merges the parts' files into one LMDB batch."""

    max_parts = _MAX_FILES

    def __init__(self, publisher: BatchPublisher, folder: Path) -> None:
        self._publisher, self._folder = publisher, folder
        self.sink = FolderSink(folder, this_machine())

    def publish(
        self,
        written: Sequence[Mapping[str, Any]],
        popular: Sequence[str],
        manifest: Callable[[], BatchManifest],
    ) -> PublishedBatch:
        """Merge the parts and make the batch live; see Target."""
        users = merged([self._folder / each["file"] for each in written])
        return self._publisher.publish(users, popular, manifest)


class RedisTarget:
    """Makes live what the tasks wrote into a Redis."""

    max_parts = N_BUCKETS

    def __init__(self, publisher: RedisBatchPublisher) -> None:
        self._publisher, self._staged = publisher, publisher.stage()
        self.sink = RedisSink(self._staged)

    def publish(
        self,
        written: Sequence[Mapping[str, Any]],
        popular: Sequence[str],
        manifest: Callable[[], BatchManifest],
    ) -> PublishedBatch:
        """Make the batch live; see Target."""
        return self._publisher.publish_staged(self._staged, gathered(written), popular, manifest)

    def drop(self) -> None:
        """Take away what was written; tasks that still run are told so."""
        self._publisher.drop_staged(self._staged)


@contextmanager
def redis_target(publisher: RedisBatchPublisher) -> Iterator[Target]:
    """Begin a batch in a Redis; what was written of one that fails is taken away."""
    target = RedisTarget(publisher)
    try:
        yield target
    except BaseException:
        # What cannot be taken away now expires, or goes with the next batch or pruning.
        with suppress(ProfileStoreError):
            target.drop()
        raise


@contextmanager
def folder_target(publisher: BatchPublisher, profiles: Path) -> Iterator[Target]:
    """Begin a batch in a folder: parts go beside what is published, and are gone afterwards.

    Raises:
        PublishLockedError: Another batch is being built for that folder.
        PublishError: It cannot be written to.
    """
    parts = profiles.resolve() / _PARTS
    with ExitStack() as open_things:
        try:
            profiles.mkdir(parents=True, exist_ok=True)
            lock = open_things.enter_context((profiles / f".{_PARTS}.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A killed batch's are of no use to anybody.
            shutil.rmtree(parts, ignore_errors=True)
            parts.mkdir()
        except BlockingIOError as error:
            raise PublishLockedError(f"another Spark batch is built for {profiles}: wait for it") from error
        except OSError as error:
            raise PublishError(f"{parts} cannot be written to: {error.strerror}") from error
        open_things.callback(shutil.rmtree, parts, ignore_errors=True)
        yield FolderTarget(publisher, parts)
