"""The room that the request log takes: past its bound the oldest files go, whoever wrote them."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

UNFINISHED = ".unfinished"
# As the log names its files: by time, so that the first name is the oldest. Others' files are not touched.
_DAYS, _FINISHED = "date=????-??-??", "????????T??????-*.parquet"
_LEFT_OVER_S = 3_600

log = structlog.get_logger("server.request_log")


@dataclass(frozen=True, slots=True)
class _Finished:
    path: Path
    n_bytes: int


class Room:
    """The files in a log's folder, of all processes that write there.

    Args:
        folder: Of the log.
        n_bytes: What they may take together.
    """

    def __init__(self, folder: Path, n_bytes: int) -> None:
        self._folder, self._bound = folder, n_bytes
        self.n_bytes = 0

    def make(self) -> None:
        """Delete the oldest files until the rest, with those that are being written, are within the bound."""
        files = list(self._finished())
        self.n_bytes = sum(each.n_bytes for each in files) + sum(map(_size, self._unfinished()))
        deleted = 0
        for oldest in files:
            if self.n_bytes <= self._bound:
                break
            oldest.path.unlink(missing_ok=True)
            self.n_bytes -= oldest.n_bytes
            deleted += 1
        if deleted:
            self._remove_empty_days()
            log.info("request log files deleted", folder=str(self._folder), files=deleted, bytes=self.n_bytes)

    def remove_left_overs(self) -> None:
        """Remove what killed processes left: nobody is at a file that has not changed for an hour."""
        for path in self._unfinished():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _LEFT_OVER_S:
                    path.unlink()

    def _finished(self) -> Iterator[_Finished]:
        """Oldest first."""
        for path in sorted(self._folder.glob(f"{_DAYS}/{_FINISHED}")):
            yield _Finished(path, _size(path))

    def _unfinished(self) -> Iterator[Path]:
        return self._folder.glob(f"{_DAYS}/.*{UNFINISHED}")

    def _remove_empty_days(self) -> None:
        # All but the newest: a file may be about to begin there.
        for day in sorted(self._folder.glob(_DAYS))[:-1]:
            with suppress(OSError):
                day.rmdir()


def _size(path: Path) -> int:
    """Of a file that another process may just have deleted, or given its name."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
