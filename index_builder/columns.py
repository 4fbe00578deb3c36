"""The columns of pins.parquet: which there must be, of which types, and what a folder's files must share."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import DataError
from storage.parquet_files import Column, InputFile, find_files, is_text, read_batches

_DIMENSION_SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class PinFiles:
    """All files of one input.

    Attributes:
        files: In order.
        columns: Those of our columns that they share.
        dimension: Of every embedding.
        filter_columns: Those of the columns that pins will be filtered by.
    """

    files: tuple[InputFile, ...]
    columns: frozenset[str]
    dimension: int
    filter_columns: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Rows in all files."""
        return sum(file.n_rows for file in self.files)


def find_pin_files(path: Path, filter_columns: Sequence[str] = ()) -> PinFiles:
    """The files at `path` (a parquet file, or a folder of them) with their columns checked.

    Args:
        path: Where the pins are.
        filter_columns: The columns that pins will be filtered by; every file must have them.

    Raises:
        DataError: Nothing is there, a file is not parquet, a column is missing or of a wrong type, files
            differ in their columns or their dimension, or there is no row at all.
    """
    files = find_files(path, _with_filters(filter_columns), what="pin")
    _require_one_kind(files, filter_columns)
    return PinFiles(files, _shared_columns(files), _shared_dimension(files), tuple(filter_columns))


def _with_filters(names: Sequence[str]) -> tuple[Column, ...]:
    """All our columns; those to filter by are required, whichever they are."""
    columns = {column.name: column for column in _COLUMNS}
    for name in names:
        if name in _NO_FILTERS:
            raise DataError(
                f"the column {name!r} cannot be filtered by: filters are on texts, times and booleans of "
                "your own, such as a category"
            )
        known = columns.get(name, Column(name, _is_filterable, _FILTERABLE))
        columns[name] = replace(known, required=True)
    return tuple(columns.values())


def _require_one_kind(files: Sequence[InputFile], names: Sequence[str]) -> None:
    for name in names:
        first = files[0]
        for other in files[1:]:
            if _kind(other.types[name]) != _kind(first.types[name]):
                raise DataError(
                    f"column {name!r} is {first.types[name]} in {first.path} and {other.types[name]} in "
                    f"{other.path}: write it alike in all files"
                )


def _shared_columns(files: Sequence[InputFile]) -> frozenset[str]:
    """The columns that somebody filled in; where a file has no value of one, it may be of type null there."""
    filled = {name: file for file in files for name, kind in file.types.items() if not pa.types.is_null(kind)}
    for name, file in sorted(filled.items()):
        for other in files:
            if name not in other.types:
                raise DataError(
                    f"{file.path} has a column {name!r} and {other.path} does not: write it in all or none"
                )
    return frozenset(filled)


def _shared_dimension(files: Sequence[InputFile]) -> int:
    """The dimension the types fix; else the commonest length among the first rows: others are bad rows."""
    kinds = [(file.types["embedding"], file.path) for file in files]
    fixed = {kind.list_size: path for kind, path in kinds if isinstance(kind, pa.FixedSizeListType)}
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


def _commonest_length(files: Sequence[InputFile]) -> int | None:
    for file in files:
        for _, batch in read_batches(file, ["embedding"], n_rows=_DIMENSION_SAMPLE_ROWS):
            lengths = Counter(pc.list_value_length(batch["embedding"]).drop_null().to_pylist())
            if lengths:
                return int(lengths.most_common(1)[0][0])
    return None


def _is_vector(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return pa.types.is_floating(kind.value_type)
    return False


def _is_time(kind: pa.DataType) -> bool:
    return pa.types.is_int64(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def _kind(kind: pa.DataType) -> str:
    if is_text(kind):
        return "text"
    return "boolean" if pa.types.is_boolean(kind) else "time"


def _is_filterable(kind: pa.DataType) -> bool:
    return is_text(kind) or pa.types.is_boolean(kind) or _is_time(kind)


_FILTERABLE = "string, bool, or a time: int64 (Unix seconds in UTC), timestamp or date"
_NO_FILTERS = frozenset({"pin_id", "embedding", "quality"})
_COLUMNS = (
    Column("pin_id", is_text, "string", required=True),
    Column("embedding", _is_vector, "a list of float16 or float32", required=True),
    Column("quality", pa.types.is_floating, "float32, from 0 to 1"),
    Column("title", is_text, "string"),
    Column("created_at", _is_time, "int64 (Unix seconds in UTC), timestamp or date"),
)
