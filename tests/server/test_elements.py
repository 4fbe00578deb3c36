"""Arrays of serialised candidates: whichever way they are kept, they come out as they went in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.elements import Elements, elements_of, joined, side_by_side, size_bytes
from tests.allocating import allocated_bytes

pieces = st.lists(st.binary(min_size=1, max_size=6), max_size=8)


@given(st.lists(pieces, min_size=1, max_size=4))
def test_lists_side_by_side_are_their_bytes_one_after_the_other(lists: list[list[bytes]]) -> None:
    """Of one length or of several, also trailing zeros."""
    together = side_by_side([elements_of(each) for each in lists])

    assert joined(together) == b"".join(b"".join(each) for each in lists)
    assert len(together) == sum(map(len, lists))


@pytest.mark.parametrize("lengths", [(40, 40), (38, 41)])
def test_the_size_is_what_the_memory_really_costs(lengths: tuple[int, int]) -> None:
    """Within a tenth, for elements of one length and of several."""
    kept: list[Elements] = []

    def fill() -> None:
        kept.extend(elements_of([bytes(lengths[at % 2]) for at in range(200)]) for _ in range(50))

    allocated = allocated_bytes(fill)

    assert sum(map(size_bytes, kept)) == pytest.approx(allocated, rel=0.1)
    assert np.all([len(each) == 200 for each in kept])
