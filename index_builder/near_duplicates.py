"""Near-duplicates, exactly: who is kept, and which keeper stands for each of the others.

Products in float32 find the pairs that could matter, within a proven error; where they cannot tell, exact
products in float64 of the stored float16 vectors decide. So the answer does not depend on block sizes, the
number of threads or the machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from process.progress import Step
from storage.pins.port import NO_ROW

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


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
    compare = _Comparison(vectors, cosine, blocks.pairs)
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
    compare = _Comparison(vectors, cosine, blocks.pairs)
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


class _Comparison:
    """Compares rows with rows at one threshold."""

    def __init__(self, vectors: NDArray[np.float16], cosine: float, pairs_at_a_time: int) -> None:
        self._vectors = vectors
        self._cosine = cosine
        self._pairs_at_a_time = pairs_at_a_time
        # A float32 sum of d products of unit vectors is off by less than d roundings, in any order.
        self._doubt = np.float32((vectors.shape[1] + 8) * np.finfo(np.float32).eps)

    def near(self, rows: Rows, others: Rows) -> Mask:
        """Whose cosine is at or above the threshold: bool [r, o]."""
        products = self._products(rows, others)
        near = products >= self._cosine + self._doubt
        at, other_at = np.nonzero(~near & (products >= self._cosine - self._doubt))
        near[at, other_at] = self._exact(rows[at], others[other_at]) >= self._cosine
        return near

    def nearest(self, rows: Rows, kept: Rows, keepers_at_a_time: int) -> NDArray[np.int32]:
        """int32 [r]: the place in `kept` of each row's nearest, or NO_ROW."""
        at, place = self._candidates(rows, kept, keepers_at_a_time)
        cosines = self._exact(rows[at], kept[place])
        order = np.lexsort((place, -cosines, at))
        _, first = np.unique(at[order], return_index=True)
        best = order[first]
        best = best[cosines[best] >= self._cosine]
        found = np.full(len(rows), NO_ROW, np.int32)
        found[at[best]] = place[best]
        return found

    def _candidates(self, rows: Rows, kept: Rows, keepers_at_a_time: int) -> tuple[Rows, Rows]:
        """Pairs (place in rows, place in kept) among which each row's nearest is, if it is near enough."""
        floor = np.full(len(rows), self._cosine - self._doubt, np.float32)
        pairs = []
        for start in range(0, len(kept), keepers_at_a_time):
            products = self._products(rows, kept[start : start + keepers_at_a_time])
            # Both the nearest so far and its rival may be off by the doubt.
            floor = np.maximum(floor, products.max(axis=1) - 2 * self._doubt)
            at, place = np.nonzero(products >= floor[:, np.newaxis])
            pairs.append((at, place + start, products[at, place]))
        at, place, product = (np.concatenate(column) for column in zip(*pairs, strict=True))
        possible = product >= floor[at]
        return at[possible], place[possible]

    def _products(self, rows: Rows, others: Rows) -> NDArray[np.float32]:
        """float32 [r, o]: cosines, off by less than the doubt."""
        return self._unit(rows) @ self._unit(others).T

    def _unit(self, rows: Rows) -> NDArray[np.float32]:
        vectors = self._vectors[rows].astype(np.float32)
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def _exact(self, rows: Rows, others: Rows) -> NDArray[np.float64]:
        """float64 [p]: the cosine of each pair; sums are exact, rounding comes after them."""
        found = [np.empty(0)]
        for start in range(0, len(rows), self._pairs_at_a_time):
            pairs = slice(start, start + self._pairs_at_a_time)
            x, y = (
                self._vectors[rows[pairs]].astype(np.float64),
                self._vectors[others[pairs]].astype(np.float64),
            )
            found.append(_inner(x, y) / np.sqrt(_inner(x, x) * _inner(y, y)))
        return np.concatenate(found)


def _inner(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    products: NDArray[np.float64] = np.einsum("pd,pd->p", x, y)
    return products


def _split(rows: Rows, n: int) -> Iterator[Rows]:
    for start in range(0, len(rows), n):
        yield rows[start : start + n]
