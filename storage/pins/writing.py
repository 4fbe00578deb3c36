"""Writes the files of one version of the pins, in blocks, so that a full disk is an error, no crash."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.pins.columns import Column, write_columns
from storage.pins.hnsw import Hnsw
from storage.pins.ids import id_table
from storage.pins.layout import COLUMNS, EMBEDDINGS, IDS, INDEX, PINS, REPRESENTATIVE

_BLOCK_ROWS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRows:
    """All valid pins in the order of their rows, the refined pool first.

    Attributes:
        pin_ids: n distinct ids.
        titles: n titles, or None when the data has none.
        embeddings: float16 [n, d], unit norm.
        representatives: int32 [n]: the refined row that stands for each, or NO_ROW.
        columns: The filter columns, by name: texts (large_string), int64 Unix seconds or booleans.
    """

    pin_ids: pa.LargeStringArray
    titles: pa.LargeStringArray | None
    embeddings: NDArray[np.float16]
    representatives: NDArray[np.int32]
    columns: Mapping[str, Column] = field(default_factory=dict)


def write_pins(folder: Path, pins: PinRows, index: Hnsw) -> None:
    """Write every file of the version into the folder.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
    """
    write_ids(folder, pins.pin_ids, pins.titles)
    _write_array(folder / REPRESENTATIVE, pins.representatives)
    _write_array(folder / EMBEDDINGS, pins.embeddings)
    if pins.columns:
        write_columns(folder / COLUMNS, pins.columns)
    index.save(folder / INDEX)


def write_ids(folder: Path, pin_ids: pa.LargeStringArray, titles: pa.LargeStringArray | None) -> None:
    """Write the two files of a version that know what pins are called.

    Args:
        folder: The version's.
        pin_ids: n distinct ids, by row.
        titles: n titles, or None when the data has none.

    Raises:
        OSError: As `write_pins`.
    """
    columns = {"pin_id": pin_ids} | ({} if titles is None else {"title": titles})
    table = pa.table(columns)
    with (folder / PINS).open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    _write_array(folder / IDS, id_table(cast(list[str], pin_ids.to_pylist())))


def _write_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write an .npy file. Not numpy.save, which hides why it failed; not a map, which a full disk kills."""
    header = np.lib.format.header_data_from_array_1_0(np.ascontiguousarray(array))
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(array), _BLOCK_ROWS):
            file.write(np.ascontiguousarray(array[start : start + _BLOCK_ROWS]).data)
