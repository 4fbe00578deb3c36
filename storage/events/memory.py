"""The event stream as a fake: everything of the ports but a disk, for tests and for trying things out."""

import threading
import time
import zlib
from collections.abc import Mapping, Sequence

from storage.errors import PartitionLostError
from storage.events.decoding import DEFAULT_LIMITS, Clock, Entry, EventLimits, gather
from storage.events.records import Record, encode
from storage.events.stream import Batch, Lag, Resume, as_committed


class InMemoryEvents:
    """One stream (an EventAppender), and what its groups have committed.

    Args:
        n_partitions: Their names are "0", "1", ...
    """

    def __init__(self, n_partitions: int = 1) -> None:
        self.changed = threading.Condition()
        self.lines: dict[str, list[bytes]] = {str(number): [] for number in range(n_partitions)}
        self.committed: dict[tuple[str, str], int] = {}
        self.readers: dict[tuple[str, str], InMemoryConsumer] = {}

    def append(self, records: Sequence[Record]) -> None:
        """Append the records in order."""
        lines = [(record.user_id, encode(record)) for record in records]
        for user_id, line in lines:
            self.append_line(user_id, line)

    def append_line(self, user_id: str, line: bytes) -> None:
        """Append anything to the user's partition."""
        partition = str(zlib.crc32(user_id.encode()) % len(self.lines))
        with self.changed:
            self.lines[partition].append(line)
            self.changed.notify_all()

    def close(self) -> None:
        """Nothing is held."""


class InMemoryConsumer:
    """Reads a stream in memory (an EventConsumer); partitions that nobody reads are read by who asks first.

    Args:
        events: The stream.
        group: Whose positions count.
        resume: Where to go on in a partition just taken.
        limits: What is taken.
        now: The clock.
    """

    def __init__(
        self,
        events: InMemoryEvents,
        group: str = "pinnersage",
        *,
        resume: Resume = as_committed,
        limits: EventLimits = DEFAULT_LIMITS,
        now: Clock = time.time,
    ) -> None:
        self._events, self._group, self._resume = events, group, resume
        self._limits, self._now = limits, now
        self._next: dict[str, int] = {}

    def read(self, max_records: int, timeout_s: float) -> Batch:
        """The next records."""
        with self._events.changed:
            self._take_free()
            self._events.changed.wait_for(self._has_more, timeout_s)
            return self._batch(max_records)

    def commit(self, positions: Mapping[str, str]) -> None:
        """The group goes on from here."""
        with self._events.changed:
            ours = {each for each in positions if self._events.readers.get((self._group, each)) is self}
            for partition in ours:
                self._events.committed[self._group, partition] = int(positions[partition])
        if lost := positions.keys() - ours:
            raise PartitionLostError(
                f"partition {', '.join(sorted(lost))} in memory is read by another of the group {self._group}"
            )

    def lag(self) -> Lag:
        """How far the group is behind, in the partitions that this consumer reads."""
        lines, committed = self._events.lines, self._events.committed
        return Lag(
            n_records=sum(
                len(lines[partition]) - committed.get((self._group, partition), 0) for partition in self._next
            )
        )

    def close(self) -> None:
        """Let others have the partitions."""
        with self._events.changed:
            for partition in self._next:
                self._events.readers.pop((self._group, partition), None)
            self._next.clear()
            self._events.changed.notify_all()

    def _take_free(self) -> None:
        for partition in self._events.lines:
            place = (self._group, partition)
            if place not in self._events.readers:
                self._events.readers[place] = self
                resumed = self._resume(partition)
                if resumed is not None:
                    self._events.committed[place] = int(resumed)
                self._next[partition] = self._events.committed.get(place, 0)

    def _has_more(self) -> bool:
        self._take_free()
        return any(at < len(self._events.lines[partition]) for partition, at in self._next.items())

    def _batch(self, max_records: int) -> Batch:
        entries: list[Entry] = []
        positions: dict[str, str] = {}
        for partition, at in self._next.items():
            lines = self._events.lines[partition][at : at + max_records - len(entries)]
            if lines:
                entries += [Entry(partition, str(place), line) for place, line in enumerate(lines, start=at)]
                self._next[partition] = at + len(lines)
                positions[partition] = str(self._next[partition])
        return gather(entries, positions, limits=self._limits, now_s=self._now())
