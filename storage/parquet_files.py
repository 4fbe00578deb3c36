"""Parquet input: files found in a fixed order, their columns checked, their rows read in batches.

Every failure names the file, and the column where one is to blame.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import DataError


@dataclass(frozen=True, slots=True)
class Column:
    """A column that every file must have, or may have.

    Attributes:
        name: Its name.
        is_right: Whether a type will do.
        write_it_as: What to write in place of a type that will not.
        required: A file without it is refused.
    """

    name: str
    is_right: Callable[[pa.DataType], bool]
    write_it_as: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class InputFile:
    """One parquet file whose columns were checked.

    Attributes:
        path: The file.
        n_rows: As its footer says.
        types: Those of the columns asked for that it has. Of an optional one the type may be null: what a
            data frame writes when nobody filled it in.
        group_rows: The rows of each row group: what can be read apart.
    """

    path: Path
    n_rows: int
    types: Mapping[str, pa.DataType]
    group_rows: tuple[int, ...]


def find_files(path: Path, columns: Sequence[Column], *, what: str) -> tuple[InputFile, ...]:
    """The files at `path`, in order of their names, with their columns checked.

    Args:
        path: A parquet file, or a folder searched to any depth; names that begin with `_` or `.` are passed
            over, as Spark's unfinished and marker files are.
        columns: Which there must and may be; others are ignored.
        what: What a row holds, for messages: "pin".

    Raises:
        DataError: Nothing is there, a file is not parquet, a column is missing, of a wrong type or there
            twice, or there is no row at all.
    """
    files = tuple(_checked(file, columns, what) for file in parquet_files(path, what=f"{what}s"))
    if not any(file.n_rows for file in files):
        raise DataError(f"{path} holds no {what}: it has no row")
    return files


def read_batches(
    file: InputFile, columns: Sequence[str], *, n_rows: int, groups: range | None = None
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of a file in order, at most `n_rows` at a time, each batch with its first row's number.

    Args:
        file: As found.
        columns: Which to read; those that the file does not have are passed over.
        n_rows: Of one batch.
        groups: Only these row groups, which lie together; default all.

    Raises:
        DataError: The file is damaged, or a text is not UTF-8.
    """
    groups = range(len(file.group_rows)) if groups is None else groups
    first_row = sum(file.group_rows[: groups.start])
    # Buffering ahead, Arrow's default, would hold the whole file in memory by its end.
    with readable(file.path), pq.ParquetFile(file.path, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(n_rows, list(groups), list(columns)):
            for name in batch.schema.names:
                _require_valid(batch[name], f"{file.path}: column {name!r}", first_row)
            yield first_row, batch
            first_row += len(batch)


def parquet_files(path: Path, *, what: str) -> list[Path]:
    """The files at `path`, in order of their names.

    Args:
        path: A parquet file, or a folder searched to any depth; names that begin with `_` or `.` are passed
            over, as Spark's unfinished and marker files are.
        what: What they hold, for messages: "pins".

    Raises:
        DataError: Nothing is there.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path} does not exist: {what} are a parquet file, or a folder of them")
    files = [file for file in sorted(path.rglob("*.parquet")) if not _is_hidden(file.relative_to(path))]
    if not files:
        raise DataError(f"{path} holds no .parquet file: {what} are a parquet file, or a folder of them")
    return files


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what Arrow and the system say about `path` into a DataError that names it."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is string or large_string, dictionary-encoded or not."""
    kind = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _checked(path: Path, columns: Sequence[Column], what: str) -> InputFile:
    with readable(path), pq.ParquetFile(path) as parquet:
        schema, metadata = parquet.schema_arrow, parquet.metadata
        group_rows = tuple(metadata.row_group(at).num_rows for at in range(metadata.num_row_groups))
    types = {column.name: _type(column, schema, path) for column in columns if column.name in schema.names}
    for column in columns:
        if column.required and column.name not in types:
            raise DataError(
                f"{path} has no column {column.name!r}. {_needed(columns, what)}; "
                f"it has: {', '.join(schema.names) or 'none'}"
            )
    return InputFile(path, metadata.num_rows, types, group_rows)


def _type(column: Column, schema: pa.Schema, path: Path) -> pa.DataType:
    places = schema.get_all_field_indices(column.name)
    if len(places) > 1:
        raise DataError(f"{path} has {len(places)} columns {column.name!r}: keep one of them")
    kind: pa.DataType = schema.field(places[0]).type
    may_be_null = pa.types.is_null(kind) and not column.required
    if not may_be_null and not column.is_right(kind):
        raise DataError(f"{path}: column {column.name!r} is {kind}; write it as {column.write_it_as}")
    return kind


def _needed(columns: Sequence[Column], what: str) -> str:
    required = [column.name for column in columns if column.required]
    optional = [column.name for column in columns if not column.required]
    needed = f"{what.capitalize()}s need {_listed(required)}"
    return f"{needed}, and may have {_listed(optional)}" if optional else needed


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _require_valid(column: "pa.Array[Any]", where: str, first_row: int) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        last_row = first_row + len(column) - 1
        raise DataError(f"{where}, rows {first_row:,} to {last_row:,}, cannot be read: {error}") from error


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in path.parts)
