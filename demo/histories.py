"""What people did lately, read straight from the data set: whom to show, and who they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from storage.parquet_files import parquet_files

WINDOW_DAYS, DAY_S = 90, 86_400
MAX_ID_BYTES = 128

# Histories that a person can take in at a glance, and that still hold several interests.
EASY_TO_READ = (20, 60)


@dataclass(frozen=True, slots=True)
class Action:
    """One action of one person."""

    pin_id: str
    action: str
    days_ago: float


class Histories:
    """The actions of the last 90 days that count towards interests, without the rows that no batch can use.

    Args:
        actions: A parquet file or a folder of them.
        weights: The data set's action weights; only those above 0 make interests. None: all do.
        until_s: The end of the 90 days, as the batch chose it, Unix seconds UTC; days are counted back from
            here. Not the newest action: its time may be an impossible one.
    """

    def __init__(self, actions: Path, weights: Mapping[str, float] | None, *, until_s: int) -> None:
        # Here, not above: it imports pandas where that is installed, and who cannot begin needs neither.
        import pyarrow.dataset as ds  # noqa: PLC0415

        columns = ["user_id", "pin_id", "timestamp", "action"]
        files = ds.dataset(parquet_files(actions, what="actions"))
        table = files.to_table(columns=columns, filter=_counting(weights, until_s))
        self._until_s = until_s
        self._actions: pa.Table = table.sort_by("timestamp")

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
            Action(row["pin_id"], row["action"], (self._until_s - row["timestamp"]) / DAY_S)
            for row in reversed(rows)
        ]


def _counting(weights: Mapping[str, float] | None, until_s: int) -> pc.Expression:
    time = pc.field("timestamp")
    conditions = [time > until_s - WINDOW_DAYS * DAY_S, time <= until_s, _is_id("user_id"), _is_id("pin_id")]
    if weights is not None:
        makes_interests = [action for action, weight in weights.items() if weight > 0]
        conditions.append(pc.field("action").isin(makes_interests))
    return reduce(and_, conditions)


def _is_id(column: str) -> pc.Expression:
    """Whether the id can be asked for; the batch has left the rows of others out."""
    n_bytes = pc.binary_length(pc.field(column).cast(pa.string()))
    return (n_bytes >= 1) & (n_bytes <= MAX_ID_BYTES)
