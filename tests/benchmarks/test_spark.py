"""The figures of the benchmark of Spark come from its own log, and its people are the same in any number."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.spark_events import TaskTotals, totals_of
from benchmarks.spark_world import themes_of, write_people
from tests.profile_builder.world import make_pins


def task(stage: int, cpu_ns: int, shuffled: int) -> dict[str, object]:
    written = {"Shuffle Bytes Written": shuffled, "Shuffle Records Written": 2}
    metrics = {"Executor CPU Time": cpu_ns, "Disk Bytes Spilled": 1, "Shuffle Write Metrics": written}
    return {"Event": "SparkListenerTaskEnd", "Stage ID": stage, "Task Metrics": metrics}


def test_tasks_count_for_the_group_of_their_job(tmp_path: Path) -> None:
    """Those of no group count for none, and a line that is still being written is left for later."""
    events = [
        {"Event": "SparkListenerJobStart", "Stage IDs": [1, 2], "Properties": {"spark.jobGroup.id": "a"}},
        task(1, 1_000_000_000, 10),
        task(2, 500_000_000, 20),
        {"Event": "SparkListenerJobStart", "Stage IDs": [3], "Properties": {}},
        task(3, 9_000_000_000, 90),
    ]
    log = tmp_path / "log"
    log.write_text("".join(json.dumps(event) + "\n" for event in events) + '{"Event": "Spark')
    sums = TaskTotals(tasks=2, jvm_cpu_s=1.5, shuffle_bytes=30, shuffle_records=4, spilled_bytes=2)
    assert totals_of(log) == {"a": sums}


def test_the_first_people_are_the_same_in_any_number(tmp_path: Path) -> None:
    """So what more of them cost is what more of the same cost; they act around their themes, over 90 days."""
    pins = make_pins()
    themes = themes_of(pins)
    write_people(tmp_path / "few", pins, themes, n_users=10_000, mean_actions=4)
    write_people(tmp_path / "more", pins, themes, n_users=10_001, mean_actions=4)
    few, more = (pq.read_table(tmp_path / name / "00000.parquet") for name in ("few", "more"))
    assert few == more
    assert [path.name for path in sorted((tmp_path / "more").iterdir())] == ["00000.parquet", "00001.parquet"]
    times_s = few["timestamp"].to_numpy()
    assert np.ptp(times_s) < 90 * 86_400
    assert (np.diff(times_s) >= 0).all()
    assert 3.5 < len(few) / 10_000 < 4.5
