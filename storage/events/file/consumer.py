"""Reads a file of events as it grows, through rotations, restarts and the end of another consumer."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.errors import PartitionLostError, StreamUnavailableError
from storage.events.decoding import DEFAULT_LIMITS, Clock, Entry, EventLimits, gather
from storage.events.file.failing import plainly
from storage.events.file.groups import Group
from storage.events.file.places import Place, files_of, find
from storage.events.file.tail import Tail
from storage.events.stream import Batch, Lag, Resume, as_committed

PARTITION = "0"
"""A file is one partition."""

POLL_S = 0.02
SETTLE_S = 1.0
"""A rotated file is left when nobody has written to it for so long: its writer may hold it a while."""


class FileConsumer:
    """Reads a file of newline-JSON (an EventConsumer).

    A position that is in no file any more begins again with the oldest file that is still there: what was
    read already counts once.

    Args:
        path: The file; it need not be there yet.
        group: Whose position counts; a file name.
        resume: Where to go on.
        limits: What is taken.
        now: The clock.

    Raises:
        StreamUnavailableError: The group's position cannot be kept beside the file.
    """

    def __init__(
        self,
        path: Path,
        group: str,
        *,
        resume: Resume = as_committed,
        limits: EventLimits = DEFAULT_LIMITS,
        now: Clock = time.time,
    ) -> None:
        self._path, self._resume, self._limits, self._now = path, resume, limits, now
        self._tail: Tail | None = None
        with plainly(path, "keep the position of"):
            self._group = Group(path, group)

    def read(self, max_records: int, timeout_s: float) -> Batch:
        """The next records; none while another consumer of the group reads."""
        until = time.monotonic() + timeout_s
        with plainly(self._path, "read"), self._all_again_after_a_failure():
            while True:
                entries = self._entries(max_records) if self._group.take() else []
                left_s = until - time.monotonic()
                if entries or left_s <= 0:
                    return self._batch(entries)
                time.sleep(min(POLL_S, left_s))

    def commit(self, positions: Mapping[str, str]) -> None:
        """The group goes on from here, whatever becomes of this process."""
        if PARTITION not in positions:
            return
        if not self._group.is_ours:
            raise PartitionLostError(f"{self._path} is not read by this consumer of the group")
        with plainly(self._path, "keep the position of"):
            self._group.commit(positions[PARTITION])

    def lag(self) -> Lag:
        """How many bytes of all the files the group has not committed."""
        with plainly(self._path, "read"):
            committed = self._group.committed()
            files = files_of(self._path)
            sizes = [file.stat().st_size for file in files]
            found = self._found(committed, files)
            if found is None:
                return Lag(n_bytes=sum(sizes))
            file, offset = found
            return Lag(n_bytes=sum(sizes[files.index(file) :]) - offset)

    def close(self) -> None:
        """Let another consumer go on."""
        self._let_go()
        self._group.leave()

    def _batch(self, entries: list[Entry]) -> Batch:
        positions = {PARTITION: entries[-1].position} if entries else {}
        return gather(entries, positions, limits=self._limits, now_s=self._now())

    @contextmanager
    def _all_again_after_a_failure(self) -> Iterator[None]:
        """Lines may have been passed over that nobody was given."""
        try:
            yield
        except BaseException:
            self._let_go()
            raise

    def _entries(self, max_records: int) -> list[Entry]:
        """What is there, from one file."""
        while True:
            self._tail = self._tail or self._first()
            if self._tail is None:
                return []
            entries = self._lines(self._tail, max_records)
            if entries or not self._may_leave(self._tail):
                return entries
            # Its writer may have written a last time, just before it was found out of date.
            entries = self._lines(self._tail, max_records) or self._torn(self._tail)
            if entries:
                return entries
            following = self._following(self._tail)
            if following is None:
                return []
            self._let_go()
            self._tail = following

    def _lines(self, tail: Tail, max_records: int) -> list[Entry]:
        lines = tail.lines(max_records)
        place = tail.place
        return [
            Entry(PARTITION, str(place) if line is lines[-1] else str(line.after), line.content)
            for line in lines
        ]

    def _torn(self, tail: Tail) -> list[Entry]:
        line = tail.unfinished()
        return [] if line is None else [Entry(PARTITION, str(tail.place), line.content)]

    def _may_leave(self, tail: Tail) -> bool:
        return not tail.is_of(self._path) and time.time() - tail.changed_s > SETTLE_S

    def _first(self) -> Tail | None:
        """The file to begin with, at the place to begin at; None while there is none."""
        with suppress(FileNotFoundError):
            files = files_of(self._path)
            found = self._found(self._going_on_from(), files)
            if found is not None:
                return self._open(*found)
            if files:
                return self._open(files[0])
        return None

    def _going_on_from(self) -> str | None:
        """Where to go on; the group's own place from now on."""
        resumed, committed = self._resume(PARTITION), self._group.committed()
        if resumed is None or resumed == committed:
            return committed
        self._parse(resumed)
        with plainly(self._path, "keep the position of"):
            self._group.commit(resumed)
        return resumed

    def _following(self, tail: Tail) -> Tail | None:
        """The file after this one; None while there is none, or it is just being moved."""
        with suppress(FileNotFoundError):
            files = files_of(self._path)
            here = next((at for at, file in enumerate(files) if tail.is_of(file)), None)
            if here is None:
                # It is gone itself. The others are in the order in which they were written.
                later = [file for file in files if file.stat().st_mtime >= tail.changed_s]
            else:
                later = files[here + 1 :]
            if later:
                return self._open(later[0])
        return None

    def _open(self, path: Path, offset: int = 0) -> Tail:
        return Tail(path, offset, max_bytes=self._limits.max_bytes)

    def _let_go(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def _found(self, position: str | None, files: Sequence[Path]) -> tuple[Path, int] | None:
        """The file that a position is in, and the offset there."""
        if position is None:
            return None
        place = self._parse(position)
        file = find(place, files)
        return None if file is None else (file, place.offset)

    def _parse(self, position: str) -> Place:
        try:
            return Place.parse(position)
        except ValueError as error:
            raise StreamUnavailableError(
                f"{position!r} is no position in {self._path}. It was resumed from, or is in "
                f"{self._group.position}: remove it there to read all events again."
            ) from error
