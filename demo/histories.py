"""What people did lately, read straight from the data set: whom to show, and who they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

WINDOW_DAYS, DAY_S = 90, 86_400

# Histories that a person can take in at a glance, and that still hold several interests.
EASY_TO_READ = (20, 60)


@dataclass(frozen=True, slots=True)
class Action:
    """One action of one person."""

    pin_id: str
    action: str
    days_ago: float


class Histories:
    """The actions of the last 90 days that count towards interests.

    Args:
        actions: A parquet file or a folder of them. Days are counted back from the newest action in it.
        weights: The data set's action weights; only those above 0 make interests. None: all do.
    """

    def __init__(self, actions: Path, weights: Mapping[str, float] | None) -> None:
        columns = ["user_id", "pin_id", "timestamp", "action"]
        table = ds.dataset(actions).to_table(columns=columns, filter=_counting(weights))
        self._newest_s: int = pc.max(table["timestamp"]).as_py() or 0
        in_window = pc.field("timestamp") > self._newest_s - WINDOW_DAYS * DAY_S
        self._actions: pa.Table = table.filter(in_window).sort_by("timestamp")

    def readable_users(self) -> list[str]:
        """First people with an easily read history, short names first; then the others, the busiest first."""
        counts = self._actions.group_by("user_id").aggregate([("pin_id", "count")]).to_pylist()
        low, high = EASY_TO_READ

        def order(count: dict[str, object]) -> tuple[bool, int, str]:
            n, user_id = int(str(count["pin_id_count"])), str(count["user_id"])
            easy = low <= n <= high
            return (not easy, len(user_id) if easy else -n, user_id)

        return [str(count["user_id"]) for count in sorted(counts, key=order)]

    def of(self, user_id: str) -> list[Action]:
        """The person's actions, the newest first."""
        rows = self._actions.filter(pc.field("user_id") == user_id).to_pylist()
        return [
            Action(row["pin_id"], row["action"], (self._newest_s - row["timestamp"]) / DAY_S)
            for row in reversed(rows)
        ]


def _counting(weights: Mapping[str, float] | None) -> pc.Expression | None:
    if weights is None:
        return None
    return pc.field("action").isin([action for action, weight in weights.items() if weight > 0])
