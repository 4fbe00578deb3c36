"""Texts are what Arrow says they are, whatever their lengths."""

from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.compiled import compiled
from storage.pins import texts as module
from storage.pins.texts import Texts
from tests.compiling import compiled_or_skip


@pytest.fixture(scope="module")
def loop() -> ModuleType:
    """The compiled module."""
    return compiled_or_skip("storage.pins._texts")


some_texts = st.lists(st.text(max_size=5), min_size=1) | st.integers(1, 9).flatmap(
    lambda n: st.lists(st.text("ab", min_size=n, max_size=n), min_size=1)
)


@given(some_texts, st.data())
def test_texts_are_those_of_the_column(texts: list[str], data: st.DataObject) -> None:
    """Any rows in any order, also of a part of a column: of several lengths, of one, and empty ones."""
    first = data.draw(st.integers(0, len(texts) - 1))
    column = pa.array(texts, pa.large_string()).slice(first)
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - first - 1))), np.int64)
    expected = [texts[first + row] for row in rows]

    found = Texts(column)

    assert found[rows] == expected
    encoded = found.encoded(rows)
    assert [bytes(each) for each in encoded] == [text.encode() for text in expected]


@given(some_texts, st.data())
def test_the_loop_gives_what_numpy_gives(loop: ModuleType, texts: list[str], data: st.DataObject) -> None:
    """The same kind of the same ids, by rows of any kind."""
    column = Texts(pa.array([*texts, "longer than any"], pa.large_string()))
    kind = data.draw(st.sampled_from([np.int64, np.int32, np.uint32]))
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts)))), kind)[::-1]
    found = []
    for way in (None, loop):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_texts", way)
            found.append(column.encoded(rows))
    if isinstance(found[0], list):
        assert found[1] == found[0]
    else:
        np.testing.assert_array_equal(found[1], found[0], strict=True)


@pytest.mark.parametrize("texts", [["a", "bbb", "cc"], ["a", "b", "c"], ["", "", ""]])
@pytest.mark.parametrize("row", [-1, -3, 3, 2**62])
def test_either_way_refuses_a_row_that_is_none(
    monkeypatch: pytest.MonkeyPatch, texts: list[str], row: int
) -> None:
    """Texts of one length, of several, and empty ones."""
    column = Texts(pa.array(texts, pa.large_string()))
    for way in (compiled("storage.pins._texts"), None):
        monkeypatch.setattr(module, "_texts", way)
        with pytest.raises(ValueError, match=f"row {row} is none of 3"):
            column.encoded(np.array([0, row]))


OFFSETS = np.array([0, 1, 3, 3])
DATA = np.frombuffer(b"abc", np.uint8)
ROWS = np.array([2, 0, 1])


@pytest.mark.parametrize(
    ("offsets", "data", "rows", "why"),
    [
        (OFFSETS, DATA, ROWS + 1, "row 3 is none of 3 texts"),
        (OFFSETS, DATA, ROWS - 1, "row -1 is none of 3 texts"),
        (OFFSETS, DATA, ROWS + 2**62, "is none of 3 texts"),
        (OFFSETS[:1], DATA, ROWS, "row 2 is none of 0 texts"),
        (OFFSETS[:0], DATA, ROWS, "row 2 is none of -1 texts"),
        (OFFSETS, DATA[:2], ROWS, "or lies outside of their 2 bytes"),
        (OFFSETS - 1, DATA, ROWS, "row 0 .* lies outside of their 3 bytes"),
        (OFFSETS[::-1].copy(), DATA, ROWS, "lies outside of their 3 bytes"),
        (OFFSETS + 2**62, DATA, ROWS, "lies outside of their 3 bytes"),
        (OFFSETS.astype(np.int32), DATA, ROWS, "offsets int32"),
        (OFFSETS[::2], DATA, ROWS, "offsets .* not in one piece"),
        (OFFSETS, DATA.view(np.int8), ROWS, "data int8"),
        (OFFSETS, DATA[::-1], ROWS, "data .* not in one piece"),
        (OFFSETS, DATA, ROWS.astype(np.float64), "rows float64"),
        (OFFSETS, DATA, ROWS[np.newaxis], r"rows int64 \(1, 3\)"),
    ],
)
def test_the_loop_reads_nothing_outside_of_its_arrays(
    loop: ModuleType, offsets: object, data: object, rows: object, why: str
) -> None:
    """Whatever it is given, it says what is wrong with it."""
    with pytest.raises(ValueError, match=why):
        loop.encoded(offsets, data, rows)


def test_the_loop_wants_arrays(loop: ModuleType) -> None:
    """No lists, and not nothing."""
    with pytest.raises(TypeError, match="rows are no array but list"):
        loop.encoded(OFFSETS, DATA, [0])


@pytest.mark.parametrize("texts", [["pin-1", "pin-2"], ["pin-1", "pin-22"], []])
def test_ids_of_one_length_lie_side_by_side(texts: list[str]) -> None:
    """Others are bytes of their own."""
    encoded = Texts(pa.array(texts, pa.large_string())).encoded(np.arange(len(texts)))

    assert isinstance(encoded, list) == (len({len(text) for text in texts}) != 1)
