"""A task that reads a split tells all of it: events, users without any, counts and bad rows."""

from pathlib import Path

import pyarrow as pa
import pytest

from profile_builder.reading import find_action_files, splits_of
from profile_builder.spark.pins import PinsPlace
from profile_builder.spark.reports import SplitReport
from profile_builder.spark.selecting import EVENTS, REPORT, SelectSplit
from profile_builder.window import Window
from storage.pins.artefact import pin_versions
from storage.profiles.redis.keys import bucket_of
from tests.profile_builder.conftest import Shop
from tests.profile_builder.world import NEWEST_S, WEIGHTS, Act, write_actions

ACTS = [
    Act("ann", "cat-1"),
    Act("ben", "dog-1"),
    Act("ann", "cat-2", event="e"),
    Act("ann", "cat-1", days=95),
]


@pytest.fixture
def select(shop: Shop) -> SelectSplit:
    """Two files, a split each, of which the second is told apart by its rows."""
    for number, acts in enumerate((ACTS, [Act("cid", "owl-1", action="look"), Act(None, "cat-1")])):
        write_actions(shop.out / f"{number}.parquet", acts, with_events=True)
    files = find_action_files(shop.out)
    return SelectSplit(
        splits=splits_of(files, 100),
        files=files,
        pins=PinsPlace(str(shop.pins), pin_versions(shop.pins).current()),
        window=Window(after_s=NEWEST_S - 90 * 86_400, watermark_s=NEWEST_S, cut_s=NEWEST_S),
        weights=WEIGHTS,
        max_rejects=1,
    )


def selected(select: SelectSplit, split: int) -> tuple[list[dict[str, object]], SplitReport]:
    """The events, and the report on the split."""
    numbers = pa.record_batch({"id": [split]})
    rows = pa.Table.from_batches(list(select(iter([numbers])))).to_pylist()
    *events, last = rows
    assert [event[REPORT] for event in events] == [None] * len(events)
    assert {name: last[name] for name in EVENTS.names} == dict.fromkeys(EVENTS.names)
    return events, SplitReport.from_json(last[REPORT])


def test_a_split_becomes_events_by_bucket(select: SelectSplit) -> None:
    """With what it takes to count each once; Ben, who acted on no known pin, is a user all the same."""
    events, report = selected(select, 0)
    assert [(e["user_id"], e["row"] == -1, e["action"], e["source"]) for e in events] == [
        ("ann", False, "save", 0),
        ("ann", False, "save", 2),
        ("ben", True, "", 0),
    ]
    assert [event["bucket"] for event in events] == [bucket_of(str(event["user_id"])) for event in events]
    assert [event["event_hash"] is None for event in events] == [True, False, True]
    assert (report.counts.read, report.counts.before_window) == (4, 1)
    assert report.rejected.rows == [
        {
            "file": str(select.files[0].path),
            "row": 1,
            "reason": "unknown pin",
            "pin_id": "dog-1",
            "value": "dog-1",
        }
    ]


def test_all_bad_rows_are_counted_and_the_first_are_listed(select: SelectSplit) -> None:
    """A driver can hold what all tasks list; rows count from the file's first."""
    _, report = selected(select, 1)
    assert dict(report.rejected.counts) == {"no user id": 1, "unknown pin": 1}
    assert [row["reason"] for row in report.rejected.rows] == ["no user id"]
    assert report.rejected.rows[0]["file"] == str(select.files[1].path)


def test_splits_are_whole_row_groups(tmp_path: Path) -> None:
    """Every row is in one split, whatever size was asked for."""
    write_actions(tmp_path / "a.parquet", [Act("ann", "cat-1")] * 7)
    write_actions(tmp_path / "b.parquet", [Act("ann", "cat-1")] * 5)
    files = find_action_files(tmp_path)
    for n_rows in (1, 6, 100):
        splits = splits_of(files, n_rows)
        assert [split.file.path.name for split in splits] == ["a.parquet", "b.parquet"]
        assert sum(split.n_rows for split in splits) == 12
