"""The ports of the event stream: to append records, and to read them in order and say how far one has come.

A stream has partitions. All of a user's records are in one, in the order they were appended. In a group of
consumers each partition is read by one consumer at a time; when that one ends, another goes on where it
committed. What was read and not committed is read again: a record is met at least once, and who reads it
makes sure, by its key, that it counts once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from storage.events.records import Record

Resume = Callable[[str], str | None]
"""From a partition's name to the position to go on from; None: where the group committed.

Whoever stores its state and its positions together answers from there: then the two never disagree. The
group's own place becomes that position, too: whoever had the partition may have ended before it could commit.
"""


def as_committed(_partition: str) -> None:
    """A Resume: go on where the group committed, or with the oldest record there is."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something in the stream that is no record.

    Attributes:
        partition: Where it is.
        position: Where it is there, or after it.
        reason: A few words, the same for every one of its kind.
        value: Its beginning, for people; it may name a user.
    """

    partition: str
    position: str
    reason: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one read gave.

    Attributes:
        records: In order within each partition.
        rejected: What was between them and is none.
        positions: Partition -> the position after all of that: what to commit, and to resume from.
    """

    records: Sequence[Record] = ()
    rejected: Sequence[Rejected] = ()
    positions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Nothing was read: there is no more yet, or others read it."""
        return not self.positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How much of this consumer's partitions is not committed; None is unknown.

    Attributes:
        n_records: Records.
        n_bytes: Bytes.
    """

    n_records: int | None = None
    n_bytes: int | None = None


class EventAppender(Protocol):
    """Appends records. Any number may append to a stream. Methods raise the EventStreamErrors."""

    def append(self, records: Sequence[Record]) -> None:
        """Append the records in order; when this returns, the stream keeps them.

        When it raises, some may have been appended: append all again, they count once.

        Raises:
            InvalidEventError: A reader would reject one of them; none was appended.
        """
        ...

    def close(self) -> None:
        """Free what the appender holds."""
        ...


class EventConsumer(Protocol):
    """One of a group of readers, for one thread. Methods raise the EventStreamErrors."""

    def read(self, max_records: int, timeout_s: float) -> Batch:
        """The next records.

        Args:
            max_records: At most so many, counted with the rejected ones.
            timeout_s: The longest to wait for the first; those that follow are not waited for.
        """
        ...

    def commit(self, positions: Mapping[str, str]) -> None:
        """The group goes on from here: what is before these positions is not read again.

        Args:
            positions: Of a batch of this consumer.

        Raises:
            PartitionLostError: Another consumer reads a partition now. Nothing of that partition was
                committed, and its records are read again; the others were.
        """
        ...

    def lag(self) -> Lag:
        """How far the group is behind, in the partitions that this consumer reads."""
        ...

    def close(self) -> None:
        """Let others have the partitions; what was not committed is read again."""
        ...
