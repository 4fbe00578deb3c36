"""Which rows of a batch are valid pins, and what is wrong with each of the others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MAX_ID_BYTES = 128
LATEST_S = 4_102_444_800
"""2100-01-01. A later time is impossible: most likely it is in milliseconds."""

Mask = NDArray[np.bool_]
Column: TypeAlias = "pa.Array[Any]"


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows of a batch with one fault.

    Attributes:
        reason: A few words, the same for every row with this fault.
        where: bool [n].
        value: What to show of a row.
    """

    reason: str
    where: Mask
    value: Callable[[int], float | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A batch's rows, each judged by itself.

    Attributes:
        faults: A row's reason is the first that holds for it.
        valid: bool [n]: the rows without any.
        vectors: float16 [n_valid, d], unit norm.
    """

    faults: tuple[Fault, ...]
    valid: Mask
    vectors: NDArray[np.float16]

    def fault(self, row: int) -> tuple[str, float | None]:
        """The reason for which an invalid row is rejected, and the value to show."""
        first = next(fault for fault in self.faults if fault.where[row])
        return first.reason, first.value(row)


def check_batch(batch: pa.RecordBatch, dimension: int) -> CheckedBatch:
    """Judge the rows of a batch whose columns are of the right types, times as int64 Unix seconds."""
    faults = _id_faults(batch["pin_id"]) + _shape_faults(batch["embedding"], dimension)
    if "quality" in batch.schema.names:
        faults += _quality_faults(batch["quality"])
    if "created_at" in batch.schema.names:
        faults += _time_faults(batch["created_at"])
    well_formed = _without(faults)
    vectors = _vectors(batch["embedding"], well_formed, dimension)
    faults += _number_faults(vectors, well_formed)
    valid = _without(faults)
    return CheckedBatch(tuple(faults), valid, unit_vectors(vectors[valid[well_formed]]))


def unit_vectors(vectors: NDArray[np.float64]) -> NDArray[np.float16]:
    """float16 [n, d] of norm 1 for finite vectors [n, d], none of them zero, however long or short."""
    scaled = vectors / np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    unit: NDArray[np.float64] = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return unit.astype(np.float16)


def _id_faults(pin_ids: Column) -> list[Fault]:
    n_bytes = _numbers(pc.binary_length(cast(pa.LargeStringArray, pin_ids)))
    return [
        Fault("no id", np.isnan(n_bytes) | (n_bytes == 0)),
        Fault(f"id longer than {MAX_ID_BYTES} bytes", n_bytes > MAX_ID_BYTES, _whole(n_bytes)),
    ]


def _shape_faults(embeddings: Column, dimension: int) -> list[Fault]:
    lengths = _numbers(pc.list_value_length(embeddings))
    return [
        Fault("no embedding", np.isnan(lengths)),
        Fault("wrong dimension", lengths != dimension, _whole(lengths)),
    ]


def _quality_faults(quality: Column) -> list[Fault]:
    values = _numbers(quality)
    return [
        Fault("no quality", _is_null(quality)),
        # Also true of NaN, which is on no side of any number.
        Fault("quality outside [0, 1]", ~((values >= 0) & (values <= 1)), lambda row: float(values[row])),
    ]


def _time_faults(created_at: Column) -> list[Fault]:
    """Of int64 seconds. Earlier than 1970 is possible: films and paintings are."""
    times_s = created_at.fill_null(0).to_numpy()
    return [
        Fault("created_at after 2100 (not in seconds?)", times_s > LATEST_S, lambda row: int(times_s[row]))
    ]


def _number_faults(vectors: NDArray[np.float64], well_formed: Mask) -> list[Fault]:
    def fault(reason: str, bad: Mask) -> Fault:
        where = np.zeros(len(well_formed), np.bool_)
        where[well_formed] = bad
        return Fault(reason, where)

    return [
        fault("NaN in the embedding", _any_in_row(np.isnan(vectors))),
        fault("infinity in the embedding", _any_in_row(np.isinf(vectors))),
        fault("zero vector", ~_any_in_row(vectors != 0)),
    ]


def _vectors(embeddings: Column, chosen: Mask, dimension: int) -> NDArray[np.float64]:
    """float64 [n_chosen, d]; a null element is NaN."""
    elements = cast("pa.ListArray[Any]", embeddings.filter(pa.array(chosen))).flatten()
    return _numbers(elements).reshape(-1, dimension)


def _without(faults: list[Fault]) -> Mask:
    """The rows without any of the faults: bool [n]."""
    return ~_any_in_row(np.stack([fault.where for fault in faults], axis=1))


def _any_in_row(mask: Mask) -> Mask:
    found: Mask = np.logical_or.reduce(mask, axis=1)
    return found


def _numbers(column: Column) -> NDArray[np.float64]:
    """float64 [n], NaN for null."""
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _is_null(column: Column) -> Mask:
    null: Mask = column.is_null().to_numpy(zero_copy_only=False)
    return null


def _whole(numbers: NDArray[np.float64]) -> Callable[[int], int]:
    return lambda row: int(numbers[row])
