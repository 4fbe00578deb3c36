"""From rows to the window's actions by user: bad rows are written out, the rest weighed and counted once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from profile_builder.actions import ActionTable
from profile_builder.columns import NO_TIME, Texts
from profile_builder.events import Events, Names, by_user, duplicates, renumbered
from profile_builder.reading import ACTION, EVENT, PIN, TIME, USER, ActionBatch
from profile_builder.survey import is_listed
from profile_builder.times import is_possible
from profile_builder.window import Window
from storage.hashes import hash_ids
from storage.parquet_files import InputFile
from storage.pins.port import NO_ROW, Pins
from storage.rejects import Rejects

MAX_ID_BYTES = 128

UNKNOWN_PIN = "unknown pin"
"""Counted and written out like a bad row, but ordinary: pins leave the artefact every day."""

DUPLICATE = "duplicate event"
FUTURE = "time in the future"
"""As in an event stream."""

TEXTS = (USER, PIN, ACTION, EVENT)
"""The columns of texts that are looked at."""

_Find = Callable[[ActionBatch], NDArray[np.bool_]]


@dataclass(slots=True, kw_only=True)
class RowCounts:
    """Where the rows went; those rejected are counted by storage.rejects."""

    read: int = 0
    not_listed: int = 0
    before_window: int = 0
    after_watermark: int = 0
    forgotten: int = 0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Selected:
    """The window's actions by user, and where the other rows went."""

    actions: ActionTable
    counts: RowCounts


def select(
    batches: Iterable[ActionBatch],
    files: Sequence[InputFile],
    *,
    pins: Pins,
    window: Window,
    weights: Mapping[str, float] | None,
    rejects: Rejects,
    max_reject_share: float,
) -> Selected:
    """Keep the window's actions on known pins.

    Args:
        batches: All rows, with the columns TEXTS.
        files: Where they are from, in order.
        pins: The artefact that pins must be in.
        window: Which times count.
        weights: Weight of each action that is read; None reads all and weighs them 1.
        rejects: Where bad rows go.
        max_reject_share: Of the rows with a listed action; unknown pins do not count towards it.

    Raises:
        TooManyRejectsError: More than that share is bad.
        DataError: A file is damaged.
    """
    selector = Selector(files, pins, window, weights, rejects)
    for batch in batches:
        selector.add(batch)
    selected = selector.selected()
    n_listed = selected.counts.read - selected.counts.not_listed
    rejects.check(n_listed, max_reject_share, tolerated=(UNKNOWN_PIN,))
    return selected


class RejectedRows(Protocol):
    """Where bad rows go."""

    def add(
        self, *, file: str, row: int, reason: str, pin_id: str | None = None, value: str | float | None = None
    ) -> None:
        """Take one; see storage.rejects."""
        ...


