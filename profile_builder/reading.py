"""The columns of actions.parquet, and its rows in batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from profile_builder.columns import NO_TIME, Texts, times_of
from storage import parquet_files
from storage.parquet_files import Column, InputFile, is_text

USER, PIN, TIME, ACTION, EVENT = "user_id", "pin_id", "timestamp", "action", "event_id"

_COLUMNS = (
    Column(USER, is_text, "string", required=True),
    Column(PIN, is_text, "string", required=True),
    Column(TIME, pa.types.is_int64, "int64, Unix seconds in UTC", required=True),
    Column(ACTION, is_text, "string", required=True),
    Column(EVENT, is_text, "string"),
)
_BATCH_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class ActionBatch:
    """Some rows of one file, as parallel columns of length n.

    Attributes:
        path: The file.
        rows: int64 [n], their numbers within the file, from 0.
        times_s: int64 [n], as they stand there; NO_TIME where one is missing.
        texts: The other columns asked for, by name.
    """

    path: Path
    rows: NDArray[np.int64]
    times_s: NDArray[np.int64]
    texts: Mapping[str, Texts]

    def __len__(self) -> int:
        return len(self.rows)

    def value(self, column: str, place: int) -> str | int | None:
        """What one row holds in one column; None where that is missing."""
        if column != TIME:
            return self.texts[column][place]
        time_s = int(self.times_s[place])
        return None if time_s == NO_TIME else time_s

    def describe(self, place: int) -> str:
        """Where a row stands, for people: "row 7 of actions.parquet"."""
        return f"row {self.rows[place]} of {self.path.name}"

    def where(self, mask: NDArray[np.bool_]) -> "ActionBatch":
        """The rows where this is true."""
        texts = {name: column.where(mask) for name, column in self.texts.items()}
        return ActionBatch(self.path, self.rows[mask], self.times_s[mask], texts)


def find_action_files(path: Path) -> tuple[InputFile, ...]:
    """The files at `path`, in order of their names, with their columns checked.

    Args:
        path: A parquet file, or a folder of them (storage.parquet_files).

    Raises:
        DataError: Nothing is there, a file is not parquet, a column is missing or of a wrong type, or there
            is no row at all.
    """
    return parquet_files.find_files(path, _COLUMNS, what="action")


@dataclass(frozen=True, slots=True)
class Split:
    """Row groups of one file that lie together: what one task reads."""

    file: InputFile
    groups: range

    @property
    def n_rows(self) -> int:
        """All rows."""
        return sum(self.file.group_rows[at] for at in self.groups)


def splits_of(files: Sequence[InputFile], n_rows: int) -> list[Split]:
    """All rows of all files in order, in splits of about `n_rows`, or of one row group that has more."""
    return [split for file in files for split in _splits_of_one(file, n_rows)]


def read_split(split: Split, texts: Sequence[str]) -> Iterator[ActionBatch]:
    """The rows of a split in order, as `read_batches` those of all files.

    Raises:
        DataError: The file is damaged.
    """
    file, columns = split.file, [TIME, *texts]
    for first_row, batch in parquet_files.read_batches(
        file, columns, n_rows=_BATCH_ROWS, groups=split.groups
    ):
        yield ActionBatch(
            file.path,
            np.arange(first_row, first_row + len(batch)),
            times_of(batch[TIME]),
            {name: Texts.of(batch[name]) for name in texts if name in batch.schema.names},
        )


def read_batches(files: Sequence[InputFile], texts: Sequence[str]) -> Iterator[ActionBatch]:
    """The rows of all files in order, some thousands at a time.

    Args:
        files: As found.
        texts: Which columns to read besides the time; `event_id` is passed over where a file has none.

    Raises:
        DataError: A file is damaged.
    """
    for file in files:
        yield from read_split(Split(file, range(len(file.group_rows))), texts)


def _splits_of_one(file: InputFile, n_rows: int) -> Iterator[Split]:
    first, rows = 0, 0
    for at, more in enumerate(file.group_rows):
        if rows and rows + more > n_rows:
            yield Split(file, range(first, at))
            first, rows = at, 0
        rows += more
    if rows:
        yield Split(file, range(first, len(file.group_rows)))
