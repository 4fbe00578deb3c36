"""Duplicate ids are found, whatever their hashes."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index_builder.known_ids import KnownIds
from storage.hashes import hash_ids
from storage.pins.ids import HashIds


def colliding(pin_ids: Sequence[str]) -> NDArray[np.uint64]:
    """Three hashes for all ids, the largest one among them."""
    values = np.array([0, 7, 2**64 - 1], np.uint64)
    hashes: NDArray[np.uint64] = values[(hash_ids(pin_ids) % np.uint64(3)).astype(np.int64)]
    return hashes


@pytest.mark.parametrize("hashing", [hash_ids, colliding])
@given(batches=st.lists(st.lists(st.text("abcö", max_size=3), max_size=8), max_size=12))
def test_an_id_is_new_once(hashing: HashIds, batches: list[list[str]]) -> None:
    """In the batch it came with and in all later ones, as a set of strings would have it."""
    known, expected = KnownIds(hash_ids=hashing), set[str]()
    for batch in batches:
        is_new = known.add(pa.array(batch, pa.large_string()))
        for pin_id, new in zip(batch, is_new.tolist(), strict=True):
            assert new == (pin_id not in expected)
            expected.add(pin_id)
        assert len(known) == len(expected)


def test_many_batches_are_few_runs() -> None:
    """Or finding an id would take longer with every batch."""
    known = KnownIds()
    for start in range(0, 10_000, 10):
        assert known.add(pa.array([f"p{at}" for at in range(start, start + 10)], pa.large_string())).all()
    assert len(known._runs) < 15
    assert not known.add(pa.array([f"p{at}" for at in range(10_000)], pa.large_string())).any()