class Selector:
    """Takes what counts from rows, some at a time.

    Args:
        files: All files, in order, also those of which no row comes.
        pins: The artefact that pins must be in.
        window: Which times count.
        weights: Weight of each action that is read; None reads all and weighs them 1.
        rejects: Where bad rows go.

    Attributes:
        counts: Where the rows went.
        users: The users of all rows in the window, also of those on unknown pins.
        actions: The actions of the events.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        pins: Pins,
        window: Window,
        weights: Mapping[str, float] | None,
        rejects: RejectedRows,
    ) -> None:
        self._files = files
        self._file_starts = np.cumsum([0, *(file.n_rows for file in files)])
        self._start_of = {
            file.path: int(start) for file, start in zip(files, self._file_starts, strict=False)
        }
        self._pins = pins
        self._window = window
        self._weights = weights
        self._rejects = rejects
        self.counts = RowCounts()
        self.users, self.actions = Names(), Names()
        self._parts: list[Events] = []

    def add(self, batch: ActionBatch) -> None:
        """Take what counts from some rows."""
        self.counts.read += len(batch)
        batch = self._listed(batch)
        batch = self._without_faults(batch)
        batch = self._without_future(batch)
        batch = self._in_window(batch)
        if self._window.forgotten_until_s:
            batch = self._remembered(batch)
        self._parts.append(self._on_known_pins(batch))

    def events(self) -> Events:
        """Those of all the rows added, numbered by `users` and `actions`; some may be there twice."""
        return Events.joined(self._parts)

    def selected(self) -> Selected:
        """The actions of all the rows added."""
        events = renumbered(self.events(), self.users, self.actions)
        again = np.sort(duplicates(events))
        self._reject_duplicates(events.take(again))
        events = events.take(np.delete(np.arange(len(events)), again))
        self.counts.used = len(events)
        return Selected(by_user(events, self.users.ascending()), self.counts)

    def _listed(self, batch: ActionBatch) -> ActionBatch:
        listed = is_listed(batch.texts[ACTION], self._weights)
        self.counts.not_listed += int(np.count_nonzero(~listed))
        return batch.where(listed)

    def _without_faults(self, batch: ActionBatch) -> ActionBatch:
        for reason, column, find in _FAULTS:
            batch = self._without(find(batch), batch, reason, column)
        return batch

    def _without_future(self, batch: ActionBatch) -> ActionBatch:
        return self._without(batch.times_s > self._window.latest_s, batch, FUTURE, TIME)

    def _in_window(self, batch: ActionBatch) -> ActionBatch:
        too_old, too_new = batch.times_s <= self._window.after_s, batch.times_s > self._window.watermark_s
        self.counts.before_window += int(np.count_nonzero(too_old))
        self.counts.after_watermark += int(np.count_nonzero(too_new))
        return batch.where(~(too_old | too_new))

    def _remembered(self, batch: ActionBatch) -> ActionBatch:
        """Without what users did until they asked to be forgotten."""
        user_ids, which = batch.texts[USER].distinct()
        until_s = [self._window.forgotten_until_s.get(user_id, NO_TIME) for user_id in user_ids]
        is_void = batch.times_s <= np.array(until_s, np.int64)[which]
        self.counts.forgotten += int(np.count_nonzero(is_void))
        return batch.where(~is_void)

    def _on_known_pins(self, batch: ActionBatch) -> Events:
        # A user of unknown pins only is still a user: one without a usable action.
        self.users.numbers(batch.texts[USER])
        pin_ids, which = batch.texts[PIN].distinct()
        rows = self._pins.rows(pin_ids)[which]
        known = rows != NO_ROW
        return self._events(self._without(~known, batch, UNKNOWN_PIN, PIN), rows[known])

    def _events(self, batch: ActionBatch, rows: NDArray[np.int64]) -> Events:
        event_hashes, has_event_id = _event_hashes(batch)
        return Events(
            users=self.users.numbers(batch.texts[USER]),
            rows=rows,
            times_s=batch.times_s,
            actions=self.actions.numbers(batch.texts[ACTION]),
            weights=self._weights_of(batch.texts[ACTION]),
            event_hashes=event_hashes,
            has_event_id=has_event_id,
            sources=batch.rows + self._start_of[batch.path],
        )

    def _weights_of(self, actions: Texts) -> NDArray[np.float64]:
        if self._weights is None:
            return np.ones(len(actions))
        names, which = actions.distinct()
        return np.array([self._weights[name] for name in names], np.float64)[which]

    def _without(self, bad: NDArray[np.bool_], batch: ActionBatch, reason: str, column: str) -> ActionBatch:
        """The batch without its bad rows; each is written out with what the column holds."""
        if not bad.any():
            return batch
        for place in np.flatnonzero(bad).tolist():
            self._rejects.add(
                file=str(batch.path),
                row=int(batch.rows[place]),
                reason=reason,
                pin_id=batch.texts[PIN][place],
                value=batch.value(column, place),
            )
        return batch.where(~bad)

    def _reject_duplicates(self, events: Events) -> None:
        files = np.searchsorted(self._file_starts, events.sources, side="right") - 1
        rows = events.sources - self._file_starts[files]
        for file, row, pin_id in zip(files, rows, self._pins.pin_ids(events.rows), strict=True):
            path = str(self._files[file].path)
            self._rejects.add(file=path, row=int(row), reason=DUPLICATE, pin_id=pin_id)


def _event_hashes(batch: ActionBatch) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """uint64 [n] and bool [n]: the hash of each event id, and whether there is one."""
    hashes, has_event_id = np.zeros(len(batch), np.uint64), np.zeros(len(batch), np.bool_)
    if EVENT in batch.texts:
        has_event_id = batch.texts[EVENT].n_bytes() > 0
        event_ids, which = batch.texts[EVENT].where(has_event_id).distinct()
        hashes[has_event_id] = hash_ids(event_ids)[which]
    return hashes, has_event_id


def _without_text(column: str) -> _Find:
    return lambda batch: batch.texts[column].n_bytes() == 0


def _with_long_text(column: str) -> _Find:
    return lambda batch: batch.texts[column].n_bytes() > MAX_ID_BYTES


# In this order; a row is written out for the first that fits.
_FAULTS: tuple[tuple[str, str, _Find], ...] = (
    ("no user id", USER, _without_text(USER)),
    (f"user id over {MAX_ID_BYTES} bytes", USER, _with_long_text(USER)),
    ("no pin id", PIN, _without_text(PIN)),
    (f"pin id over {MAX_ID_BYTES} bytes", PIN, _with_long_text(PIN)),
    ("no action", ACTION, _without_text(ACTION)),
    ("no time", TIME, lambda batch: batch.times_s == NO_TIME),
    ("impossible time", TIME, lambda batch: ~is_possible(batch.times_s)),
)
