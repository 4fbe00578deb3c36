"""Events gathered from the stream for one commit: by count and by time, and never twice in one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from storage.events.records import Event, Forget, Record
from storage.events.stream import Batch, EventConsumer, Rejected, Resume

OpenStream = Callable[[Resume], EventConsumer]


@dataclass(slots=True)
class Gathered:
    """What was read for one commit.

    Attributes:
        began_s: When the first of it was there, of a clock that only grows.
        records: In order within each partition.
        rejected: What is no record.
        positions: Partition -> the position after all of that.
    """

    began_s: float = 0.0
    records: list[Record] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)

    @property
    def n_read(self) -> int:
        """Records and what is none."""
        return len(self.records) + len(self.rejected)

    @property
    def events(self) -> Sequence[Event]:
        """What users did."""
        return [record for record in self.records if isinstance(record, Event)]

    @property
    def forgets(self) -> Sequence[Forget]:
        """Who is to be forgotten."""
        return [record for record in self.records if isinstance(record, Forget)]

    def add(self, batch: Batch) -> None:
        """Add what one read gave."""
        if not self.positions:
            self.began_s = time.monotonic()
        self.records += batch.records
        self.rejected += batch.rejected
        self.positions |= batch.positions


class Gathering:
    """Reads a stream, and knows from where.

    Args:
        open_stream: Opens it, to go on from given positions.
        stored: The position that the store holds of a partition.
        max_records: No more are gathered for one commit.
        gather_s: After the first event others are waited for so long.
    """

    def __init__(self, open_stream: OpenStream, stored: Resume, *, max_records: int, gather_s: float) -> None:
        self._stored, self._max_records, self._gather_s = stored, max_records, gather_s
        self.from_positions: dict[str, str | None] = {}
        """Of the partitions that are read: what the store holds."""
        self._is_void = False
        self.stream = open_stream(self._resume)

    def gather(self, wait_s: float) -> Gathered:
        """What comes within `wait_s`, and with it what comes soon after; nothing where nothing comes."""
        gathered, left_s = Gathered(), wait_s
        while gathered.n_read < self._max_records and left_s > 0:
            self._is_void = False
            batch = self.stream.read(self._max_records - gathered.n_read, left_s)
            if self._is_void:
                # A partition was taken anew: what was read of it before comes again.
                gathered = Gathered()
            if batch.is_empty and not gathered.positions:
                break
            gathered.add(batch)
            left_s = gathered.began_s + self._gather_s - time.monotonic()
        return gathered

    def stored(self, gathered: Gathered) -> None:
        """The store holds what was gathered, and its positions."""
        self.from_positions |= gathered.positions

    def _resume(self, partition: str) -> str | None:
        self._is_void = True
        position = self.from_positions[partition] = self._stored(partition)
        return position
