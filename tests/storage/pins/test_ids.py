"""From id to row, even when hashes collide."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.hashes import hash_ids
from storage.pins.ids import HashIds, IdLookup, id_table
from storage.pins.port import NO_ROW


def by_length(pin_ids: Sequence[str]) -> NDArray[np.uint64]:
    """A hash under which ids of one length collide."""
    return np.array([len(pin_id) for pin_id in pin_ids], np.uint64)


def lookup_over(pin_ids: Sequence[str], hash_with: HashIds) -> IdLookup:
    return IdLookup(
        id_table(pin_ids, hash_ids=hash_with),
        np.arange(len(pin_ids), dtype=np.int32)[::-1].copy(),
        lambda rows: [pin_ids[row] for row in rows],
        hash_ids=hash_with,
    )


def test_the_table_is_sorted_and_holds_every_row() -> None:
    """Hashes above, rows below; equal hashes by row."""
    table = id_table(["ccc", "a", "bb", "d"], hash_ids=by_length)
    assert table.dtype == np.uint64
    assert table.tolist() == [[1, 1, 2, 3], [1, 3, 2, 0]]
    many = [str(number) for number in np.random.default_rng(0).permutation(2_000)]
    assert id_table(many, hash_ids=by_length)[1].tolist() == sorted(
        range(2_000), key=lambda row: (len(many[row]), row)
    )


def test_colliding_ids_are_told_apart() -> None:
    """A hit is confirmed by the id itself, within a run of equal hashes too."""
    lookup = lookup_over(["a", "b", "c", "dd"], by_length)
    assert lookup.rows(["c", "a", "b", "dd"]).tolist() == [2, 0, 1, 3]


def test_an_unknown_id_that_collides_has_no_row() -> None:
    """Another pin's row would be somebody else's pin."""
    lookup = lookup_over(["a", "b", "dd"], by_length)
    assert lookup.rows(["x", "xx", "xxx", "", "b"]).tolist() == [NO_ROW, NO_ROW, NO_ROW, NO_ROW, 1]


def test_a_bare_hash_gets_the_first_of_its_rows() -> None:
    """Where only hashes are kept a collision is accepted."""
    lookup = lookup_over(["a", "b", "dd"], by_length)
    assert lookup.rows_of_hashes(np.array([1, 2, 9], np.uint64)).tolist() == [0, 2, NO_ROW]


@given(st.lists(st.text(max_size=6), unique=True, min_size=1), st.lists(st.text(max_size=6)), st.booleans())
def test_it_is_a_dictionary(pin_ids: list[str], asked: list[str], collide: bool) -> None:
    """With a good hash and with a bad one, any ids."""
    lookup = lookup_over(pin_ids, by_length if collide else hash_ids)
    expected = {pin_id: row for row, pin_id in enumerate(pin_ids)}
    asked = asked + pin_ids
    assert lookup.rows(asked).tolist() == [expected.get(pin_id, NO_ROW) for pin_id in asked]
