"""Where tasks put the records of their parts, so that the driver can publish them as one batch."""

import heapq
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from profile_builder.errors import UsageError
from storage.profiles.encoding import EncodedUser
from storage.profiles.redis.loading import Digest
from storage.profiles.redis.staging import StagedBatch, Written, write

_USERS_AT_A_TIME = 1_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_COLUMNS: dict[str, pa.DataType] = {"user_id": pa.string(), "profile": pa.binary(), "seen": pa.binary()}
_RECORDS = pa.schema(_COLUMNS)


class Sink(Protocol):
    """Takes the records of parts, in tasks. A part that is written twice is there once."""

    def write(self, part: int, users: Iterable[EncodedUser]) -> Mapping[str, Any]:
        """Store a part's users; they come in ascending order, and are all of their buckets.

        Returns:
            What the driver needs to know of it, as JSON can carry it.

        Raises:
            StorageError: The store cannot be written to, or takes no more.
            UsageError: The task is on a machine that cannot reach it.
        """
        ...

    def require_reachable(self) -> None:
        """Refuse a machine from which it cannot be reached.

        Raises:
            UsageError: It is one.
        """
        ...


@dataclass(frozen=True, slots=True)
class RedisSink:
    """Writes into a staged batch of a Redis."""

    staged: StagedBatch

    def write(self, part: int, users: Iterable[EncodedUser]) -> Mapping[str, Any]:  # noqa: ARG002 - the port's
        """Store a part's users; see Sink."""
        written = write(self.staged, users)
        return {"keys": written.n_keys, "bytes": written.n_bytes, "digest": written.digest.hex()}

    def require_reachable(self) -> None:
        """A Redis is reached over the network: writing finds out."""


def gathered(reports: Iterable[Mapping[str, Any]]) -> Written:
    """What all parts together wrote into a Redis."""
    all_written = Written()
    for each in reports:
        all_written.add(Written(each["keys"], each["bytes"], Digest(int(each["digest"], 16))))
    return all_written


@dataclass(frozen=True, slots=True)
class FolderSink:
    """Writes a file a part into a folder of one machine, from which the driver merges them.

    Attributes:
        folder: It.
        machine: Where it is.
    """

    folder: Path
    machine: str

    def write(self, part: int, users: Iterable[EncodedUser]) -> Mapping[str, Any]:
        """Store a part's users; see Sink."""
        self.require_reachable()
        path = self.folder / f"part-{part:05}.arrow"
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with pa.OSFile(str(unfinished), "wb") as file, pa.ipc.new_file(file, _RECORDS) as writer:
            waiting = iter(users)
            while some := list(islice(waiting, _USERS_AT_A_TIME)):
                writer.write_batch(_batch(some))
        unfinished.replace(path)
        return {"file": path.name}

    def require_reachable(self) -> None:
        """Refuse another machine: it has a folder of its own there, or none.

        Raises:
            UsageError: It is one.
        """
        if this_machine() != self.machine or not self.folder.is_dir():
            raise UsageError(
                f"an executor on {platform.node()} cannot write into the folder that --profiles names on the "
                "driver's machine. A folder serves one machine only: run Spark there, with --spark-master "
                "'local[*]', or give --profiles redis://HOST:PORT/DB."
            )


def this_machine() -> str:
    """What tells this machine from others, whatever they are called."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else platform.node()


def merged(files: Iterable[Path]) -> Iterator[EncodedUser]:
    """The users of all parts in ascending order, whatever part each is in."""
    return heapq.merge(*map(_users_of, files), key=lambda user: user.user_id)


def _batch(users: Sequence[EncodedUser]) -> pa.RecordBatch:
    records = [{"user_id": user.user_id, "profile": user.profile, "seen": user.seen} for user in users]
    return pa.RecordBatch.from_pylist(records, _RECORDS)


def _users_of(file: Path) -> Iterator[EncodedUser]:
    # Mapped, and the file closed: there may be more parts than a process may have files open.
    with pa.memory_map(str(file)) as source:
        reader = pa.ipc.open_file(source)
        batches = [reader.get_batch(at) for at in range(reader.num_record_batches)]
    for batch in batches:
        for user_id, profile, seen in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield EncodedUser(user_id=user_id, profile=profile, seen=seen)
