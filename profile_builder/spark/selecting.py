"""The first stage of a batch, split by split: rows in, the window's events out, with their users' buckets.

A task reads its row groups itself, by the code of the local engine: both reject and keep the same.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from profile_builder.events import Events
from profile_builder.reading import ACTION, Split, read_split
from profile_builder.selecting import TEXTS, Selector
from profile_builder.spark.pins import PinsPlace
from profile_builder.spark.reports import Rejected, SplitReport
from profile_builder.survey import Look
from profile_builder.window import Window
from storage.parquet_files import InputFile
from storage.pins.port import NO_ROW
from storage.profiles.redis.keys import bucket_of

REPORT = "report"
_ROWS_AT_A_TIME = 1 << 16
_NO_ACTION = ""
_COLUMNS: dict[str, pa.DataType] = {
    "bucket": pa.int32(),
    "user_id": pa.string(),
    "row": pa.int32(),
    "time_s": pa.int64(),
    "action": pa.string(),
    "weight": pa.float64(),
    # Null without an event id.
    "event_hash": pa.int64(),
    "source": pa.int64(),
}
EVENTS = pa.schema(_COLUMNS)
SELECTED = EVENTS.append(pa.field(REPORT, pa.string()))


def look_at(split: Split, weights: Mapping[str, float] | None, latest_s: int) -> Look:
    """What a split's rows are, for the survey."""
    look = Look(weights, latest_s)
    for batch in read_split(split, [ACTION]):
        look.at(batch)
    return look


@dataclass(frozen=True, kw_only=True)
class SelectSplit:
    """Turns a split into its events and, as a last row, the report on it.

    Attributes:
        splits: All of them, in order.
        files: All files, in order.
        pins: Where the artefact is.
        window: Which times count.
        weights: Weight of each action that is read; None reads all and weighs them 1.
        max_rejects: So many bad rows of a split are listed, the first ones; all are counted.
    """

    splits: Sequence[Split]
    files: Sequence[InputFile]
    pins: PinsPlace
    window: Window
    weights: Mapping[str, float] | None
    max_rejects: int

    def __call__(self, numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The events of the splits with these numbers."""
        for batch in numbers:
            for number in cast(list[int], batch.column(0).to_pylist()):
                yield from self._selected(self.splits[number])

    def _selected(self, split: Split) -> Iterator[pa.RecordBatch]:
        began, rejected = time.process_time(), Rejected(self.max_rejects)
        selector = Selector(self.files, self.pins.open(), self.window, self.weights, rejected)
        for batch in read_split(split, TEXTS):
            selector.add(batch)
        columns = _columns(selector)
        report = SplitReport(counts=selector.counts, rejected=rejected, cpu_s=time.process_time() - began)
        no_reports = pa.nulls(len(columns[0]), pa.string())
        yield from pa.table([*columns, no_reports], schema=SELECTED).to_batches(_ROWS_AT_A_TIME)
        nothing = (pa.nulls(1, field.type) for field in EVENTS)
        yield pa.record_batch([*nothing, pa.array([report.to_json()])], schema=SELECTED)


def _columns(selector: Selector) -> list["pa.Array[Any]"]:
    """The events by user; a user without any has one on no pin, so that somebody counts them."""
    users, actions = selector.users.texts(), selector.actions.texts()
    events = _with_users_without(selector.events(), len(users), len(actions))
    buckets = np.fromiter((bucket_of(user_id) for user_id in users), np.int32, len(users))
    return [
        pa.array(buckets[events.users]),
        pa.array(users, pa.string()).take(events.users),
        pa.array(events.rows.astype(np.int32)),
        pa.array(events.times_s),
        pa.array([*actions, _NO_ACTION], pa.string()).take(events.actions),
        pa.array(events.weights),
        pa.array(events.event_hashes.view(np.int64), mask=~events.has_event_id),
        pa.array(events.sources),
    ]


def _with_users_without(events: Events, n_users: int, no_action: int) -> Events:
    without = np.setdiff1d(np.arange(n_users), events.users)
    n = len(without)
    zeros: NDArray[np.int64] = np.zeros(n, np.int64)
    nothing = Events(
        users=without,
        rows=np.full(n, NO_ROW),
        times_s=zeros,
        actions=np.full(n, no_action),
        weights=np.zeros(n),
        event_hashes=np.zeros(n, np.uint64),
        has_event_id=np.zeros(n, np.bool_),
        sources=zeros,
    )
    return Events.joined([events, nothing])
