"""Rows of the archive as parquet files, one a day, each whole or not there."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.parameters import SECONDS_PER_DAY
from storage.syncing import sync


def write_files(rows: pa.Table, folder: Path, name: str, *, draft: Path) -> None:
    """Write rows to FOLDER/date=YYYY-MM-DD/NAME.parquet, by the day (UTC) of their timestamps.

    Args:
        rows: With a column `timestamp`, Unix seconds; those of a day stay in order.
        folder: The archive.
        name: Files of that name are replaced.
        draft: Where a file is written before it is shown; on the same disk.

    Raises:
        OSError: The disk refused; some days may have their files.
    """
    days = rows["timestamp"].to_numpy() // SECONDS_PER_DAY
    order = np.argsort(days, kind="stable")
    by_day = rows.take(order)
    found, starts, counts = np.unique(days[order], return_index=True, return_counts=True)
    # Whatever times clients make up, one file is open at a time.
    for day, start, n_rows in zip(found.tolist(), starts.tolist(), counts.tolist(), strict=True):
        pq.write_table(by_day.slice(start, n_rows), draft, compression="zstd")
        _show(draft, folder / f"date={datetime.fromtimestamp(day * SECONDS_PER_DAY, UTC):%Y-%m-%d}", name)


def _show(draft: Path, folder: Path, name: str) -> None:
    sync(draft)
    if not folder.exists():
        folder.mkdir()
        sync(folder.parent)
    draft.replace(folder / f"{name}.parquet")
    sync(folder)
