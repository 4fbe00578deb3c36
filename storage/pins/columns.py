"""The filter columns of one version: what each pin is, by row, and which pins pass a filter.

One Arrow IPC file, mapped into memory. Texts are dictionary-encoded (uint16 codes, uint32 where there are
more values), times are int64 Unix seconds, booleans are bitmaps; a pin without a value is null.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.pins.filters import KIND_OF, AnyOf, ColumnKind, Condition, Equals, Filter, NoneOf
from storage.pins.mapping import mapped_batch

Column: TypeAlias = "pa.Array[Any]"

_MOST_SHORT_CODES = np.iinfo(np.uint16).max
_TYPE_OF: dict[ColumnKind, pa.DataType] = {
    ColumnKind.TEXT: pa.large_string(),
    ColumnKind.TIME: pa.int64(),
    ColumnKind.BOOLEAN: pa.bool_(),
}


class FilterColumns(Protocol):
    """What pins can be filtered by."""

    @property
    def kinds(self) -> Mapping[str, ColumnKind]:
        """The columns' names, and what their values are."""
        ...

    def passing(self, asked: Filter) -> NDArray[np.bool_]:
        """Which candidates meet every condition: bool [n], by row; no row from n on is a candidate.

        Args:
            asked: Of columns that are here, each of the kind that its condition is for.
        """
        ...


class Columns:
    """The filter columns of n pins; immutable and safe for any number of threads.

    Args:
        columns: By name, each of n values: encoded texts, int64 seconds or booleans, as `encoded` has them.
        n_indexed: How many of the first pins can be candidates.
    """

    def __init__(self, columns: Mapping[str, Column], n_indexed: int) -> None:
        self.n_indexed = n_indexed
        self._columns = dict(columns)
        self.kinds: Mapping[str, ColumnKind] = MappingProxyType(
            {name: _kind(column.type) for name, column in columns.items()}
        )

    @classmethod
    def open(cls, path: Path, n: int, n_indexed: int) -> "Columns":
        """Map the file of the columns of n pins, of which the first `n_indexed` can be candidates.

        Raises:
            DamagedArtefactError: It cannot be read, or holds something else.
        """
        try:
            # The arrays keep the map alive: it goes with the last of them.
            _, batch = mapped_batch(path)
            columns = cls({name: batch[name] for name in batch.schema.names}, n_indexed)
        except (OSError, ValueError) as error:
            raise DamagedArtefactError(f"{path} cannot be read: {error}. Build again.") from error
        if len(batch) != n:
            raise DamagedArtefactError(
                f"{path} holds {len(batch):,} pins, its manifest says {n:,}. Build again."
            )
        return columns

    def passing(self, asked: Filter) -> NDArray[np.bool_]:
        """Which of the indexed pins meet every condition: bool [n_indexed].

        Args:
            asked: Of columns that are here, each of the kind that its condition is for.
        """
        n = self.n_indexed
        meets = np.ones(n, np.bool_)
        for condition in asked.conditions:
            column = self._columns[condition.column].slice(0, n)
            if self.kinds[condition.column] is not KIND_OF[type(condition)]:
                raise TypeError(f"{condition} asks what a {self.kinds[condition.column]} column cannot tell")
            meets &= _meeting(condition, column).to_numpy(zero_copy_only=False)
        return meets

    def values(self) -> dict[str, Column]:
        """What was encoded: texts (large_string), int64 Unix seconds and booleans, by name."""
        return {
            name: cast("pa.DictionaryArray[Any, Any]", column).dictionary_decode()
            if self.kinds[name] is ColumnKind.TEXT
            else column
            for name, column in self._columns.items()
        }


NO_COLUMNS = Columns({}, 0)


def encoded(columns: Mapping[str, Column], n_indexed: int) -> Columns:
    """Columns as the file holds them, from texts (large_string), int64 Unix seconds and booleans.

    Raises:
        ValueError: A column is of another type.
    """
    return Columns({name: _encoded(column) for name, column in columns.items()}, n_indexed)


def of_kinds(
    kinds: Mapping[str, ColumnKind], values: Mapping[str, Column], n: int, n_indexed: int
) -> Columns:
    """Columns of these kinds of n pins, of which the first `n_indexed` can be candidates.

    Args:
        kinds: By name.
        values: Of each pin, as `encoded` takes them. A column that is not here, or of another kind, is null.
        n: How many pins.
        n_indexed: How many of them, from the first, can be candidates.
    """
    columns: dict[str, Column] = {}
    for name, kind in kinds.items():
        unknown: Column = pa.nulls(n).cast(_TYPE_OF[kind])
        column = values.get(name, unknown)
        columns[name] = column if column.type == unknown.type else unknown
    return encoded(columns, n_indexed)


def fitting(kinds: Mapping[str, ColumnKind], values: Mapping[str, Column]) -> dict[str, Column]:
    """Those of the columns that are not of another kind than these say."""
    return {
        name: column
        for name, column in values.items()
        if name not in kinds or column.type == _TYPE_OF[kinds[name]]
    }


def write_columns(path: Path, columns: Mapping[str, Column]) -> None:
    """Write the file of `encoded` columns, in the order of their names.

    Raises:
        OSError: The disk is full, or the file cannot be written.
        ValueError: A column is of another type.
    """
    batch = pa.record_batch({name: _encoded(columns[name]) for name in sorted(columns)})
    with path.open("wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def _encoded(column: Column) -> Column:
    return _dictionary(column) if pa.types.is_large_string(column.type) else column


def _dictionary(texts: Column) -> Column:
    """Codes of the sorted distinct texts: the same pins make the same bytes."""
    distinct = texts.drop_null().unique()
    ordered: Column = distinct.take(pc.sort_indices(distinct))
    codes: Column = pc.index_in(texts, value_set=ordered, skip_nulls=True)
    code_type = pa.uint16() if len(ordered) <= _MOST_SHORT_CODES else pa.uint32()
    return pa.DictionaryArray.from_arrays(cast("pa.UInt32Array", codes.cast(code_type)), ordered)


def _kind(kind: pa.DataType) -> ColumnKind:
    if isinstance(kind, pa.DictionaryType) and pa.types.is_large_string(kind.value_type):
        return ColumnKind.TEXT
    if pa.types.is_int64(kind):
        return ColumnKind.TIME
    if pa.types.is_boolean(kind):
        return ColumnKind.BOOLEAN
    raise ValueError(f"a filter column of type {kind}")


def _meeting(condition: Condition, column: Column) -> Column:
    """Which rows meet it: booleans, none of them null."""
    if isinstance(condition, AnyOf):
        return _is_one_of(condition.values, column)
    if isinstance(condition, NoneOf):
        return pc.invert(_is_one_of(condition.values, column))
    if isinstance(condition, Equals):
        return pc.equal(column, pa.scalar(condition.value)).fill_null(False)
    meets: Column = column.is_valid()
    if condition.since_s is not None:
        meets = pc.and_kleene(meets, pc.greater_equal(column, pa.scalar(condition.since_s)))
    if condition.before_s is not None:
        meets = pc.and_kleene(meets, pc.less(column, pa.scalar(condition.before_s)))
    return meets.fill_null(False)


def _is_one_of(values: tuple[str, ...], column: Column) -> Column:
    texts = cast("pa.DictionaryArray[Any, Any]", column)
    is_wanted = pc.is_in(texts.dictionary, value_set=pa.array(values, pa.large_string()))
    return is_wanted.take(texts.indices).fill_null(False)
