"""The columns of pins.parquet: which there must be, of which types, and what a folder's files must share."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import DataError
from storage.parquet_files import parquet_files, readable

_DIMENSION_SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class PinFile:
    """One parquet file whose columns are those of pins.

    Attributes:
        path: The file.
        n_rows: As its footer says.
        columns: Those of our columns that it has.
        dimension: The length of its embeddings where the type fixes it, else None.
    """

    path: Path
    n_rows: int
    columns: frozenset[str]
    dimension: int | None


@dataclass(frozen=True, slots=True)
class PinFiles:
    """All files of one input, with the columns and the dimension they share."""

    files: tuple[PinFile, ...]
    columns: frozenset[str]
    dimension: int

    @property
    def n_rows(self) -> int:
        """Rows in all files."""
        return sum(file.n_rows for file in self.files)


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    is_right: Callable[[pa.DataType], bool]
    write_it_as: str
    required: bool = False


def find_pin_files(path: Path) -> PinFiles:
    """The files at `path` (a parquet file, or a folder of them) with their columns checked.

    Raises:
        DataError: Nothing is there, a file is not parquet, a column is missing or of a wrong type, files
            differ in their columns or their dimension, or there is no row at all.
    """
    files = tuple(_checked(file) for file in parquet_files(path, what="pins"))
    if not any(file.n_rows for file in files):
        raise DataError(f"{path} holds no pin: it has no row")
    return PinFiles(files, _shared_columns(files), _shared_dimension(files))


def _checked(path: Path) -> PinFile:
    with readable(path), pq.ParquetFile(path) as parquet:
        schema, n_rows = parquet.schema_arrow, parquet.metadata.num_rows
    present = [column for column in _COLUMNS if _is_present(column, schema, path)]
    for column in present:
        kind = schema.field(column.name).type
        if not column.is_right(kind):
            raise DataError(f"{path}: column {column.name!r} is {kind}; write it as {column.write_it_as}")
    return PinFile(path, n_rows, frozenset(column.name for column in present), _fixed_dimension(schema))


def _is_present(column: _Column, schema: pa.Schema, path: Path) -> bool:
    if column.name in schema.names:
        # A column of nulls only: what a data frame writes when nobody filled it in.
        return column.required or not pa.types.is_null(schema.field(column.name).type)
    if column.required:
        raise DataError(
            f"{path} has no column {column.name!r}. Pins need pin_id and embedding, and may have quality, "
            f"title and created_at; it has: {', '.join(schema.names) or 'none'}"
        )
    return False


def _fixed_dimension(schema: pa.Schema) -> int | None:
    kind = schema.field("embedding").type
    return kind.list_size if pa.types.is_fixed_size_list(kind) else None


def _shared_columns(files: Sequence[PinFile]) -> frozenset[str]:
    first = files[0]
    for file in files:
        for name in sorted(file.columns ^ first.columns):
            has, lacks = (file, first) if name in file.columns else (first, file)
            raise DataError(
                f"{has.path} has a column {name!r} and {lacks.path} does not: write it in all or none"
            )
    return first.columns


def _shared_dimension(files: Sequence[PinFile]) -> int:
    """The dimension the types fix; else the commonest length among the first rows: others are bad rows."""
    fixed = {file.dimension: file.path for file in files if file.dimension is not None}
    if len(fixed) > 1:
        (d, path), (other_d, other_path) = list(fixed.items())[:2]
        raise DataError(
            f"{path} has embeddings of {d} dimensions and {other_path} of {other_d}: "
            "all pins of one embedding space have the same"
        )
    dimension = next(iter(fixed), None) or _commonest_length(files)
    if not dimension:
        raise DataError(
            f"{files[0].path}: no embedding among the first rows; each is a list of float16 or float32"
        )
    return dimension


def _commonest_length(files: Sequence[PinFile]) -> int | None:
    for file in files:
        with readable(file.path), pq.ParquetFile(file.path) as parquet:
            for batch in parquet.iter_batches(batch_size=_DIMENSION_SAMPLE_ROWS, columns=["embedding"]):
                lengths = Counter(pc.list_value_length(batch.column(0)).drop_null().to_pylist())
                if lengths:
                    return int(lengths.most_common(1)[0][0])
    return None


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_vector(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return pa.types.is_floating(kind.value_type)
    return False


def _is_time(kind: pa.DataType) -> bool:
    return pa.types.is_int64(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind)


_COLUMNS = (
    _Column("pin_id", _is_text, "string", required=True),
    _Column("embedding", _is_vector, "a list of float16 or float32", required=True),
    _Column("quality", pa.types.is_floating, "float32, from 0 to 1"),
    _Column("title", _is_text, "string"),
    _Column("created_at", _is_time, "int64 (Unix seconds in UTC), timestamp or date"),
)
