"""The second stage of a batch, part by part: the events of some buckets in, their users' records stored.

A part is small enough for a task's memory and holds whole users; its users are built together, as the local
engine builds them.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from profile_builder.actions import ActionTable
from profile_builder.batch import Tally
from profile_builder.columns import Texts
from profile_builder.events import Events, Names, by_user, duplicates, renumbered
from profile_builder.popular import counted
from profile_builder.spark.pins import PinsPlace
from profile_builder.spark.reports import PartReport
from profile_builder.spark.sinks import Sink
from profile_builder.users import BuiltUser, Rules, build_together
from storage.pins.port import NO_ROW, Pins

BUILT = pa.schema(
    {
        "report": pa.string(),
        "popular_rows": pa.list_(pa.int64()),
        "popular_counts": pa.list_(pa.int64()),
    }
)


@dataclass(frozen=True, kw_only=True)
class BuildPart:
    """Builds and stores the users of a part.

    Attributes:
        pins: Where the artefact is.
        rules: The same for all users.
        sink: Where the records go.
        actions_together: So many actions, and their vectors, are in memory at a time beside the part's own.
        max_rejects: So many of a part's duplicates are listed; all are counted.
    """

    pins: PinsPlace
    rules: Rules
    sink: Sink
    actions_together: int
    max_rejects: int

    def __call__(self, number: int, part: pa.Table) -> pa.Table:
        """The report on the part, and what its users' actions count for the popular pins."""
        began, pins, tally = time.process_time(), self.pins.open(), Tally()
        events, user_ids, repeated = distinct(part)
        actions = by_user(events, user_ids)
        written = self.sink.write(number, (user.encoded for user in self._counted(actions, pins, tally)))
        rows, counts = counted(actions, pins)
        report = PartReport(
            used=actions.n_actions,
            n_interests=tally.n_interests,
            n_without=tally.n_without,
            n_capped=tally.n_capped,
            duplicates=_places(repeated.take(np.arange(min(len(repeated), self.max_rejects)))),
            n_duplicates=len(repeated),
            written=written,
            cpu_s=time.process_time() - began,
        )
        return pa.table([[report.to_json()], [rows], [counts]], schema=BUILT)

    def _counted(self, actions: ActionTable, pins: Pins, tally: Tally) -> Iterator[BuiltUser]:
        for some in actions.parts(self.actions_together):
            for user in build_together(list(some), pins, self.rules):
                tally.count(user)
                yield user


def distinct(part: pa.Table) -> tuple[Events, tuple[str, ...], Events]:
    """The part's events each once, its users ascending, and the events that were there already.

    Those that share an event id were found before, among all users: the column `is_repeat` says which.
    """
    users, actions = Names(), Names()
    part = part.combine_chunks()
    found = renumbered(_events(part, users, actions), users, actions)
    is_real, is_repeat = found.rows != NO_ROW, part["is_repeat"].to_numpy()
    once = found.take(is_real & ~is_repeat)
    again = np.sort(duplicates(once))
    repeated = Events.joined([found.take(is_repeat), once.take(again)])
    return once.take(np.delete(np.arange(len(once)), again)), users.ascending(), repeated


def _events(part: pa.Table, users: Names, actions: Names) -> Events:
    hashes = part["event_hash"].combine_chunks()
    return Events(
        users=users.numbers(Texts.of(part["user_id"].combine_chunks())),
        rows=part["row"].to_numpy().astype(np.int64),
        times_s=part["time_s"].to_numpy(),
        actions=actions.numbers(Texts.of(part["action"].combine_chunks())),
        weights=part["weight"].to_numpy(),
        event_hashes=hashes.fill_null(0).to_numpy().view(np.uint64),
        has_event_id=hashes.is_valid().to_numpy(zero_copy_only=False),
        sources=part["source"].to_numpy(),
    )


def _places(events: Events) -> list[tuple[int, int]]:
    """Each one's row in the input, counted through all files, and its pin's row."""
    return list(zip(events.sources.tolist(), events.rows.tolist(), strict=True))
