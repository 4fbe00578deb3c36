"""Near-duplicates, exactly: who is kept, and which keeper stands for each of the others.

Every pin is compared with every keeper, which takes time that grows with the square of the pool: what is
right for a small pool, and what index_builder.near_duplicates_in_cells is measured against.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index_builder.comparing import Comparison, Mask, Rows
from process.progress import Step
from storage.pins.port import NO_ROW


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """How many rows are compared at a time: memory and speed, never the answer."""

    rows: int = 2_048
    keepers: int = 8_192
    pairs: int = 65_536


DEFAULT_BLOCKS = Blocks()


def keepers(
    vectors: NDArray[np.float16], ranked: Rows, cosine: float, step: Step, *, blocks: Blocks = DEFAULT_BLOCKS
) -> Mask:
    """Greedily: a pin is kept unless it is near a better-ranked pin that was kept.

    Args:
        vectors: float16 [n, d], unit norm.
        ranked: int64 [m], the rows to judge, best first.
        cosine: From this cosine on two pins are near-duplicates.
        step: Is told of every row judged.
        blocks: How many rows are compared at a time.

    Returns:
        bool [m]: which of `ranked` are kept. (Connected components would chain: a to b to c, a far from c.)
    """
    compare = Comparison(vectors, cosine, blocks.pairs)
    kept = np.zeros(len(ranked), np.bool_)
    for start in range(0, len(ranked), blocks.rows):
        rows = ranked[start : start + blocks.rows]
        is_near = np.zeros(len(rows), np.bool_)
        for others in _split(ranked[kept], blocks.keepers):
            is_near |= compare.near(rows, others).any(axis=1)
        free = np.flatnonzero(~is_near)
        kept[start + free] = _greedy(compare.near(rows[free], rows[free]))
        step.advance(len(rows))
    return kept


def nearest_keepers(
    vectors: NDArray[np.float16],
    others: Rows,
    kept: Rows,
    cosine: float,
    step: Step,
    *,
    blocks: Blocks = DEFAULT_BLOCKS,
) -> NDArray[np.int32]:
    """The keeper that stands for each other pin: the nearest one, if near enough.

    Args:
        vectors: float16 [n, d], unit norm.
        others: int64 [m], rows that were not kept.
        kept: int64 [k], the rows kept, best first.
        cosine: From this cosine on two pins are near-duplicates.
        step: Is told of every row judged.
        blocks: How many rows are compared at a time.

    Returns:
        int32 [m]: places in `kept`, ties to the better-ranked; NO_ROW where none is near enough.
    """
    compare = Comparison(vectors, cosine, blocks.pairs)
    found = np.full(len(others), NO_ROW, np.int32)
    for start in range(0, len(others), blocks.rows):
        rows = others[start : start + blocks.rows]
        found[start : start + len(rows)] = compare.nearest(rows, kept, blocks.keepers)
        step.advance(len(rows))
    return found


def _greedy(near: Mask) -> Mask:
    """Of b ranked pins, those kept, given who is near whom [b, b]."""
    kept = np.zeros(len(near), np.bool_)
    is_near = np.zeros(len(near), np.bool_)
    for at in range(len(near)):
        if not is_near[at]:
            kept[at] = True
            is_near |= near[at]
    return kept


def _split(rows: Rows, n: int) -> Iterator[Rows]:
    for start in range(0, len(rows), n):
        yield rows[start : start + n]
