"""Actions are found and read whole, or the person hears which file and column to mend."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profile_builder.columns import NO_TIME
from profile_builder.reading import ACTION, EVENT, PIN, USER, find_action_files, read_batches
from storage.errors import DataError
from tests.profile_builder.world import Act, write_actions

GOOD: dict[str, "pa.Array[Any]"] = {
    "user_id": pa.array(["ann", None], pa.string()),
    "pin_id": pa.array(["cat-1", "cat-2"], pa.large_string()),
    "timestamp": pa.array([7, None], pa.int64()),
    "action": pa.array(["save", "save"], pa.string()).dictionary_encode(),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "actions.parquet"


def test_columns_come_as_they_are_whatever_their_encoding(path: Path) -> None:
    """string, large_string and dictionary; missing values stay missing; extra columns are passed over."""
    pq.write_table(pa.table({**GOOD, "price": pa.array([1.5, 2.5])}), path)
    (batch,) = read_batches(find_action_files(path), (USER, PIN, ACTION, EVENT))

    assert batch.rows.tolist() == [0, 1]
    assert batch.times_s.tolist() == [7, NO_TIME]
    assert [batch.texts[USER][i] for i in range(2)] == ["ann", None]
    assert batch.texts[ACTION].distinct()[0] == ["save"]
    assert set(batch.texts) == {USER, PIN, ACTION}


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    """To any depth, without Spark's unfinished and marker files; rows count within their file."""
    for name in ("date=2013-11-02/b", "date=2013-11-01/c", "_temporary/x", "date=2013-11-01/.y"):
        write_actions(tmp_path / f"{name}.parquet", [Act(name, "cat-1"), Act(name, "cat-2")])
    (tmp_path / "_SUCCESS").touch()

    batches = list(read_batches(find_action_files(tmp_path), [USER]))
    assert [batch.texts[USER][0] for batch in batches] == ["date=2013-11-01/c", "date=2013-11-02/b"]
    assert [batch.rows.tolist() for batch in batches] == [[0, 1], [0, 1]]


def test_only_some_files_may_have_event_ids(tmp_path: Path) -> None:
    """A log that began to write them one day."""
    write_actions(tmp_path / "a.parquet", [Act("ann", "cat-1")])
    write_actions(tmp_path / "b.parquet", [Act("ann", "cat-1", event="e-1")], with_events=True)

    first, second = read_batches(find_action_files(tmp_path), [EVENT])
    assert EVENT not in first.texts
    assert second.texts[EVENT][0] == "e-1"


def test_event_ids_that_nobody_filled_in_are_none(path: Path) -> None:
    """A data frame then writes a column without a type."""
    pq.write_table(pa.table({**GOOD, "event_id": pa.nulls(2)}), path)
    (batch,) = read_batches(find_action_files(path), [EVENT])
    assert batch.texts[EVENT].n_bytes().tolist() == [0, 0]


def test_a_large_file_comes_in_batches(path: Path) -> None:
    """Row numbers go on from one to the next."""
    write_actions(path, [Act("ann", "cat-1")] * 100_000)
    batches = list(read_batches(find_action_files(path), [USER]))

    assert len(batches) > 1
    assert np.array_equal(np.concatenate([batch.rows for batch in batches]), np.arange(100_000))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("user_id", pa.array([1, 2]), "column 'user_id' is int64; write it as string"),
        ("pin_id", pa.array([1.5, 2.5]), "column 'pin_id' is double; write it as string"),
        ("action", pa.array([True, False]), "column 'action' is bool; write it as string"),
        ("event_id", pa.array([1, 2]), "column 'event_id' is int64; write it as string"),
        (
            "timestamp",
            pa.array([1, 2], pa.timestamp("ms")),
            "column 'timestamp' is timestamp[ms]; write it as int64, Unix seconds in UTC",
        ),
        ("timestamp", pa.array(["1", "2"]), "column 'timestamp' is string; write it as int64"),
        ("timestamp", pa.array([1.0, 2.0]), "column 'timestamp' is double; write it as int64"),
    ],
)
def test_a_column_of_a_wrong_type_is_named(
    path: Path, column: str, values: "pa.Array[Any]", message: str
) -> None:
    """Nothing is converted in silence."""
    pq.write_table(pa.table({**GOOD, column: values}), path)
    with pytest.raises(DataError) as refusal:
        find_action_files(path)
    assert str(refusal.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("column", GOOD)
def test_a_missing_column_is_named(path: Path, column: str) -> None:
    """Beside those that are needed and those that are there."""
    pq.write_table(pa.table({name: values for name, values in GOOD.items() if name != column}), path)
    with pytest.raises(DataError) as refusal:
        find_action_files(path)
    assert (
        f"{path} has no column {column!r}. Actions need user_id, pin_id, timestamp and action, and may have "
        "event_id; it has: " in str(refusal.value)
    )


def test_a_file_without_a_row_is_told(path: Path) -> None:
    """The columns alone are no actions."""
    pq.write_table(pa.table(GOOD).slice(0, 0), path)
    with pytest.raises(DataError, match="holds no action: it has no row"):
        find_action_files(path)


def test_what_is_not_parquet_is_told(path: Path) -> None:
    """A CSV under a wrong name."""
    path.write_text("user_id,pin_id\n")
    with pytest.raises(DataError, match=r"actions\.parquet cannot be read as parquet"):
        find_action_files(path)


def test_a_damaged_file_is_told(path: Path) -> None:
    """Its footer is good, its pages are not."""
    write_actions(path, [Act(f"user-{i}", "cat-1") for i in range(1_000)])
    files = find_action_files(path)
    content = bytearray(path.read_bytes())
    content[4:2_000] = bytes(1_996)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"actions\.parquet cannot be read as parquet"):
        list(read_batches(files, [USER]))


def test_ids_that_are_not_utf8_are_told(path: Path) -> None:
    """Ids are UTF-8 everywhere; better to hear it here than to lose a user."""
    bad = pa.array([b"ann", b"b\xffn"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({**GOOD, "user_id": bad}), path)
    with pytest.raises(DataError, match=r"column 'user_id', rows 0 to 1, cannot be read: .*UTF8"):
        list(read_batches(find_action_files(path), [USER]))


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    """And what could be."""
    with pytest.raises(
        DataError, match="nothing does not exist: actions are a parquet file, or a folder of them"
    ):
        find_action_files(tmp_path / "nothing")
