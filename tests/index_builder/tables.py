"""Pin files as people might write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from process.progress import Reporter
from storage.rejects import Rejects

QUIET = Reporter(quiet=True)


def circle(angles: Sequence[float]) -> NDArray[np.float32]:
    """float32 [n, 2]: the cosine of two pins is that of the angle between them."""
    radians = np.deg2rad(np.array(angles, np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def vectors(rows: Any, *, kind: pa.DataType | None = None) -> "pa.Array[Any]":
    """An embedding column; `kind` defaults to a fixed_size_list of float32 as long as the first row."""
    rows = rows.tolist() if isinstance(rows, np.ndarray) else rows
    return pa.array(rows, kind or pa.list_(pa.float32(), len(rows[0])))


def write(path: Path, **columns: Any) -> Path:
    """Write a parquet file of these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def write_circle(path: Path, angles: Sequence[float], **columns: Any) -> Path:
    """Pins on a circle; a pin's id is its angle with a letter."""
    pin_ids = [f"{angle}N" for angle in angles]
    return write(path, pin_id=pin_ids, embedding=vectors(circle(angles)), **columns)


def rejects_at(tmp_path: Path) -> Rejects:
    return Rejects(tmp_path / "rejects.jsonl")
