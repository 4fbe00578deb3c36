"""The archive's beginning: accepted events kept on disk, in order, until they become parquet files.

A spool is an Arrow stream without its end: a schema, then batches of rows. How much of it counts is said by
its length, which is kept elsewhere, together with how far the stream of events was read; what lies behind
that was never accepted.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from profile_builder.errors import ArchiveError
from storage.events.records import Event
from storage.syncing import sync

_COLUMNS: dict[str, pa.DataType] = {
    "user_id": pa.string(),
    "pin_id": pa.string(),
    "timestamp": pa.int64(),
    "action": pa.string(),
    "event_id": pa.string(),
}
SCHEMA = pa.schema(_COLUMNS)
"""The columns of actions.parquet (docs/data-format.md)."""


class Spool:
    """One spool being written.

    Args:
        path: Its file, made if it is missing; what is in it goes.

    Raises:
        OSError: It cannot be written; the other methods raise it, too.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self.n_bytes = 0
        try:
            sync(path.parent)
        except BaseException:
            self.close()
            raise

    def append(self, events: Sequence[Event]) -> None:
        """Append rows; they are on the disk when this returns."""
        content = _batch(events).serialize()
        beginning = b"" if self.n_bytes else SCHEMA.serialize().to_pybytes()
        self._write(beginning + content.to_pybytes())
        os.fdatasync(self._file.fileno())

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]
        self.n_bytes += len(content)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_spool(path: Path, n_bytes: int) -> pa.Table:
    """The rows within the first so many bytes of a spool, in order.

    Raises:
        ArchiveError: It is shorter, or is no spool.
        OSError: It cannot be read at all.
    """
    # What lies behind may be half a batch: it is not even looked at.
    with path.open("rb") as file:
        content = file.read(n_bytes)
    if len(content) < n_bytes:
        raise ArchiveError(
            f"{path} is shorter than what was written to it: accepted events are lost, unless it is an old "
            "copy. Put the newer one back, or remove it to go on without them."
        )
    if not content:
        return SCHEMA.empty_table()
    try:
        return pa.ipc.open_stream(content).read_all()
    except pa.ArrowException as error:
        raise ArchiveError(
            f"{path} cannot be read: {error}. Remove it to go on without its events."
        ) from error


def whole_bytes(path: Path) -> int:
    """The length of a spool's rows without those that a crash cut short, where no mark says it.

    Raises:
        OSError: It cannot be read at all.
    """
    source, n_bytes = pa.BufferReader(path.read_bytes()), 0
    with suppress(pa.ArrowException, OSError, StopIteration):
        rows = pa.ipc.open_stream(source)
        while True:
            rows.read_next_batch()
            n_bytes = source.tell()
    return n_bytes


def _batch(events: Sequence[Event]) -> pa.RecordBatch:
    rows = [(each.user_id, each.pin_id, each.timestamp_s, each.action, each.event_id) for each in events]
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=SCHEMA)
