"""The actions of a data set: which are positive, which were impressions only; bad rows are written out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evaluation.worlds import ActionLog, ordered_log
from process.progress import Reporter
from storage.errors import DataError
from storage.parquet_files import Column, find_files, is_text, read_batches
from storage.rejects import Rejects

LATEST_S = 4_102_444_800
"""2100-01-01: a later time is impossible, and most likely not in seconds."""
UNKNOWN_PIN = "unknown pin"
"""Counted and written out like a bad row, but ordinary: not every film has a vector."""

_BATCH_ROWS = 1 << 16
_NAMES = ("user_id", "pin_id", "timestamp", "action")


def read_actions(
    path: Path,
    pin_ids: pa.LargeStringArray,
    weights: Mapping[str, float] | None,
    rejects: Rejects,
    reporter: Reporter,
) -> ActionLog:
    """Read a parquet file of actions, or a folder of them.

    An action is positive when its weight is, or when there are no weights; any other, listed or not, is an
    impression: the user met the pin and did not like it. The same event twice is one.

    Args:
        path: The file or folder.
        pin_ids: The known pins; their places become the log's rows.
        weights: The data set's action weights.
        rejects: Where bad rows go.
        reporter: Told of progress.

    Raises:
        DataError: The input cannot be read as actions, or none of them is positive and on a known pin.
    """
    files = find_files(path, _COLUMNS, what="action")
    reading = _Reading(pin_ids, weights, rejects)
    with reporter.step("Read actions", sum(file.n_rows for file in files)) as step:
        for file in files:
            for first_row, batch in read_batches(file, _NAMES, n_rows=_BATCH_ROWS):
                reading.add(file.path, first_row, batch)
                step.advance(len(batch))
    log = reading.log()
    if not log.is_positive.any():
        raise DataError(
            f"{path} holds no action with a positive weight on a known pin: nothing can be judged. "
            "Look at [action_weights] in dataset.toml and at the ids of the pins."
        )
    return log


class _Reading:
    """The events so far, by user, row, time and whether they are positive."""

    def __init__(
        self, pin_ids: pa.LargeStringArray, weights: Mapping[str, float] | None, rejects: Rejects
    ) -> None:
        self._pin_ids = pin_ids
        self._liked = None if weights is None else [name for name, weight in weights.items() if weight > 0]
        self._rejects = rejects
        self._users: dict[str, int] = {}
        self._parts = [np.empty((0, 4), np.int64)]

    def add(self, path: Path, first_row: int, batch: pa.RecordBatch) -> None:
        """Keep the batch's events on known pins; say of every other row why not."""
        rows = pc.index_in(_texts(batch["pin_id"]), value_set=self._pin_ids).fill_null(-1).to_numpy()
        times_s = batch["timestamp"].fill_null(-1).to_numpy()
        faults = np.select(
            [_is_missing(batch["user_id"]), (times_s < 0) | (times_s > LATEST_S), rows < 0],
            ["no user id", "no time, or an impossible one", UNKNOWN_PIN],
            "",
        )
        for at in np.flatnonzero(faults).tolist():
            pin_id = batch["pin_id"][at].as_py()
            self._rejects.add(file=str(path), row=first_row + at, reason=str(faults[at]), pin_id=pin_id)
        columns = (self._numbers(batch["user_id"]), rows, times_s, self._is_positive(batch["action"]))
        self._parts.append(np.stack(columns, axis=1)[faults == ""].astype(np.int64))

    def log(self) -> ActionLog:
        users, rows, times_s, is_positive = _distinct(np.concatenate(self._parts)).T
        _, numbers = np.unique(users, return_inverse=True)
        return ordered_log(numbers, rows, times_s, is_positive.astype(np.bool_))

    def _numbers(self, user_ids: "pa.Array[Any]") -> NDArray[np.int64]:
        """A number for each user, the same in every batch."""
        users = self._users
        return np.array([users.setdefault(user_id or "", len(users)) for user_id in user_ids.to_pylist()])

    def _is_positive(self, actions: "pa.Array[Any]") -> NDArray[np.bool_]:
        if self._liked is None:
            return np.ones(len(actions), np.bool_)
        liked = pc.is_in(_texts(actions), value_set=pa.array(self._liked, pa.large_string()))
        return np.asarray(liked.to_numpy(zero_copy_only=False), np.bool_)


def _distinct(events: NDArray[np.int64]) -> NDArray[np.int64]:
    """The distinct rows of a table, in order; np.unique takes many times as long."""
    events = events[np.lexsort(events.T[::-1])]
    is_new = np.append(True, (events[1:] != events[:-1]).any(axis=1))
    distinct: NDArray[np.int64] = events[is_new[: len(events)]]
    return distinct


def _texts(column: "pa.Array[Any]") -> "pa.Array[Any]":
    return column.cast(pa.large_string())


def _is_missing(column: "pa.Array[Any]") -> NDArray[np.bool_]:
    texts = _texts(column).fill_null("")
    return np.asarray(pc.is_in(texts, value_set=pa.array([""], pa.large_string())))


_COLUMNS = (
    Column("user_id", is_text, "string", required=True),
    Column("pin_id", is_text, "string", required=True),
    Column("timestamp", pa.types.is_int64, "int64, Unix seconds in UTC", required=True),
    Column("action", is_text, "string", required=True),
)
