"""The request log: a share of the answers as parquet, to join clicks to the interests behind them.

    FOLDER/date=2026-11-22/20261122T101500-HOST-1234-7.parquet   one a minute, sooner when large

Answers are written by a thread of their own. What finds no room, or cannot be written, is dropped and
counted: no call waits for the log. A file is there whole or not at all; a process that is killed loses the
one it was at. All files together take so much room and no more: the oldest go. docs/attribution.md shows the
join.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from process.user_hashes import HashUser
from server.metrics import Metrics
from server.metrics_catalogue import Sampled
from server.observing import Observed
from server.request_log_room import UNFINISHED, Room
from server.request_log_rows import SCHEMA, row_of

_ROWS_A_GROUP = 500

log = structlog.get_logger("server.request_log")


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPolicy:
    """When a file is finished, and the next one begun; when old ones go.

    Attributes:
        seconds: After its first answer.
        n_bytes: Of what is written.
        total_bytes: Of all files together: beyond it the oldest are deleted.
    """

    seconds: float = 60.0
    n_bytes: int = 64_000_000
    total_bytes: int = 10_000_000_000


class RequestLog:
    """Writes answers to files. Implements server.background.Work.

    Args:
        folder: Where the files go; made when it is not there.
        metrics: Counts answers written, dropped, and lost to errors.
        shown: What stands for a user's id in the log.
        rotation: When a file is finished.
        clock: Seconds that only grow.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        metrics: Metrics,
        *,
        shown: HashUser,
        rotation: RotationPolicy = RotationPolicy(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._room = Room(folder, rotation.total_bytes)
        self._room.remove_left_overs()
        self._make_room()
        metrics.gauges.watch("pinnersage_request_log_bytes", lambda: self._room.n_bytes)
        self._folder, self._metrics, self._shown = folder, metrics, shown
        self._rotation, self._clock = rotation, clock
        self._rows: list[pa.RecordBatch] = []
        self._file: _File | None = None
        self._began = 0.0
        self._n_files = 0

    def do(self, item: Observed, stopping: threading.Event) -> None:  # noqa: ARG002 - takes no time
        """Take an answer in; it is written with others."""
        if not self._rows and self._file is None:
            self._began = self._clock()
        self._rows.append(row_of(item, self._shown))
        if len(self._rows) >= _ROWS_A_GROUP:
            self._write()

    def pause(self) -> None:
        """Finish the file when its time has come."""
        is_large = self._file is not None and self._file.n_bytes >= self._rotation.n_bytes
        if is_large or ((self._rows or self._file) and self._clock() - self._began >= self._rotation.seconds):
            self._finish()

    def end(self) -> None:
        """Finish the last file."""
        self._finish()

    def dropped(self) -> None:
        """Count an answer that is not in the log."""
        self._metrics.count_logged(Sampled.DROPPED)

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        try:
            if self._file is None:
                self._file = self._next_file()
            self._file.write(pa.Table.from_batches(rows).combine_chunks())
        except (OSError, pa.ArrowException) as error:
            self._give_up(len(rows), error)

    def _finish(self) -> None:
        if self._rows:
            self._write()
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.finish()
        except (OSError, pa.ArrowException) as error:
            self._file = file
            self._give_up(0, error)
        else:
            self._metrics.count_logged(Sampled.DONE, file.n_rows)
            self._make_room()

    def _make_room(self) -> None:
        try:
            self._room.make()
        except OSError as error:
            log.error("request log not pruned", folder=str(self._folder), problem=str(error))

    def _give_up(self, n_rows: int, error: Exception) -> None:
        """Lose the file at hand: a full disk must cost no more than that."""
        file, self._file = self._file, None
        left_behind: Path | None = None
        if file is not None:
            n_rows += file.n_rows
            left_behind = file.abandon()
        self._metrics.count_logged(Sampled.FAILED, n_rows)
        log.error(
            "request log not written",
            folder=str(self._folder),
            answers=n_rows,
            problem=str(error),
            left_behind=left_behind and str(left_behind),
        )

    def _next_file(self) -> "_File":
        now = datetime.now(UTC)
        self._n_files += 1
        name = f"{now:%Y%m%dT%H%M%S}-{socket.gethostname()}-{os.getpid()}-{self._n_files}.parquet"
        return _File(self._folder / f"date={now:%Y-%m-%d}" / name)


class _File:
    """A parquet file that has its name once it is whole.

    Args:
        path: Its name to be.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        self._path = path
        self._unfinished = path.with_name(f".{path.name}{UNFINISHED}")
        self._out = self._unfinished.open("wb")
        self._writer = pq.ParquetWriter(self._out, SCHEMA, compression="zstd")
        self.n_rows = 0

    @property
    def n_bytes(self) -> int:
        """Written so far."""
        return self._out.tell()

    def write(self, rows: pa.Table) -> None:
        """Add rows; on an error they are lost."""
        self._writer.write_table(rows)
        self.n_rows += len(rows)

    def finish(self) -> None:
        """Make it whole, durable and visible."""
        self._writer.close()
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        self._unfinished.rename(self._path)

    def abandon(self) -> Path | None:
        """Remove it, unfinished; what cannot be removed is returned, and a later start does it."""
        with suppress(OSError, pa.ArrowException):
            self._out.close()
        try:
            self._unfinished.unlink(missing_ok=True)
        except OSError:
            return self._unfinished
        return None
