"""Declared columns travel from the parquet file into the artefact, row by row; what cannot is refused."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index_builder.__main__ import program
from index_builder.columns import find_pin_files
from storage.errors import DataError
from storage.pins.artefact import PinArtefact
from storage.pins.columns import NO_COLUMNS
from storage.pins.filters import AnyOf, ColumnKind, Condition, Equals, Filter, NoneOf, Within
from storage.pins.joined import JoinedPins
from storage.pins.side import Side
from tests.index_builder.tables import write_circle

ANGLES = [0, 40, 80, 120, 160, 200]
COLUMNS: dict[str, Any] = {
    "category": ["shoes", "hats", None, "shoes", "hats", "gloves"],
    "in_stock": [True, False, None, True, True, False],
    "created_at": pa.array([500, 400, 300, 200, 100, None], pa.int64()),
}


def build(folder: Path, pins: Path, *flags: str) -> int:
    return program().run(
        ["build", "--pins", str(pins), "--embedding-space", "circle-1", "--out", str(folder), *flags]
    )


def named(*columns: str) -> Sequence[str]:
    return [part for name in columns for part in ("--filter-column", name)]


def passing(pins: PinArtefact, condition: Condition) -> set[str]:
    """The ids of all indexed pins that pass."""
    rows = np.flatnonzero(pins.columns.passing(Filter((condition,))))
    return set(pins.pin_ids(rows))


def test_every_pin_keeps_its_values_in_its_new_row(tmp_path: Path) -> None:
    """Rows are in another order in the artefact: by age here. A pin refined out does not pass."""
    pins = write_circle(
        tmp_path / "pins.parquet",
        [*ANGLES, 1],
        **{
            name: [*(column if isinstance(column, list) else column.to_pylist()), last]
            for (name, column), last in zip(COLUMNS.items(), ["twin", True, 600], strict=True)
        },
    )
    assert build(tmp_path / "out", pins, *named("in_stock", "category", "created_at")) == 0
    artefact = PinArtefact.open(tmp_path / "out")
    assert artefact.manifest.filter_columns == ("category", "created_at", "in_stock")
    assert dict(artefact.columns.kinds) == {
        "category": ColumnKind.TEXT,
        "created_at": ColumnKind.TIME,
        "in_stock": ColumnKind.BOOLEAN,
    }
    assert passing(artefact, AnyOf("category", ("shoes", "twin"))) == {"0N", "120N"}
    assert passing(artefact, NoneOf("category", ("shoes", "hats"))) == {"80N", "200N"}
    assert passing(artefact, Equals("in_stock", value=False)) == {"40N", "200N"}
    assert passing(artefact, Within("created_at", since_s=200, before_s=500)) == {"40N", "80N", "120N"}
    assert artefact.n_indexed == len(ANGLES)


def test_a_data_set_names_its_filters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In dataset.toml; a flag names others in their place. The build says which they are."""
    write_circle(tmp_path / "pins.parquet", ANGLES, **COLUMNS)
    (tmp_path / "dataset.toml").write_text(
        'name = "a"\npins = "pins.parquet"\nembedding_space = "b"\n[filters]\ncolumns = ["category"]\n'
    )
    build_it = ["build", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert program().run(build_it) == 0
    assert list(PinArtefact.open(tmp_path / "out").columns.kinds) == ["category"]
    assert "  filters           category\n" in capsys.readouterr().out
    assert program().run([*build_it, *named("in_stock", "created_at", "in_stock")]) == 0
    assert list(PinArtefact.open(tmp_path / "out").columns.kinds) == ["created_at", "in_stock"]
    assert "  filters           created_at, in_stock\n" in capsys.readouterr().out


def test_without_declared_columns_a_version_is_as_before(tmp_path: Path) -> None:
    """No file, nothing in the manifest: what versions built before filters look like opens the same way."""
    pins = write_circle(tmp_path / "pins.parquet", ANGLES, **COLUMNS)
    assert build(tmp_path / "out", pins) == 0
    artefact = PinArtefact.open(tmp_path / "out")
    assert artefact.columns is NO_COLUMNS
    folder = tmp_path / "out" / artefact.version
    assert not (folder / "columns.arrow").exists()
    assert "filter_columns" not in (folder / "manifest.json").read_text()


@pytest.mark.parametrize(
    "times",
    [
        pa.array([0, 86_400, 2 * 86_400, 0, 0, 0], pa.timestamp("s")),
        pa.array([0, 86_400_000, 2 * 86_400_000, 0, 0, 0], pa.timestamp("ms", tz="Europe/Paris")),
        [date(1970, 1, day) for day in (1, 2, 3, 1, 1, 1)],
        [datetime(1970, 1, day, tzinfo=UTC) for day in (1, 2, 3, 1, 1, 1)],
        pa.array([0, 86_400, 2 * 86_400, 0, 0, 0], pa.int64()),
    ],
)
def test_times_of_every_type(tmp_path: Path, times: Any) -> None:
    """They are the same seconds, in a column of any name."""
    pins = write_circle(tmp_path / "pins.parquet", ANGLES, sold_at=times)
    assert build(tmp_path / "out", pins, *named("sold_at")) == 0
    artefact = PinArtefact.open(tmp_path / "out")
    assert passing(artefact, Within("sold_at", since_s=86_400)) == {"40N", "80N"}


def test_categories_of_a_data_frame(tmp_path: Path) -> None:
    """They are dictionary-encoded."""
    categories = pa.array(COLUMNS["category"]).dictionary_encode()
    pins = write_circle(tmp_path / "pins.parquet", ANGLES, category=categories)
    assert build(tmp_path / "out", pins, *named("category")) == 0
    assert passing(PinArtefact.open(tmp_path / "out"), AnyOf("category", ("gloves",))) == {"200N"}


@pytest.mark.parametrize(
    ("columns", "name", "told"),
    [
        ({}, "category", r"has no column 'category'. Pins need pin_id, embedding and category"),
        ({}, "created_at", r"has no column 'created_at'"),
        ({"price": [1.5] * 6}, "price", r"column 'price' is double; write it as string, bool, or a time"),
        ({}, "pin_id", r"the column 'pin_id' cannot be filtered by"),
        ({"quality": [1.0] * 6}, "quality", r"the column 'quality' cannot be filtered by"),
        ({"category": pa.nulls(6)}, "category", r"column 'category' is null; write it as string"),
    ],
)
def test_what_cannot_be_filtered_by_is_refused(
    tmp_path: Path, columns: dict[str, Any], name: str, told: str
) -> None:
    """Before anything is read; the message names the column and what to write."""
    pins = write_circle(tmp_path / "pins.parquet", ANGLES, **columns)
    with pytest.raises(DataError, match=told):
        find_pin_files(pins, [name])


def test_all_files_write_a_column_alike(tmp_path: Path) -> None:
    """A text here and a boolean there is no column."""
    write_circle(tmp_path / "pins" / "a.parquet", [0, 40], sale=["yes", "no"])
    write_circle(tmp_path / "pins" / "b.parquet", [80], sale=[True])
    with pytest.raises(DataError, match=r"'sale' is string in .*a\.parquet and bool in .*b\.parquet"):
        find_pin_files(tmp_path / "pins", ["sale"])


class TestAdded:
    """Pins added to an artefact of categories, of which 0N is a shoe and 90N a hat."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        pins = write_circle(tmp_path / "p.parquet", [0, 90], category=["shoes", "hats"])
        assert build(tmp_path / "out", pins, *named("category")) == 0
        return tmp_path / "out"

    @staticmethod
    def add(root: Path, angles: Sequence[float], **columns: Any) -> int:
        new = write_circle(root.parent / "new.parquet", angles, **columns)
        return program().run(["add", "--pins", str(new), "--to", str(root)])

    @staticmethod
    def passing(root: Path, condition: Condition) -> set[str]:
        joined = JoinedPins(PinArtefact.open(root), Side.open(root))
        rows = np.flatnonzero(joined.columns.passing(Filter((condition,))))
        return set(joined.pin_ids(rows))

    def test_an_added_pin_is_filtered_by_its_values(self, root: Path) -> None:
        """Candidates only, whatever was added when, a missing value as in a build."""
        assert self.add(root, [45, 180, 46], category=["hats", "shoes", "shoes"]) == 0
        assert self.add(root, [270, 300], category=["shoes", None]) == 0
        assert self.passing(root, AnyOf("category", ("shoes",))) == {"0N", "180N", "270N"}
        assert self.passing(root, NoneOf("category", ("shoes",))) == {"90N", "45N", "300N"}

    def test_a_column_that_requests_filter_by_must_be_there(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Else pins would be missing from filtered answers, and nobody would know why."""
        assert self.add(root, [45]) == 1
        assert "has no column 'category'" in capsys.readouterr().err
        assert self.add(root, [45], category=[True]) == 1
        assert "column 'category' is boolean in" in (told := capsys.readouterr().err)
        assert "and text in the artefact" in told
        assert not (root / "side" / "CURRENT").exists()

    def test_another_version_filters_by_other_columns(
        self, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What pins lack is said, and passes none_of only; what they had is there again after a rollback."""
        assert self.add(root, [45], category=["hats"]) == 0
        pins = write_circle(
            tmp_path / "p.parquet", [0, 90], category=[True, False], season=["spring", "spring"]
        )
        assert build(root, pins, *named("category", "season")) == 0
        assert "1 without season: no filter on it lets them pass but none_of" in capsys.readouterr().out
        assert self.passing(root, NoneOf("season", ("spring",))) == {"45N"}
        assert self.passing(root, AnyOf("season", ("spring",))) == {"0N", "90N"}
        assert self.passing(root, Equals("category", value=False)) == {"90N"}
        assert self.add(root, [180], category=[False], season=["autumn"]) == 0
        assert self.passing(root, Equals("category", value=False)) == {"90N", "180N"}
        assert program().run(["rollback", "--pins", str(root)]) == 0
        assert self.passing(root, AnyOf("category", ("hats",))) == {"90N", "45N"}
