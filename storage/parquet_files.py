"""Parquet input: a file or a folder of them, found in a fixed order, every failure naming the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from storage.errors import DataError


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


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in path.parts)
