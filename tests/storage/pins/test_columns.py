"""Which pins pass a filter: each condition, missing values, and the file they are kept in."""

import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import DamagedArtefactError
from storage.pins.artefact import PinArtefact
from storage.pins.columns import Columns, encoded, of_kinds, write_columns
from storage.pins.filters import AnyOf, ColumnKind, Condition, Equals, Filter, NoneOf, Within
from tests.storage.pins.worlds import World, compass, publish

VALUES: dict[str, Any] = {
    "category": pa.array(["shoes", "hats", None, "shoes", ""], pa.large_string()),
    "created_at": pa.array([100, 200, 300, None, -5], pa.int64()),
    "in_stock": pa.array([True, False, None, True, False]),
}
N = 5


@pytest.fixture(params=["memory", "file"])
def columns(request: pytest.FixtureRequest, tmp_path: Path) -> Columns:
    """Five pins, straight from values and from the file."""
    if request.param == "memory":
        return encoded(VALUES, N)
    write_columns(tmp_path / "columns.arrow", VALUES)
    return Columns.open(tmp_path / "columns.arrow", N, N)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (AnyOf("category", ("shoes",)), [0, 3]),
        (AnyOf("category", ("hats", "shoes", "gloves")), [0, 1, 3]),
        (AnyOf("category", ("Shoes",)), []),
        (AnyOf("category", ("",)), [4]),
        (NoneOf("category", ("shoes",)), [1, 2, 4]),
        (NoneOf("category", ("gloves",)), [0, 1, 2, 3, 4]),
        (Within("created_at", since_s=200), [1, 2]),
        (Within("created_at", before_s=200), [0, 4]),
        (Within("created_at", since_s=100, before_s=300), [0, 1]),
        (Equals("in_stock", value=True), [0, 3]),
        (Equals("in_stock", value=False), [1, 4]),
    ],
)
def test_each_condition(columns: Columns, condition: Condition, rows: list[int]) -> None:
    """A pin without a value meets none_of and nothing else; a range has its first end, not its last."""
    assert np.flatnonzero(columns.passing(Filter((condition,)))).tolist() == rows


def test_all_conditions_must_hold(columns: Columns) -> None:
    """Also two of one column."""
    asked = Filter(
        (NoneOf("category", ("hats",)), NoneOf("category", ("",)), Within("created_at", since_s=0))
    )
    assert np.flatnonzero(columns.passing(asked)).tolist() == [0, 2]


def test_only_indexed_pins_are_judged() -> None:
    """The refined pool is in front."""
    columns = encoded(VALUES, 2)
    assert columns.passing(Filter((AnyOf("category", ("shoes",)),))).tolist() == [True, False]


def test_columns_know_their_kinds(columns: Columns) -> None:
    """From the types alone."""
    assert dict(columns.kinds) == {
        "category": ColumnKind.TEXT,
        "created_at": ColumnKind.TIME,
        "in_stock": ColumnKind.BOOLEAN,
    }


def test_a_condition_of_another_kind_is_a_defect(columns: Columns) -> None:
    """It is refused before it gets here; it never passes for an answer."""
    with pytest.raises(TypeError, match="a text column cannot tell"):
        columns.passing(Filter((Within("category", since_s=1),)))


def test_columns_of_given_kinds() -> None:
    """A column that is not there, or of another kind, is null; one that nobody asked for is left out."""
    kinds = {"category": ColumnKind.TEXT, "created_at": ColumnKind.TEXT, "gone": ColumnKind.TIME}
    columns = of_kinds(kinds, VALUES, N, 4)
    assert dict(columns.kinds) == kinds
    assert columns.passing(Filter((AnyOf("category", ("shoes",)),))).tolist() == [True, False, False, True]
    assert columns.passing(Filter((NoneOf("created_at", ("100",)),))).all()
    assert not columns.passing(Filter((Within("gone", since_s=0),))).any()


def test_values_are_those_that_were_encoded(columns: Columns) -> None:
    """So that they can be encoded again beside others."""
    assert {name: column.to_pylist() for name, column in columns.values().items()} == {
        name: column.to_pylist() for name, column in VALUES.items()
    }
    assert {column.type for column in columns.values().values()} == {
        pa.large_string(),
        pa.int64(),
        pa.bool_(),
    }


