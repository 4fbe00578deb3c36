"""What Spark's own event log says of the tasks of a job group."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GROUP = "spark.jobGroup.id"


@dataclass(kw_only=True)
class TaskTotals:
    """Sums over all tasks of a group.

    Attributes:
        tasks: How many.
        jvm_cpu_s: CPU seconds of the tasks' threads in the JVM.
        shuffle_bytes: Written for other tasks.
        shuffle_records: The same, as rows.
        spilled_bytes: To disk, for want of memory.
    """

    tasks: int = 0
    jvm_cpu_s: float = 0.0
    shuffle_bytes: int = 0
    shuffle_records: int = 0
    spilled_bytes: int = 0

    def add(self, metrics: dict[str, Any]) -> None:
        """Count one task."""
        written = metrics["Shuffle Write Metrics"]
        self.tasks += 1
        self.jvm_cpu_s += metrics["Executor CPU Time"] / 1e9
        self.shuffle_bytes += written["Shuffle Bytes Written"]
        self.shuffle_records += written["Shuffle Records Written"]
        self.spilled_bytes += metrics["Disk Bytes Spilled"]


def totals_of(log: Path) -> dict[str, TaskTotals]:
    """The totals of each job group whose jobs have ended; the log may still be written to."""
    group_of: dict[int, str] = {}
    totals: dict[str, TaskTotals] = {}
    for event in _events(log):
        if event["Event"] == "SparkListenerJobStart":
            group = event.get("Properties", {}).get(_GROUP)
            group_of |= dict.fromkeys(event["Stage IDs"], group) if group else {}
        elif event["Event"] == "SparkListenerTaskEnd" and event["Stage ID"] in group_of:
            totals.setdefault(group_of[event["Stage ID"]], TaskTotals()).add(event["Task Metrics"])
    return totals


def _events(log: Path) -> Iterator[dict[str, Any]]:
    with log.open(encoding="utf-8") as lines:
        # The last line may be written in part.
        yield from (json.loads(line) for line in lines if line.endswith("\n"))
