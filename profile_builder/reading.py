"""actions.parquet, a file or a folder of them: found, checked column by column, read in batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from profile_builder.columns import NO_TIME, Texts, times_of
from storage.errors import DataError
from storage.parquet_files import parquet_files, readable

USER, PIN, TIME, ACTION, EVENT = "user_id", "pin_id", "timestamp", "action", "event_id"

_REQUIRED = (USER, PIN, TIME, ACTION)
_BATCH_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class ActionFile:
    """One parquet file whose columns are those of actions.

    Attributes:
        path: The file.
        n_rows: As its footer says.
        has_event_ids: It has the optional column `event_id`.
    """

    path: Path
    n_rows: int
    has_event_ids: bool


@dataclass(frozen=True, slots=True)
class ActionBatch:
    """Some rows of one file, as parallel columns of length n.

    Attributes:
        file: Where the rows are from.
        rows: int64 [n], their numbers within the file, from 0.
        times_s: int64 [n], as they stand there; NO_TIME where one is missing.
        texts: The other columns asked for, by name.
    """

    file: ActionFile
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
        return f"row {self.rows[place]} of {self.file.path.name}"

    def where(self, mask: NDArray[np.bool_]) -> "ActionBatch":
        """The rows where this is true."""
        texts = {name: column.where(mask) for name, column in self.texts.items()}
        return ActionBatch(self.file, self.rows[mask], self.times_s[mask], texts)


def find_action_files(path: Path) -> list[ActionFile]:
    """The files at `path`, in order of their names, with their columns checked.

    Args:
        path: A parquet file, or a folder of them (storage.parquet_files).

    Raises:
        DataError: Nothing is there, a file is not parquet, a column is missing or of a wrong type, or there
            is no row at all.
    """
    files = [_checked(file) for file in parquet_files(path, what="actions")]
    if not any(file.n_rows for file in files):
        raise DataError(f"{path} holds no action: it has no row")
    return files


def read_batches(files: Sequence[ActionFile], texts: Sequence[str]) -> Iterator[ActionBatch]:
    """The rows of all files in order, some thousands at a time.

    Args:
        files: As found.
        texts: Which columns to read besides the time; `event_id` is passed over where a file has none.

    Raises:
        DataError: A file is damaged.
    """
    for file in files:
        names = [name for name in texts if name != EVENT or file.has_event_ids]
        first_row = 0
        with readable(file.path), pq.ParquetFile(file.path) as parquet:
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=[TIME, *names]):
                batch.validate(full=True)
                yield ActionBatch(
                    file,
                    np.arange(first_row, first_row + len(batch)),
                    times_of(batch.column(TIME)),
                    {name: Texts.of(batch.column(name)) for name in names},
                )
                first_row += len(batch)


def _checked(path: Path) -> ActionFile:
    with readable(path), pq.ParquetFile(path) as parquet:
        schema, n_rows = parquet.schema_arrow, parquet.metadata.num_rows
    for name in _REQUIRED:
        if name not in schema.names:
            raise DataError(
                f"{path} has no column {name!r}. Actions need {', '.join(_REQUIRED)}; "
                f"it has: {', '.join(schema.names) or 'none'}"
            )
    # A column of nulls only is what a data frame writes when nobody filled it in.
    has_event_ids = EVENT in schema.names and not pa.types.is_null(schema.field(EVENT).type)
    for name in (USER, PIN, ACTION, *([EVENT] if has_event_ids else [])):
        _require_text(path, schema.field(name))
    _require_time(path, schema.field(TIME))
    return ActionFile(path, n_rows, has_event_ids)


def _require_text(path: Path, field: "pa.Field[Any]") -> None:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(f"{path}: column {field.name!r} is {field.type}; write it as string")


def _require_time(path: Path, field: "pa.Field[Any]") -> None:
    if not pa.types.is_int64(field.type):
        raise DataError(
            f"{path}: column {field.name!r} is {field.type}; write it as int64, Unix seconds in UTC"
        )
