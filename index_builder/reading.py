"""Reads pins in batches, keeps the valid ones, and counts and writes out the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from index_builder.columns import PinFiles, find_pin_files
from index_builder.known_ids import KnownIds
from index_builder.validating import Column, check_batch
from process.progress import Reporter
from storage.errors import DataError
from storage.parquet_files import InputFile, is_text, read_batches
from storage.rejects import Rejects

_BATCH_ROWS = 8_192
UNKNOWN_TIME_S = np.iinfo(np.int64).max

Reject = Callable[[int, str, float | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidPins:
    """The valid pins of an input, in its order: n of `n_read` rows.

    Attributes:
        n_read: Rows read.
        pin_ids: n distinct ids.
        embeddings: float16 [n, d], unit norm.
        titles: n titles, empty where one is missing; None when the data has none.
        quality: float64 [n] in [0, 1]; None when the data has none.
        created_at_s: int64 [n], Unix seconds, UNKNOWN_TIME_S where one is missing; None when the data has
            none.
        filter_columns: n values each, by name: texts (large_string), int64 Unix seconds or booleans, null
            where one is missing.
    """

    n_read: int
    pin_ids: pa.LargeStringArray
    embeddings: NDArray[np.float16]
    titles: pa.LargeStringArray | None
    quality: NDArray[np.float64] | None
    created_at_s: NDArray[np.int64] | None
    filter_columns: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pin_ids)


def read_pins(
    path: Path,
    rejects: Rejects,
    reporter: Reporter,
    *,
    max_reject_share: float,
    filter_columns: Sequence[str] = (),
) -> ValidPins:
    """Read a parquet file of pins, or a folder of them. The first pin of an id wins.

    Raises:
        DataError: The input cannot be read as pins, or holds no valid one.
        TooManyRejectsError: More than `max_reject_share` of the rows are bad.
    """
    files = find_pin_files(path, filter_columns)
    collected = _Collected(files)
    with reporter.step("Read pins", files.n_rows) as step:
        for file, first_row, batch in _batches(files):
            collected.add(batch, _rejecter(rejects, file.path, first_row, batch))
            step.advance(len(batch))
    rejects.check(files.n_rows, max_reject_share)
    if not len(collected):
        raise DataError(
            f"{path} holds no valid pin: every row was rejected. They are listed in {rejects.path}"
        )
    return collected.as_pins()


def _batches(files: PinFiles) -> Iterator[tuple[InputFile, int, pa.RecordBatch]]:
    """The rows of all files in order, some thousands at a time, with the first one's number in its file."""
    for file in files.files:
        for first_row, batch in read_batches(file, sorted(files.columns), n_rows=_BATCH_ROWS):
            yield file, first_row, _plain(batch)


def _rejecter(rejects: Rejects, path: Path, first_row: int, batch: pa.RecordBatch) -> Reject:
    """Rejects rows of one batch by their number within it."""

    def reject(row: int, reason: str, value: float | None) -> None:
        pin_id = batch["pin_id"][row].as_py()
        rejects.add(file=str(path), row=first_row + row, reason=reason, pin_id=pin_id, value=value)

    return reject


class _Collected:
    """The valid pins so far. Vectors go straight to their place: there is never a second copy of the pool."""

    def __init__(self, files: PinFiles) -> None:
        self._embeddings = _room_for(files.n_rows, files.dimension)
        self._n_read = files.n_rows
        self._filter_columns = files.filter_columns
        self._known = KnownIds()
        self._parts: dict[str, list[Column]] = {name: [] for name in files.columns - {"embedding"}}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, batch: pa.RecordBatch, reject: Reject) -> None:
        """Keep the batch's valid pins; say of every other row why not."""
        checked = check_batch(batch, self._embeddings.shape[1])
        is_kept = checked.valid.copy()
        pin_ids = batch["pin_id"].filter(pa.array(checked.valid))
        is_kept[checked.valid] = self._known.add(cast(pa.LargeStringArray, pin_ids))
        for row in np.flatnonzero(~is_kept).tolist():
            if checked.valid[row]:
                reject(row, "duplicate id", None)
            else:
                reject(row, *checked.fault(row))
        self._keep(batch.filter(pa.array(is_kept)), checked.vectors[is_kept[checked.valid]])

    def _keep(self, batch: pa.RecordBatch, vectors: NDArray[np.float16]) -> None:
        last = len(self)
        self._embeddings[last - len(batch) : last] = vectors
        for name, parts in self._parts.items():
            parts.append(batch[name])

    def as_pins(self) -> ValidPins:
        columns = {name: pa.concat_arrays(parts) for name, parts in self._parts.items()}
        titles, quality, created_at = (columns.get(name) for name in ("title", "quality", "created_at"))
        return ValidPins(
            n_read=self._n_read,
            pin_ids=cast(pa.LargeStringArray, columns["pin_id"]),
            embeddings=self._embeddings[: len(self)],
            titles=None if titles is None else cast(pa.LargeStringArray, titles.fill_null("")),
            quality=None if quality is None else quality.to_numpy(),
            created_at_s=None if created_at is None else created_at.fill_null(UNKNOWN_TIME_S).to_numpy(),
            filter_columns={name: columns[name] for name in self._filter_columns},
        )


def _room_for(n: int, d: int) -> NDArray[np.float16]:
    """float16 [n, d], not filled yet."""
    try:
        return np.empty((n, d), np.float16)
    except (MemoryError, ValueError) as error:
        raise DataError(
            f"{n:,} pins of {d:,} dimensions need {2 * n * d / 1e9:,.0f} GB of memory, which are not to "
            "be had here: build on a larger machine."
        ) from error


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its texts as large_string, its times as int64 seconds and its quality as float64."""
    return pa.record_batch({name: _PLAIN.get(name, _attribute)(batch[name]) for name in batch.schema.names})


def _same(column: Column) -> Column:
    return column


def _text(column: Column) -> Column:
    return column.cast(pa.large_string())


def _seconds(column: Column) -> Column:
    if pa.types.is_int64(column.type):
        return column
    return column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())


def _attribute(column: Column) -> Column:
    """A column to filter by."""
    if is_text(column.type):
        return _text(column)
    return column if pa.types.is_boolean(column.type) else _seconds(column)


def _number(column: Column) -> Column:
    return column.cast(pa.float64())


_PLAIN = {"pin_id": _text, "embedding": _same, "title": _text, "created_at": _seconds, "quality": _number}
