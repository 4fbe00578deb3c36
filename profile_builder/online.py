"""The online profiles: events in, records of the newest actions out, each event counted once whatever dies.

Records, how far the stream was read, and how much of the archive counts are moved on in one transaction. What
fails in between is opened again and read again from there; and a record is the same however often, and in
whatever order, a user's events are read (profile_builder.newest).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from process.user_hashes import User
from profile_builder.archive import Archive
from profile_builder.online_counting import Counted, count
from profile_builder.online_gathering import Gathered, Gathering, OpenStream
from profile_builder.online_metrics import OnlineMetrics, Outcome
from profile_builder.online_rejections import Rejections
from profile_builder.online_users import Basis
from storage.errors import DamagedRecordError, PartitionLostError
from storage.events.records import Event, Forget
from storage.profiles.store import Mark, OnlineWriter

log = structlog.get_logger("profile_builder.online")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlinePolicy:
    """How events are counted.

    Attributes:
        weights: Weight of each action that counts; None counts all and weighs them 1.
        gather_s: After the first event others are waited for so long; then all are stored at once.
        max_events: No more are stored at once.
        tell_every_s: How often the stream is told how far it was read, so that others see it.
        turn_every_s: How often the archive makes files of what it has.
        turn_rows: And after so many rows.
    """

    weights: Mapping[str, float] | None = None
    gather_s: float = 0.1
    max_events: int = 10_000
    tell_every_s: float = 1.0
    turn_every_s: float = 600.0
    turn_rows: int = 500_000


class OnlineSession:
    """Counts events from when stream, store and archive were opened until one of them fails.

    Every method may raise StorageError or ArchiveError. What was not stored by then is read again in the next
    session.

    Args:
        name: The stream's and its group's: marks are kept under it.
        open_stream: Opens the stream to go on from given positions.
        writer: The store.
        archive: Where accepted events are kept; None keeps none.
        basis: What profiles are computed with, now.
        metrics: Counts.
        rejections: Tells what was no record.
        policy: How events are counted.
    """

    def __init__(
        self,
        name: str,
        open_stream: OpenStream,
        writer: OnlineWriter,
        archive: Archive | None,
        *,
        basis: Callable[[], Basis],
        metrics: OnlineMetrics,
        rejections: Rejections,
        policy: OnlinePolicy,
    ) -> None:
        self._name, self._writer, self._basis = name, writer, basis
        self._metrics, self._rejections, self._policy = metrics, rejections, policy
        self._archiving = None if archive is None else _Archiving(archive, writer, policy)
        if self._archiving is not None:
            self._archiving.take_over()
        self._gathering = Gathering(
            open_stream,
            lambda partition: writer.mark(self._mark_of(partition)),
            max_records=policy.max_events,
            gather_s=policy.gather_s,
        )
        self._told_at_s = time.monotonic()
        self._untold: dict[str, str] = {}

    def step(self, wait_s: float) -> None:
        """Wait so long for an event, and store it and those that come with it."""
        gathered = self._gathering.gather(wait_s)
        if gathered.positions:
            self._store(gathered)
        if time.monotonic() - self._told_at_s >= self._policy.tell_every_s:
            self.tell()
        if self._archiving is not None:
            self._archiving.turn_if_due()
        self._metrics.show_success()

    def tell(self) -> None:
        """Tell the stream how far it was read, and show how far that is behind."""
        if self._untold:
            untold, self._untold = self._untold, {}
            # Whoever has a partition by now goes on from what the store holds, and tells the stream later.
            with suppress(PartitionLostError):
                self._gathering.stream.commit(untold)
        self._metrics.show_lag(self._gathering.stream.lag())
        self._rejections.tell()
        self._told_at_s = time.monotonic()

    def finish(self) -> None:
        """Before the end: tell the stream, and make files of what the archive has."""
        self.tell()
        if self._archiving is not None:
            self._archiving.turn()

    def close(self) -> None:
        """Let others read the stream; what was not stored is read again."""
        self._gathering.stream.close()

    def _store(self, gathered: Gathered) -> None:
        """Count what was gathered, and store all of it at once."""
        for forget in gathered.forgets:
            self._forget(forget)
        basis = self._basis()
        counted = count(gathered.events, self._writer, basis, self._policy.weights)
        counted.outcomes[Outcome.FORGET] = len(gathered.forgets)
        marks = {
            self._mark_of(partition): Mark(self._gathering.from_positions[partition], position)
            for partition, position in gathered.positions.items()
        }
        commit = partial(self._writer.commit, counted.profiles)
        if self._archiving is None:
            commit(marks)
        else:
            self._archiving.commit(commit, marks, counted.accepted)
        self._gathering.stored(gathered)
        self._untold |= gathered.positions
        self._show(gathered, counted, basis)

    def _forget(self, forget: Forget) -> None:
        if self._archiving is not None:
            self._archiving.archive.forget(forget.user_id, forget.timestamp_s)
        try:
            self._writer.forget(forget.user_id, forget.timestamp_s)
        except DamagedRecordError as error:
            # Until somebody mends it, nothing of theirs counts and nobody is shown anything: others go on.
            log.error("a wish to be forgotten is not stored", problem=str(error), user=User(forget.user_id))

    def _show(self, gathered: Gathered, counted: Counted, basis: Basis) -> None:
        self._metrics.count_read(gathered.rejected)
        self._rejections.add(gathered.rejected)
        self._metrics.count_stored(
            counted.outcomes,
            profiles=len(counted.profiles),
            damaged=counted.n_damaged,
            archived=0 if self._archiving is None else len(counted.accepted),
        )
        self._metrics.show_times(
            [event.timestamp_s for event in counted.accepted],
            commit_s=time.monotonic() - gathered.began_s,
            watermark_s=basis.watermark_s,
        )

    def _mark_of(self, partition: str) -> str:
        return f"{self._name}/{partition}"


class _Archiving:
    """Moves an archive's mark on together with the records."""

    def __init__(self, archive: Archive, writer: OnlineWriter, policy: OnlinePolicy) -> None:
        self.archive, self._writer, self._policy = archive, writer, policy
        self._name = f"archive/{archive.name}"
        self._mark = writer.mark(self._name)
        if self._mark is None:
            archive.begin_anew()
            self._name = f"archive/{archive.name}"
        # Whatever an earlier writer may still be about to store, it is not after this.
        self.turn()

    def take_over(self) -> None:
        """Make files of what writers left that have ended, if they were of this store."""
        for left in self.archive.left_behind():
            if self._writer.mark(f"archive/{left.name}") is not None:
                _Archiving(left, self._writer, self._policy)

    def turn(self) -> None:
        """Make files of what the archive has, and begin anew."""
        after = self.archive.turned(self._mark)
        self._writer.commit([], {self._name: Mark(self._mark, after)})
        self._mark = after
        self.archive.turn(after)
        self._turned_at_s = time.monotonic()

    def turn_if_due(self) -> None:
        """Make files when there are many rows, or when it is time and there are any."""
        n_rows, waited_s = self.archive.n_rows, time.monotonic() - self._turned_at_s
        if n_rows >= self._policy.turn_rows or (n_rows and waited_s >= self._policy.turn_every_s):
            self.turn()
            self.take_over()

    def commit(
        self, commit: Callable[[Mapping[str, Mark]], None], marks: Mapping[str, Mark], events: Sequence[Event]
    ) -> None:
        """Keep events, and let them count with everything else."""
        after = self.archive.append(events)
        commit({**marks, self._name: Mark(self._mark, after)})
        self._mark = after
