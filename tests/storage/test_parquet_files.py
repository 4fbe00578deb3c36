"""Finding parquet input, checking its columns, reading its rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import DataError
from storage.parquet_files import Column, find_files, is_text, parquet_files, read_batches, readable

COLUMNS = (
    Column("name", is_text, "string", required=True),
    Column("size", pa.types.is_floating, "float32", required=True),
    Column("note", is_text, "string"),
)


def write(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


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


class TestColumns:
    """What a file has, compared with what it must and may have."""

    def test_files_are_found_with_their_columns(self, tmp_path: Path) -> None:
        """Only those asked for; an optional one that nobody filled in is there, of type null."""
        write(tmp_path / "a.parquet", name=["x"], size=[1.5], colour=["red"], note=pa.nulls(1))
        write(tmp_path / "b.parquet", size=[2.5, 3.5], name=pa.array(["y", "z"], pa.large_string()))
        first, second = find_files(tmp_path, COLUMNS, what="thing")
        assert (first.path.name, first.n_rows) == ("a.parquet", 1)
        assert first.types == {"name": pa.string(), "size": pa.float64(), "note": pa.null()}
        assert (second.path.name, second.n_rows) == ("b.parquet", 2)
        assert second.types == {"name": pa.large_string(), "size": pa.float64()}

    @pytest.mark.parametrize(
        "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())], ids=str
    )
    def test_texts_are_texts_however_they_are_stored(self, kind: pa.DataType) -> None:
        """Dictionary-encoded ones too; bytes and numbers are none."""
        assert is_text(kind)
        assert not is_text(pa.binary())
        assert not is_text(pa.dictionary(pa.int8(), pa.int64()))

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            (
                {"name": ["x"], "weight": [1.5]},
                "has no column 'size'. Things need name and size, and may have note; it has: name, weight",
            ),
            ({"name": [1], "size": [1.5]}, ": column 'name' is int64; write it as string"),
            ({"name": pa.nulls(1), "size": [1.5]}, ": column 'name' is null; write it as string"),
            ({"name": ["x"], "size": [1.5], "note": [7]}, ": column 'note' is int64; write it as string"),
            (
                {"name": pa.array([], pa.string()), "size": pa.array([], pa.float32())},
                "holds no thing: it has no row",
            ),
        ],
        ids=["missing", "wrong type", "required but null", "optional of a wrong type", "no row"],
    )
    def test_a_file_that_will_not_do(self, tmp_path: Path, columns: dict[str, Any], message: str) -> None:
        """It says which column, what it is and what to write."""
        path = write(tmp_path / "a.parquet", **columns)
        with pytest.raises(DataError) as caught:
            find_files(path, COLUMNS, what="thing")
        assert str(caught.value).removeprefix(str(path)).strip() == message

    def test_a_column_that_is_there_twice(self, tmp_path: Path) -> None:
        """A join that kept both keys: nobody can tell which is meant."""
        names = ["name", "size", "name"]
        table = pa.Table.from_arrays([pa.array(["x"]), pa.array([1.5]), pa.array(["y"])], names=names)
        pq.write_table(table, tmp_path / "a.parquet")
        with pytest.raises(DataError, match=r"/a\.parquet has 2 columns 'name': keep one of them$"):
            find_files(tmp_path, COLUMNS, what="thing")


class TestRows:
    """Reading a file's rows."""

    def test_rows_come_in_batches_with_their_numbers(self, tmp_path: Path) -> None:
        """In order; a column that the file does not have is passed over."""
        path = write(tmp_path / "a.parquet", name=list("abcde"), size=[1.0, 2.0, 3.0, 4.0, 5.0])
        (file,) = find_files(path, COLUMNS, what="thing")
        batches = [
            (first, batch.to_pydict()) for first, batch in read_batches(file, ["name", "note"], n_rows=2)
        ]
        assert batches == [(0, {"name": ["a", "b"]}), (2, {"name": ["c", "d"]}), (4, {"name": ["e"]})]

    def test_a_text_that_is_not_utf_8_is_named(self, tmp_path: Path) -> None:
        """Column and rows: a person can look there."""
        offsets, content = np.array([0, 1, 2, 3], np.int32).tobytes(), b"a\xffb"
        texts = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(offsets), pa.py_buffer(content)])
        path = write(tmp_path / "a.parquet", name=list("xyz"), size=[1.0, 2.0, 3.0], note=texts)
        (file,) = find_files(path, COLUMNS, what="thing")
        message = rf"^{path}: column 'note', rows 1 to 1, cannot be read: Invalid UTF8 sequence"
        with pytest.raises(DataError, match=message):
            list(read_batches(file, ["name", "note"], n_rows=1))

    def test_a_file_is_never_held_in_memory_as_a_whole(self, tmp_path: Path) -> None:
        """Not even by its last row: Arrow holds about a row group of the twenty."""
        size = np.random.default_rng(0).random(400_000)
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"name": ["x"] * len(size), "size": size}), path, row_group_size=20_000)
        (file,) = find_files(path, COLUMNS, what="thing")
        before = pa.total_allocated_bytes()
        held = [pa.total_allocated_bytes() - before for _ in read_batches(file, ["size"], n_rows=1_000)]
        assert max(held) < path.stat().st_size / 4
