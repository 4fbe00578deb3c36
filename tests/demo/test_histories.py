"""What people did lately, from a file that a person can read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.histories import DAY_S, Histories

NEWEST_S = 1_700_000_000


@pytest.fixture
def actions(tmp_path: Path) -> Path:
    """Ann saved two pins and hid one, and one long ago; busy saved 70, easy-one 30 and zoe 20."""
    rows = [
        ("ann", "cat", NEWEST_S, "save"),
        ("ann", "dog", NEWEST_S - 3 * DAY_S, "save"),
        ("ann", "rat", NEWEST_S - DAY_S, "hide"),
        ("ann", "old", NEWEST_S - 90 * DAY_S, "save"),
        *(("busy", f"pin-{n}", NEWEST_S - n, "save") for n in range(70)),
        *(("easy-one", f"pin-{n}", NEWEST_S - n, "save") for n in range(30)),
        *(("zoe", f"pin-{n}", NEWEST_S - n, "save") for n in range(20)),
    ]
    names = ("user_id", "pin_id", "timestamp", "action")
    path = tmp_path / "actions.parquet"
    pq.write_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), path)
    return path


@pytest.mark.parametrize("hide", [-1.0, 0.0])
def test_a_history_is_the_newest_first(actions: Path, hide: float) -> None:
    """Days are counted back from the batch's end; the window of 90 days is open at its beginning.

    What is hidden or only seen makes no interest.
    """
    history = Histories(actions, {"save": 1.0, "hide": hide}, until_s=NEWEST_S).of("ann")
    assert [(action.pin_id, action.days_ago) for action in history] == [("cat", 0), ("dog", 3)]


def test_without_weights_every_action_counts(actions: Path) -> None:
    """A data set without a table of weights hides nothing."""
    assert [action.pin_id for action in Histories(actions, None, until_s=NEWEST_S).of("ann")] == [
        "cat",
        "rat",
        "dog",
    ]


def test_readable_people_come_first(actions: Path) -> None:
    """20 to 60 actions are easy to read, short names first; the others follow, the busiest first."""
    assert Histories(actions, None, until_s=NEWEST_S).readable_users() == ["zoe", "easy-one", "busy", "ann"]


def test_a_stranger_has_no_history(actions: Path) -> None:
    """Someone without actions is no error."""
    assert Histories(actions, None, until_s=NEWEST_S).of("nobody") == []


def written(folder: Path, rows: list[tuple[object, ...]]) -> Path:
    """Rows of user, pin and time, all saves, as a parquet file."""
    columns = dict(zip(("user_id", "pin_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True))
    path = folder / "actions.parquet"
    pq.write_table(pa.table({**columns, "action": ["save"] * len(rows)}), path)
    return path


def test_an_impossible_time_does_not_move_the_window(tmp_path: Path) -> None:
    """The batch does not believe an action of the year 2096; here it does not count either."""
    path = written(
        tmp_path, [("ann", "cat", NEWEST_S), ("ann", "dog", NEWEST_S), ("ann", "rat", 4_000_000_000)]
    )
    history = Histories(path, None, until_s=NEWEST_S).of("ann")
    assert {(action.pin_id, action.days_ago) for action in history} == {("cat", 0), ("dog", 0)}


def test_rows_that_no_batch_can_use_are_left_out(tmp_path: Path) -> None:
    """A missing, empty or long id is counted by the batch: nobody asks the server for it."""
    path = written(
        tmp_path,
        [
            ("ann", "cat", NEWEST_S),
            ("ann", None, NEWEST_S),
            ("ann", "", NEWEST_S),
            ("ann", "é" * 65, NEWEST_S),
            ("ann", "dog", None),
            (None, "cat", NEWEST_S),
            ("x" * 129, "cat", NEWEST_S),
            ("x" * 128, "é" * 64, NEWEST_S),
        ],
    )
    histories = Histories(path, None, until_s=NEWEST_S)
    assert sorted(histories.readable_users()) == ["ann", "x" * 128]
    assert [action.pin_id for action in histories.of("ann")] == ["cat"]


def test_a_folder_is_read_as_the_batch_reads_it(tmp_path: Path) -> None:
    """Only its .parquet files, to any depth, without what begins with an underscore."""
    for name in ("day=1", "_temporary"):
        (tmp_path / name).mkdir()
    written(tmp_path / "day=1", [("ann", "cat", NEWEST_S)])
    (tmp_path / "_temporary" / "half.parquet").write_text("half")
    (tmp_path / "README.txt").write_text("about these files")
    assert [action.pin_id for action in Histories(tmp_path, None, until_s=NEWEST_S).of("ann")] == ["cat"]


def test_ids_may_be_stored_once_each(tmp_path: Path) -> None:
    """Dictionary-encoded columns read as any others."""
    users, pins = (pa.array([name]).dictionary_encode() for name in ("ann", "cat"))
    table = pa.table({"user_id": users, "pin_id": pins, "timestamp": [NEWEST_S], "action": ["save"]})
    pq.write_table(table, tmp_path / "actions.parquet")
    assert Histories(tmp_path, None, until_s=NEWEST_S).readable_users() == ["ann"]
