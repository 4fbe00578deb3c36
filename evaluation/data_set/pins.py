"""The pins of a data set: ids, unit vectors and titles, read file by file; bad rows are written out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from process.progress import Reporter
from storage.errors import DataError
from storage.parquet_files import Column, InputFile, find_files, is_text, read_batches
from storage.rejects import Rejects

_BATCH_ROWS = 1 << 11
"""So few that their vectors, as float64, stay in a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPins:
    """The valid pins of a data set, in its order.

    Attributes:
        pin_ids: n distinct ids.
        vectors: float16 [n, d], unit norm.
        titles: n texts, empty where one is missing; None when the data has none.
    """

    pin_ids: pa.LargeStringArray
    vectors: NDArray[np.float16]
    titles: Sequence[str] | None

    def __len__(self) -> int:
        return len(self.pin_ids)

    def names(self) -> list[str]:
        """What people may call each pin: its title, or its id where it has none."""
        pin_ids = cast(list[str], self.pin_ids.to_pylist())
        if self.titles is None:
            return pin_ids
        return [title or pin_id for title, pin_id in zip(self.titles, pin_ids, strict=True)]


def read_pins(path: Path, rejects: Rejects, reporter: Reporter) -> PoolPins:
    """Read a parquet file of pins, or a folder of them. The first pin of an id wins.

    Raises:
        DataError: The input cannot be read as pins, or holds no valid one.
    """
    files = find_files(path, _COLUMNS, what="pin")
    n_rows = sum(file.n_rows for file in files)
    reading = _Reading(n_rows, _dimension(files), rejects)
    with reporter.step("Read pins", n_rows) as step:
        for file in files:
            for first_row, batch in read_batches(file, list(file.types), n_rows=_BATCH_ROWS):
                reading.add(file.path, first_row, batch)
                step.advance(len(batch))
    if not len(reading):
        raise DataError(
            f"{path} holds no valid pin: every row was rejected. They are listed in {rejects.path}"
        )
    return reading.pins()


class _Reading:
    """The valid pins so far."""

    def __init__(self, n_rows: int, dimension: int, rejects: Rejects) -> None:
        self._vectors = np.empty((n_rows, dimension), np.float16)
        self._rejects = rejects
        self._known: set[str] = set()
        self._pin_ids: list[str] = []
        self._titles: list[str] = []
        self._has_titles = False

    def __len__(self) -> int:
        return len(self._pin_ids)

    def add(self, path: Path, first_row: int, batch: pa.RecordBatch) -> None:
        """Keep the batch's valid pins; say of every other row why not."""
        pin_ids = cast(list[str | None], batch["pin_id"].to_pylist())
        vectors, faults = _unit_vectors(batch["embedding"], self._vectors.shape[1])
        kept = []
        for at, (pin_id, fault) in enumerate(zip(pin_ids, faults.tolist(), strict=True)):
            reason = fault or self._id_fault(pin_id)
            if pin_id is None or reason:
                self._rejects.add(file=str(path), row=first_row + at, reason=reason, pin_id=pin_id)
            else:
                self._known.add(pin_id)
                self._pin_ids.append(pin_id)
                kept.append(at)
        self._vectors[len(self) - len(kept) : len(self)] = vectors[kept]
        titles = self._titles_of(batch)
        self._titles.extend(titles[at] for at in kept)

    def pins(self) -> PoolPins:
        return PoolPins(
            pin_ids=pa.array(self._pin_ids, pa.large_string()),
            vectors=self._vectors[: len(self)],
            titles=self._titles if self._has_titles else None,
        )

    def _titles_of(self, batch: pa.RecordBatch) -> list[str]:
        if "title" not in batch.schema.names:
            return [""] * len(batch)
        self._has_titles = True
        return [title or "" for title in batch["title"].to_pylist()]

    def _id_fault(self, pin_id: str | None) -> str:
        if not pin_id:
            return "no id"
        return "duplicate id" if pin_id in self._known else ""


def _unit_vectors(column: "pa.Array[Any]", d: int) -> tuple[NDArray[np.float16], NDArray[np.str_]]:
    """float16 [n, d] of norm 1, and what is wrong with each row: "" where nothing is."""
    lengths = pc.list_value_length(column).fill_null(-1).to_numpy(zero_copy_only=False)
    vectors = np.full((len(column), d), np.nan)
    right = lengths == d
    elements = cast("pa.ListArray[Any]", column.filter(pa.array(right))).flatten()
    vectors[right] = elements.cast(pa.float64()).to_numpy(zero_copy_only=False).reshape(-1, d)
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    faults = np.select(
        [lengths < 0, lengths != d, ~np.isfinite(largest[:, 0]), largest[:, 0] == 0],
        ["no embedding", "wrong dimension", "NaN or infinity in the embedding", "zero vector"],
        "",
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = vectors / largest
        return (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float16), faults


def _dimension(files: Sequence[InputFile]) -> int:
    """The length of the first embedding that has one; others are bad rows."""
    for lengths in _lengths(files):
        if len(lengths) and lengths[0]:
            return int(lengths[0])
    raise DataError(f"{files[0].path}: no embedding among its rows; each is a list of float16 or float32")


def _lengths(files: Sequence[InputFile]) -> Iterator[NDArray[np.int64]]:
    for file in files:
        for _, batch in read_batches(file, ["embedding"], n_rows=_BATCH_ROWS):
            yield pc.list_value_length(batch["embedding"]).drop_null().to_numpy(zero_copy_only=False)


def _is_vector(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return pa.types.is_floating(kind.value_type)
    return False


_COLUMNS = (
    Column("pin_id", is_text, "string", required=True),
    Column("embedding", _is_vector, "a list of float16 or float32", required=True),
    Column("title", is_text, "string"),
)
