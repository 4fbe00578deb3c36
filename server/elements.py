"""Serialised candidates as arrays: one element each, which are picked and put in order without a loop.

Elements of one length, as ids of one length give, lie side by side in one block of bytes (numpy's void type);
others are objects of their own, which take about twice the memory and the time.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Elements: TypeAlias = "NDArray[np.void] | NDArray[np.object_]"

NO_ELEMENTS: Elements = np.empty(0, object)

# What Python and its allocator add to the bytes of an object, and its place in the array.
_OBJECT_BYTES = 33 + 8 + 8


def elements_of(pieces: Sequence[bytes]) -> Elements:
    """One element for each piece, in order; none of them is empty."""
    length = len(pieces[0]) if pieces else 0
    if pieces and all(len(piece) == length for piece in pieces):
        return np.frombuffer(b"".join(pieces), f"V{length}")
    elements = np.empty(len(pieces), object)
    elements[:] = pieces
    return elements


def joined(elements: Elements) -> bytes:
    """All of them, one after the other."""
    return b"".join(elements.tolist()) if elements.dtype.hasobject else elements.tobytes()


def empty_like(lists: Sequence[Elements], n: int) -> Elements:
    """Room for n elements of these lists."""
    kinds = {elements.dtype for elements in lists}
    return np.empty(n, kinds.pop() if len(kinds) == 1 else object)


def side_by_side(lists: Sequence[Elements]) -> Elements:
    """The elements of all lists, one list after the other."""
    together = empty_like(lists, sum(map(len, lists)))
    at = 0
    for elements in lists:
        # An object array takes void scalars as they are, and they are no bytes.
        is_alike = elements.dtype == together.dtype
        together[at : at + len(elements)] = elements if is_alike else elements.tolist()
        at += len(elements)
    return together


def size_bytes(elements: Elements) -> int:
    """What they take in memory, without the array itself."""
    if not elements.dtype.hasobject:
        return elements.nbytes
    return sum(map(len, elements.tolist())) + len(elements) * _OBJECT_BYTES