@pytest.mark.parametrize("n", [65_535, 65_536, 65_537])
def test_many_values_take_wider_codes(n: int) -> None:
    """Around what fits uint16 no text is mistaken for another, nor refused."""
    texts = pa.array([f"v{i}" for i in range(n)], pa.large_string())
    columns = encoded({"sku": texts}, len(texts))
    for row in (0, n - 1):
        asked = Filter((AnyOf("sku", (f"v{row}",)),))
        assert np.flatnonzero(columns.passing(asked)).tolist() == [row]


def test_the_same_pins_make_the_same_file(tmp_path: Path) -> None:
    """Whatever the order in which columns were declared, and values met, and whether texts were chunks."""
    write_columns(tmp_path / "a", VALUES)
    write_columns(tmp_path / "b", dict(reversed(VALUES.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Short, of another length, or of other types: named, with what to do."""
    path = tmp_path / "columns.arrow"
    write_columns(path, VALUES)
    with pytest.raises(DamagedArtefactError, match="holds 5 pins, its manifest says 6"):
        Columns.open(path, 6, 6)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedArtefactError, match=r"columns\.arrow cannot be read.*Build again"):
        Columns.open(path, N, N)
    with pa.ipc.new_file(str(path), pa.schema([("price", pa.float64())])) as writer:
        writer.write_batch(pa.record_batch({"price": pa.array([1.5])}))
    with pytest.raises(DamagedArtefactError, match="a filter column of type double"):
        Columns.open(path, 1, 1)


def test_a_filter_is_known_by_what_it_asks() -> None:
    """Not by the order of its conditions or values, nor by saying a thing twice."""
    shoes, new = AnyOf("category", ("a", "b")), Within("created_at", since_s=1)
    same = Filter((new, AnyOf("category", ("b", "a", "b")), new))
    assert Filter((shoes, new)).digest == same.digest
    others = [
        Filter((shoes,)),
        Filter((NoneOf("category", ("a", "b")), new)),
        Filter((shoes, Within("created_at", before_s=1))),
        Filter((AnyOf("category", ("a', 'b",)), new)),
    ]
    assert len({each.digest for each in [*others, same]}) == 5


def with_columns(world: World) -> World:
    """The compass by hemisphere."""
    halves = pa.array(["north" if at < 19 else "south" for at in range(38)], pa.large_string())
    return replace(world, rows=replace(world.rows, columns={"half": halves}))


def test_a_version_with_columns_opens(tmp_path: Path) -> None:
    """Its manifest names them; only indexed pins pass."""
    publish(tmp_path, with_columns(compass()), change=lambda made: replace(made, filter_columns=("half",)))
    with closing(PinArtefact.open(tmp_path)) as pins:
        south = np.flatnonzero(pins.columns.passing(Filter((AnyOf("half", ("south",)),))))
    assert south.tolist() == list(range(19, 36))


def test_a_version_that_lacks_its_columns_is_refused(tmp_path: Path) -> None:
    """A filter that passes everything would be a silent lie."""
    publish(tmp_path, compass(), change=lambda made: replace(made, filter_columns=("half",)))
    with pytest.raises(DamagedArtefactError, match=r"lacks a part: 'columns\.arrow'"):
        PinArtefact.open(tmp_path)


def test_a_version_with_other_columns_than_it_says_is_refused(tmp_path: Path) -> None:
    """Both are named."""
    publish(tmp_path, with_columns(compass()), change=lambda made: replace(made, filter_columns=("colour",)))
    with pytest.raises(DamagedArtefactError, match="holds half, its manifest says colour"):
        PinArtefact.open(tmp_path)


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), cut=st.booleans())
@settings(max_examples=200, deadline=None)
def test_no_damage_to_the_file_is_worse_than_a_refusal(at: int, bit: int, cut: bool) -> None:
    """Where no checksum is compared, a flipped bit or a short file opens or is refused; nothing crashes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "columns.arrow"
        write_columns(path, VALUES)
        content = bytearray(path.read_bytes())
        at %= len(content)
        content[at] ^= 1 << bit
        path.write_bytes(content[:at] if cut else content)
        with suppress(DamagedArtefactError):
            columns = Columns.open(path, N, N)
            if columns.kinds.get("category") is ColumnKind.TEXT:
                assert len(columns.passing(Filter((AnyOf("category", ("shoes",)),)))) == N
