"""Compares rows with rows at one cosine: float32 finds, and where it cannot tell, exact float64 decides.

Products in float32 find the pairs that could matter, within a proven error; exact products in float64 of the
stored float16 vectors settle the doubtful ones. So the answer depends neither on block sizes nor on the
number of threads nor on the machine.
"""

import numpy as np
from numpy.typing import NDArray

from storage.pins.port import NO_ROW
from storage.pins.scoring import widened

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Comparison:
    """Compares rows with rows at one threshold.

    Args:
        vectors: float16 [n, d], unit norm.
        cosine: From this cosine on two pins are near-duplicates.
        pairs_at_a_time: How many pairs are widened to float64 at a time.
    """

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
        near[at, other_at] = self.exact(rows[at], others[other_at]) >= self._cosine
        return near

    def nearest(self, rows: Rows, kept: Rows, keepers_at_a_time: int) -> NDArray[np.int32]:
        """int32 [r]: the place in `kept` of each row's nearest, or NO_ROW."""
        at, place = self._candidates(rows, kept, keepers_at_a_time)
        cosines = self.exact(rows[at], kept[place])
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
        unit = widened(self._vectors[rows])
        unit /= np.sqrt(np.einsum("nd,nd->n", unit, unit))[:, np.newaxis]
        return unit

    def exact(self, rows: Rows, others: Rows) -> NDArray[np.float64]:
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
