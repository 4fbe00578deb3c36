"""Texts are what Arrow says they are, whatever their lengths."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.pins.texts import Texts


@given(
    st.lists(st.text(max_size=5), min_size=1)
    | st.integers(1, 9).flatmap(lambda n: st.lists(st.text("ab", min_size=n, max_size=n), min_size=1)),
    st.data(),
)
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


@pytest.mark.parametrize("texts", [["pin-1", "pin-2"], ["pin-1", "pin-22"], []])
def test_ids_of_one_length_lie_side_by_side(texts: list[str]) -> None:
    """Others are bytes of their own."""
    encoded = Texts(pa.array(texts, pa.large_string())).encoded(np.arange(len(texts)))

    assert isinstance(encoded, list) == (len({len(text) for text in texts}) != 1)
