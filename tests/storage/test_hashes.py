"""The hash of a pin id."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinnersage.v1 import recommender_pb2 as pb
from storage.hashes import hash_id, hash_ids
from tests.compiling import compiled_or_skip


@pytest.fixture(params=["python", "compiled"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was compiled, and without."""
    built = compiled_or_skip("storage._hashes") if request.param == "compiled" else None
    monkeypatch.setattr("storage.hashes._hashes", built)


def test_the_hash_is_xxh3_of_utf8_and_never_changes() -> None:
    """Stored `seen` sets and ids.npy of older versions stay readable: the values are pinned."""
    assert hash_id("") == 0x2D06800538D394C2
    assert hash_id("85123A") == 0x00639EBB924ECB71
    assert hash_id("naïve 🙂") == 0xF0BDDBED7BCF6B13


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    "kind", [list, tuple, np.array, lambda ids: pb.RecommendRequest(exclude_pin_ids=ids).exclude_pin_ids]
)
def test_many_ids_are_hashed_in_order(kind: Any) -> None:
    """The vector form is the single form, one by one, as uint64, of a message's ids as well."""
    hashes = hash_ids(kind(["b", "a", "", "naïve 🙂", "b"]))
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [hash_id(each) for each in ("b", "a", "", "naïve 🙂", "b")]
    assert hash_ids(kind([])).shape == (0,)


@given(st.lists(st.text()))
def test_compiled_or_not_hashes_are_the_same(pin_ids: list[str]) -> None:
    """Of any text that has UTF-8."""
    assert hash_ids(pin_ids).tolist() == [hash_id(each) for each in pin_ids]


@pytest.mark.usefixtures("either")
def test_ids_of_any_length_are_hashed() -> None:
    """The hash treats texts of different lengths differently: each of them, and beyond the longest id."""
    pin_ids = ["".join(chr(33 + (at * n) % 90) for at in range(n)) for n in range(600)]
    assert hash_ids(pin_ids).tolist() == [hash_id(each) for each in pin_ids]


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    ("pin_ids", "error"),
    [
        (["a", "\ud800"], UnicodeEncodeError),
        (["a", 7], (AttributeError, TypeError)),
        ([None], (AttributeError, TypeError)),
    ],
)
def test_what_has_no_utf8_is_refused(pin_ids: Sequence[str], error: type[Exception]) -> None:
    """Half a character, a number, nothing."""
    with pytest.raises(error):
        hash_ids(pin_ids)
