"""Finding parquet input."""

from pathlib import Path

import pytest

from storage.errors import DataError
from storage.parquet_files import parquet_files, readable


def test_one_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    """A person who names a file means it."""
    path = tmp_path / "pins"
    path.touch()
    assert parquet_files(path, what="pins") == [path]


def test_a_folder_is_searched_in_a_fixed_order(tmp_path: Path) -> None:
    """Partitioned folders work; Spark's markers and unfinished files are passed over."""
    for name in (
        "b.parquet",
        "a/2.parquet",
        "a/1.parquet",
        "_temporary/0.parquet",
        ".x.parquet",
        "readme.md",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in parquet_files(tmp_path, what="pins")]
    assert found == ["a/1.parquet", "a/2.parquet", "b.parquet"]


def test_nothing_there_is_said(tmp_path: Path) -> None:
    """A wrong path and an empty folder are two different mistakes."""
    with pytest.raises(DataError, match=r"/no does not exist: pins are a parquet file, or a folder of them"):
        parquet_files(tmp_path / "no", what="pins")
    with pytest.raises(DataError, match=r"holds no \.parquet file"):
        parquet_files(tmp_path, what="pins")


def test_a_failing_read_names_its_file() -> None:
    """What the system says is kept, with the path in front."""
    with (
        pytest.raises(DataError, match=r"^/x/pins\.parquet cannot be read as parquet: .*disk"),
        readable(Path("/x/pins.parquet")),
    ):
        raise OSError("disk on fire")
