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


def test_a_history_is_the_newest_first(actions: Path) -> None:
    """Days are counted back from the newest action of all; the window of 90 days has an open end."""
    history = Histories(actions, {"save": 1.0, "hide": -1.0}).of("ann")
    assert [(action.pin_id, action.days_ago) for action in history] == [("cat", 0), ("dog", 3)]


def test_without_weights_every_action_counts(actions: Path) -> None:
    """A data set without a table of weights hides nothing."""
    assert [action.pin_id for action in Histories(actions, None).of("ann")] == ["cat", "rat", "dog"]


def test_readable_people_come_first(actions: Path) -> None:
    """20 to 60 actions are easy to read, short names first; the others follow, the busiest first."""
    assert Histories(actions, None).readable_users() == ["zoe", "easy-one", "busy", "ann"]


def test_a_stranger_has_no_history(actions: Path) -> None:
    """Someone without actions is no error."""
    assert Histories(actions, None).of("nobody") == []
