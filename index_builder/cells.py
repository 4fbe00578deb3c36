"""Cells of a pool: near pins share one, so that only pins that share a cell need to be compared.

The centres are pins of the pool itself, spread evenly over its ranking; nothing is trained. Which centres are
nearest to a pin is computed in whole numbers: vectors are rounded to a lattice so coarse that every sum of
products is below 2^24, where float32 is exact in any order of adding. So the cells are the same on every
machine, with any number of threads and in any blocks, and that at the speed of float32.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index_builder.comparing import Rows
from storage.pins.scoring import widened

Lattice = NDArray[np.float32]
"""Whole numbers in float32 [n, d]; no row is longer than 2^12, so that no product of two exceeds 2^24."""

_LONGEST = 4_095.0
_BLOCK_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class Grouped:
    """Some rows by the cells they lie in.

    Attributes:
        places: Places among the rows, cell by cell, ascending within each.
        bounds: int64 [n_cells + 1]: where each cell begins in `places`.
    """

    places: Rows
    bounds: Rows

    def members(self, cell: int) -> Rows:
        """The places of those in the cell, ascending."""
        return self.places[self.bounds[cell] : self.bounds[cell + 1]]

    @property
    def sizes(self) -> Rows:
        """int64 [n_cells]: how many are in each."""
        return np.diff(self.bounds)


class Cells:
    """The cells in which each row of a pool lies: those of its nearest centres.

    Args:
        vectors: float16 [n, d], unit norm.
        centres: Rows of `vectors`, each the centre of a cell.
        probes: In how many cells a row lies, at most as many as there are.
        block_rows: How many rows are assigned at a time: memory, never the answer.
    """

    def __init__(
        self, vectors: NDArray[np.float16], centres: Rows, probes: int, *, block_rows: int = _BLOCK_ROWS
    ) -> None:
        self.n = len(centres)
        self._cells = np.empty((len(vectors), min(probes, self.n)), np.int32)
        centres_on_lattice = on_lattice(vectors[centres])
        for start in range(0, len(vectors), block_rows):
            block = slice(start, start + block_rows)
            products = on_lattice(vectors[block]) @ centres_on_lattice.T
            self._cells[block] = _highest(products, self._cells.shape[1])

    def group(self, rows: Rows) -> Grouped:
        """The rows by their cells."""
        cells = self._cells[rows]
        order = np.argsort(cells, axis=None, kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(cells.ravel(), minlength=self.n))])
        return Grouped(order // cells.shape[1], bounds)


def on_lattice(vectors: NDArray[np.float16]) -> Lattice:
    """The directions of vectors [n, d], rounded to whole numbers.

    The squares of float16 numbers and their sums are exact in float64; root, quotient, product and rounding
    are each the nearest number: no machine can come to another result.
    """
    x = widened(np.ascontiguousarray(vectors)).astype(np.float64)
    norms = np.sqrt(np.einsum("nd,nd->n", x, x))[:, np.newaxis]
    # Rounding moves each element by half at most.
    length = _LONGEST - np.sqrt(vectors.shape[1]) / 2
    whole: Lattice = np.rint(x / norms * length).astype(np.float32)
    return whole


def _highest(products: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """int64 [n, k]: the columns of each row's k highest products, ties to the lower column."""
    kth = np.partition(products, -k, axis=1)[:, -k, np.newaxis]
    reach = products >= kth
    tied = reach.sum(axis=1) > k
    reach[tied] = False
    highest = np.empty((len(products), k), np.int64)
    highest[~tied] = np.nonzero(reach)[1].reshape(-1, k)
    highest[tied] = np.argsort(-products[tied], axis=1, kind="stable")[:, :k]
    return highest
