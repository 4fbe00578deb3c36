"""A small data set on disk, which a test may spoil."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.data_set.period import Period
from evaluation.data_set.world import read_world
from evaluation.worlds import World
from process.progress import Reporter
from storage.dataset import read_dataset

DAY_S = 86_400

DATASET = """\
name = "wheel"
pins = "pins.parquet"
actions = "actions.parquet"
embedding_space = "wheel-1"

[action_weights]
save = 2.0
look = 0.0
hide = -1.0
"""


@dataclass(frozen=True)
class Shop:
    """A folder with four pins: east, north, west, south; and whatever actions a test wants."""

    folder: Path

    @property
    def rejects(self) -> Path:
        return self.folder / "out" / "rejects.jsonl"

    def write_pins(self, columns: Mapping[str, object], name: str = "pins.parquet") -> None:
        pq.write_table(pa.table(dict(columns)), self.folder / name)

    def write_actions(self, *rows: tuple[str | None, str, int | None, str]) -> None:
        """Each: user, pin, time, action."""
        names = ("user_id", "pin_id", "timestamp", "action")
        types = (pa.string(), pa.string(), pa.int64(), pa.string())
        columns: Sequence[Sequence[object]] = list(zip(*rows, strict=True)) or [[]] * 4
        arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
        pq.write_table(pa.table(dict(zip(names, arrays, strict=True))), self.folder / "actions.parquet")

    def read(self, period: Period | None = None) -> World:
        period = period or Period(validation_days=1, test_days=1)
        return read_world(
            read_dataset(self.folder),
            period,
            note="",
            rejects_file=self.rejects,
            reporter=Reporter(quiet=True),
        )


def wheel_columns() -> dict[str, object]:
    return {
        "pin_id": ["east", "north", "west", "south"],
        "title": ["East", None, "West", "South"],
        "embedding": pa.array([[1, 0], [0, 3], [-0.5, 0], [0, -1]], pa.list_(pa.float32())),
    }


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Ann saves east on day 0, north on day 8 and meets west, bob saves south on day 9."""
    shop = Shop(tmp_path)
    (tmp_path / "dataset.toml").write_text(DATASET)
    shop.write_pins(wheel_columns())
    shop.write_actions(
        ("bob", "south", 9 * DAY_S, "save"),
        ("ann", "east", 5, "save"),
        ("ann", "west", 8 * DAY_S, "look"),
        ("ann", "north", 8 * DAY_S, "save"),
    )
    return shop
