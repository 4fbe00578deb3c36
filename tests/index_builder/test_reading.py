"""Reading pins: everything a file may get wrong, with the words a person sees."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index_builder import reading
from index_builder.columns import PinFiles
from index_builder.reading import UNKNOWN_TIME_S, ValidPins, read_pins
from storage.errors import DataError, TooManyRejectsError
from tests.index_builder.tables import QUIET, circle, rejects_at, vectors, write, write_circle


def read(path: Path, tmp_path: Path, *, max_reject_share: float = 1.0) -> ValidPins:
    with rejects_at(tmp_path) as rejects:
        return read_pins(path, rejects, QUIET, max_reject_share=max_reject_share)


def rejected(tmp_path: Path) -> list[tuple[int, str | None, str]]:
    lines = map(json.loads, (tmp_path / "rejects.jsonl").read_text().splitlines())
    return [(line["row"], line["id"], line["reason"]) for line in lines]


class TestGoodInput:
    """Every type that is allowed."""

    @pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
    @pytest.mark.parametrize("number", [pa.float16(), pa.float32(), pa.float64()])
    @pytest.mark.parametrize("shape", [lambda t: pa.list_(t, 2), pa.list_, pa.large_list])
    def test_texts_and_vectors_of_every_type(
        self, tmp_path: Path, text: pa.DataType, number: pa.DataType, shape: Any
    ) -> None:
        """They are the same pins."""
        rows = [[np.float16(x) for x in row] for row in ([1, 0], [0, 2], [-3, 0])]
        path = write(
            tmp_path / "pins.parquet",
            pin_id=pa.array(["85123A", "b", "c"]).cast(text),
            title=pa.array(["One", None, "Three"]).cast(text),
            embedding=pa.array(rows, pa.list_(pa.float16(), 2)).cast(shape(number)),
            some_extra_column=[1, 2, 3],
        )
        pins = read(path, tmp_path)
        assert pins.pin_ids.to_pylist() == ["85123A", "b", "c"]
        assert pins.titles is not None
        assert pins.titles.to_pylist() == ["One", "", "Three"]
        assert pins.embeddings.dtype == np.float16
        assert pins.embeddings.tolist() == [[1, 0], [0, 1], [-1, 0]]
        assert (pins.n_read, pins.quality, pins.created_at_s) == (3, None, None)

    @pytest.mark.parametrize(
        "times",
        [
            pa.array([86_400, None], pa.int64()),
            pa.array([datetime(1970, 1, 2, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
            pa.array([datetime(1970, 1, 2), None], pa.timestamp("ns")),
            pa.array([date(1970, 1, 2), None], pa.date32()),
            pa.array([date(1970, 1, 2), None], pa.date64()),
        ],
        ids=lambda times: str(times.type),
    )
    def test_times_of_every_type(self, tmp_path: Path, times: Any) -> None:
        """Unix seconds in the end; a missing one comes after every other."""
        pins = read(write_circle(tmp_path / "p.parquet", [0, 90], created_at=times), tmp_path)
        assert pins.created_at_s is not None
        assert pins.created_at_s.tolist() == [86_400, UNKNOWN_TIME_S]

    def test_a_folder_of_files(self, tmp_path: Path) -> None:
        """In order of their names, rejects with their file and the row within it."""
        write_circle(tmp_path / "in" / "b.parquet", [20, 0])
        write_circle(tmp_path / "in" / "a" / "x.parquet", [0, 10])
        pins = read(tmp_path / "in", tmp_path)
        assert pins.pin_ids.to_pylist() == ["0N", "10N", "20N"]
        line = json.loads((tmp_path / "rejects.jsonl").read_text())
        assert (line["file"], line["row"]) == (str(tmp_path / "in" / "b.parquet"), 1)

    def test_a_column_nobody_filled_in_is_no_column(self, tmp_path: Path) -> None:
        """Data frames write one of type null."""
        pins = read(
            write_circle(tmp_path / "p.parquet", [0, 90], quality=pa.nulls(2), title=pa.nulls(2)), tmp_path
        )
        assert (pins.quality, pins.titles) == (None, None)

    def test_a_file_in_which_nobody_filled_in_a_column_goes_with_the_others(self, tmp_path: Path) -> None:
        """A data frame written in parts has columns of type null in some; their rows have no value."""
        write_circle(tmp_path / "in" / "a.parquet", [0], title=pa.nulls(1), created_at=pa.nulls(1))
        write_circle(tmp_path / "in" / "b.parquet", [90], title=["North"], created_at=[86_400])
        write_circle(tmp_path / "in" / "c.parquet", [180], title=pa.nulls(1), created_at=pa.nulls(1))
        pins = read(tmp_path / "in", tmp_path)
        assert pins.titles is not None
        assert pins.titles.to_pylist() == ["", "North", ""]
        assert pins.created_at_s is not None
        assert pins.created_at_s.tolist() == [UNKNOWN_TIME_S, 86_400, UNKNOWN_TIME_S]

    @pytest.mark.parametrize("rows", [1, 2, 3, 1_000])
    def test_batches_do_not_show(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
        """The same pins and rejects in batches of any size."""
        path = write(
            tmp_path / "p.parquet",
            pin_id=["a", "b", "a", None, "c"],
            embedding=vectors(circle([0, 10, 20, 30, 40])),
            quality=pa.array([0.1, 0.2, 0.3, 0.4, 0.5], pa.float32()),
            title=list("ABCDE"),
        )
        monkeypatch.setattr(reading, "_BATCH_ROWS", rows)
        pins = read(path, tmp_path)
        assert pins.pin_ids.to_pylist() == ["a", "b", "c"]
        assert pins.titles is not None
        assert pins.titles.to_pylist() == ["A", "B", "E"]
        assert pins.quality is not None
        np.testing.assert_allclose(pins.quality, [0.1, 0.2, 0.5])
        np.testing.assert_allclose(pins.embeddings, circle([0, 10, 40]), atol=1e-3)
        assert rejected(tmp_path) == [(2, "a", "duplicate id"), (3, None, "no id")]


class TestBadRows:
    """Rows that are rejected, counted and written out."""

    def test_the_first_valid_pin_of_an_id_wins(self, tmp_path: Path) -> None:
        """A broken first one does not shadow a good second one."""
        path = write(
            tmp_path / "p.parquet",
            pin_id=["a", "a", "a"],
            embedding=vectors([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),
        )
        assert read(path, tmp_path).embeddings.tolist() == [[0, 1]]
        assert rejected(tmp_path) == [(0, "a", "zero vector"), (2, "a", "duplicate id")]

    def test_vectors_of_another_dimension_are_bad_rows(self, tmp_path: Path) -> None:
        """Where the type does not fix it, the commonest length is the dimension."""
        rows = [[1.0], None, [1.0, 0.0], [0.0, 1.0], []]
        path = write(
            tmp_path / "p.parquet", pin_id=list("abcde"), embedding=vectors(rows, kind=pa.list_(pa.float32()))
        )
        assert read(path, tmp_path).pin_ids.to_pylist() == ["c", "d"]
        assert rejected(tmp_path) == [
            (0, "a", "wrong dimension"),
            (1, "b", "no embedding"),
            (4, "e", "wrong dimension"),
        ]

    def test_times_in_milliseconds_are_detected(self, tmp_path: Path) -> None:
        """Old seconds are not taken for them: a film of 1927 was made before 1970."""
        times_s = [-1_350_000_000, 0, 1_700_000_000, 1_700_000_000_000]
        path = write_circle(tmp_path / "p.parquet", [0, 90, 180, 270], created_at=times_s)
        pins = read(path, tmp_path)
        assert pins.created_at_s is not None
        assert pins.created_at_s.tolist() == times_s[:3]
        line = json.loads((tmp_path / "rejects.jsonl").read_text())
        assert (line["reason"], line["value"]) == (
            "created_at after 2100 (not in seconds?)",
            1_700_000_000_000,
        )

    def test_too_many_bad_rows_stop_the_build(self, tmp_path: Path) -> None:
        """With the share, the reasons and the file."""
        path = write(
            tmp_path / "p.parquet", pin_id=["a", "a", "b", None], embedding=vectors(circle([0, 1, 2, 3]))
        )
        message = (
            r"2 of 4 rows \(50\.0%\) were rejected, more than the 5\.0% allowed: 1 x duplicate id, 1 x no id"
        )
        with pytest.raises(TooManyRejectsError, match=message):
            read(path, tmp_path, max_reject_share=0.05)

    def test_no_valid_pin_at_all(self, tmp_path: Path) -> None:
        """Even if every share of rejects is allowed, there is nothing to build."""
        path = write(tmp_path / "p.parquet", pin_id=["a"], embedding=vectors([[0.0, 0.0]]))
        with pytest.raises(
            DataError, match=r"holds no valid pin: every row was rejected. They are listed in"
        ):
            read(path, tmp_path)


def refusal(path: Path, tmp_path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path, tmp_path)
    return str(caught.value).replace(str(tmp_path), "")


class TestBadFiles:
    """Files that are refused as a whole."""

    def test_no_file(self, tmp_path: Path) -> None:
        """A typing error."""
        message = refusal(tmp_path / "no.parquet", tmp_path)
        assert message == "/no.parquet does not exist: pins are a parquet file, or a folder of them"

    def test_not_parquet(self, tmp_path: Path) -> None:
        """A CSV file, perhaps."""
        (tmp_path / "pins.csv").write_text("pin_id,embedding\n")
        assert re.match(r"/pins\.csv cannot be read as parquet: ", refusal(tmp_path / "pins.csv", tmp_path))

    def test_damaged_in_the_middle(self, tmp_path: Path) -> None:
        """Its footer is whole, its data is not."""
        path = write_circle(tmp_path / "p.parquet", list(range(360)))
        content = bytearray(path.read_bytes())
        content[4:400] = bytes(396)
        path.write_bytes(content)
        assert re.match(r"/p\.parquet cannot be read as parquet: ", refusal(path, tmp_path))

    def test_no_row(self, tmp_path: Path) -> None:
        """An export that went wrong."""
        kind = pa.list_(pa.float32(), 2)
        path = write(tmp_path / "p.parquet", pin_id=pa.array([], pa.string()), embedding=pa.array([], kind))
        assert refusal(path, tmp_path) == "/p.parquet holds no pin: it has no row"

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            (
                {"id": ["a"], "embedding": vectors([[1.0]])},
                (
                    "has no column 'pin_id'. Pins need pin_id and embedding, and may have quality, title "
                    "and created_at; it has: id, embedding"
                ),
            ),
            (
                {"pin_id": ["a"], "vector": [1]},
                "has no column 'embedding'. Pins need pin_id and embedding, and",
            ),
        ],
    )
    def test_a_missing_column(self, tmp_path: Path, columns: dict[str, Any], message: str) -> None:
        """It says which there are: one of them may be meant."""
        assert message in refusal(write(tmp_path / "p.parquet", **columns), tmp_path)

    @pytest.mark.parametrize(
        ("column", "values", "message"),
        [
            ("pin_id", [1, 2], "column 'pin_id' is int64; write it as string"),
            ("pin_id", pa.nulls(2), "column 'pin_id' is null; write it as string"),
            ("title", [1, 2], "column 'title' is int64; write it as string"),
            (
                "embedding",
                ["a", "b"],
                "column 'embedding' is string; write it as a list of float16 or float32",
            ),
            (
                "embedding",
                [[1], [2]],
                "column 'embedding' is list<element: int64>; write it as a list of float16",
            ),
            ("quality", ["0.5", "0.7"], "column 'quality' is string; write it as float32, from 0 to 1"),
            ("quality", [0, 1], "column 'quality' is int64; write it as float32"),
            (
                "created_at",
                [0.5, 1.5],
                "column 'created_at' is double; write it as int64 (Unix seconds in UTC)",
            ),
        ],
    )
    def test_a_column_of_a_wrong_type(self, tmp_path: Path, column: str, values: Any, message: str) -> None:
        """It says the type and what to write."""
        columns = {"pin_id": ["a", "b"], "embedding": vectors(circle([0, 90])), column: values}
        refused = refusal(write(tmp_path / "p.parquet", **columns), tmp_path)
        assert f"/p.parquet: {message}" in refused.replace("item: int64", "element: int64")

    def test_more_pins_than_memory(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """It says how much they need."""
        path = write_circle(tmp_path / "p.parquet", [0])
        monkeypatch.setattr(PinFiles, "n_rows", 10**15)
        assert refusal(path, tmp_path) == (
            "1,000,000,000,000,000 pins of 2 dimensions need 4,000,000 GB of memory, which are not to be had "
            "here: build on a larger machine."
        )

    def test_files_of_different_dimensions(self, tmp_path: Path) -> None:
        """Two embedding models in one folder."""
        write(tmp_path / "in" / "a.parquet", pin_id=["a"], embedding=vectors([[1.0, 0.0]]))
        write(tmp_path / "in" / "b.parquet", pin_id=["b"], embedding=vectors([[1.0, 0.0, 0.0]]))
        assert refusal(tmp_path / "in", tmp_path) == (
            "/in/a.parquet has embeddings of 2 dimensions and /in/b.parquet of 3: "
            "all pins of one embedding space have the same"
        )

    def test_files_of_different_columns(self, tmp_path: Path) -> None:
        """A quality in one file and none in the other would rank pins by file."""
        write_circle(tmp_path / "in" / "a.parquet", [0])
        write_circle(tmp_path / "in" / "b.parquet", [90], quality=pa.array([0.9], pa.float32()))
        assert refusal(tmp_path / "in", tmp_path) == (
            "/in/b.parquet has a column 'quality' and /in/a.parquet does not: write it in all or none"
        )

    def test_the_first_file_that_holds_an_embedding_tells_the_dimension(self, tmp_path: Path) -> None:
        """However many come before it."""
        kind = pa.list_(pa.float32())
        write(tmp_path / "in" / "a.parquet", pin_id=["a"], embedding=vectors([None], kind=kind))
        write(tmp_path / "in" / "b.parquet", pin_id=["b"], embedding=vectors([[3.0, 4.0, 0.0]], kind=kind))
        assert read(tmp_path / "in", tmp_path).embeddings.shape == (1, 3)

    @pytest.mark.parametrize("rows", [[None, None], [[], []]])
    def test_no_embedding_to_tell_the_dimension_by(self, tmp_path: Path, rows: list[Any]) -> None:
        """An empty column of the right type."""
        path = write(
            tmp_path / "p.parquet", pin_id=["a", "b"], embedding=vectors(rows, kind=pa.list_(pa.float32()))
        )
        assert refusal(path, tmp_path) == (
            "/p.parquet: no embedding among the first rows; each is a list of float16 or float32"
        )
