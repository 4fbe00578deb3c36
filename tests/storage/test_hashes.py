"""The hash of a pin id."""

import numpy as np

from storage.hashes import hash_id, hash_ids


def test_the_hash_is_xxh3_of_utf8_and_never_changes() -> None:
    """Stored `seen` sets and ids.npy of older versions stay readable: the values are pinned."""
    assert hash_id("") == 0x2D06800538D394C2
    assert hash_id("85123A") == 0x00639EBB924ECB71
    assert hash_id("naïve 🙂") == 0xF0BDDBED7BCF6B13


def test_many_ids_are_hashed_in_order() -> None:
    """The vector form is the single form, one by one, as uint64."""
    hashes = hash_ids(["b", "a", "b"])
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [hash_id("b"), hash_id("a"), hash_id("b")]
    assert hash_ids([]).shape == (0,)
