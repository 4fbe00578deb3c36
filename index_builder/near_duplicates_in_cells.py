"""Near-duplicates of a large pool: as index_builder.near_duplicates, but only pins that share a cell compare.

Whether two pins are near is decided exactly; what can be missed are near pins that share none of their
`probes` nearest centres. Of planted pairs among 1,000,000 title vectors of 256 dimensions, exactly at the
threshold, where a miss is likeliest:

    probes      1        2        3        4        6
    0.98     14.1 %    0.8 %   0.02 %   0.00 %   0.00 %
    0.95     20.9 %    2.5 %   0.28 %   0.02 %   0.02 %
    0.90     30.1 %    6.1 %   1.68 %   0.72 %   0.05 %

Comparing takes about as long as assigning at 4 probes, and grows with their square.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index_builder.cells import Cells, Grouped
from index_builder.comparing import Comparison, Mask, Rows
from index_builder.near_duplicates import keepers
from process.progress import Step
from storage.pins.port import NO_ROW

LOWEST_COSINE = 0.90
"""Below it near pins are too far apart to share cells reliably: compare all of them."""

_CLOSE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """How a pool is divided into cells: speed, and which near pairs may be missed.

    Attributes:
        probes: In how many cells a pin lies.
        cells_per_root: Cells for each square root of the pool's size, before near centres are thinned out.
    """

    probes: int = 4
    cells_per_root: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """How much is done at a time: memory and speed, never the answer.

    Attributes:
        rows: Judged at a time.
        compared: Of a cell compared with the rest of it at a time.
        near_pairs: Remembered at a time; where there are more, fewer rows are judged at a time.
        exact_pairs: Compared in float64 at a time.
        assigned: Rows assigned to cells at a time.
    """

    rows: int = 262_144
    compared: int = 2_048
    near_pairs: int = 4_000_000
    exact_pairs: int = 65_536
    assigned: int = 2_048


DEFAULT_BATCHES = Batches()


def partition_for(cosine: float) -> Partition:
    """What misses at most one pair in a hundred at this cosine, also of pins in every direction."""
    return Partition(probes=4 if cosine >= _CLOSE else 8)


class NearDuplicatesInCells:
    """Judges the pins of one pool.

    Args:
        vectors: float16 [n, d], unit norm.
        ranked: int64 [n], all rows, best first: the centres are spread evenly over them.
        cosine: From this cosine on two pins are near-duplicates.
        step: Is told of the centres compared with one another, and of every row judged.
        partition: Into cells; `partition_for` the cosine when left out.
        batches: How much is done at a time.
    """

    def __init__(
        self,
        vectors: NDArray[np.float16],
        ranked: Rows,
        cosine: float,
        step: Step,
        *,
        partition: Partition | None = None,
        batches: Batches = DEFAULT_BATCHES,
    ) -> None:
        self._compare = Comparison(vectors, cosine, batches.exact_pairs)
        self._step = step
        self._batches = batches
        partition = partition or partition_for(cosine)
        centres = _centres(vectors, ranked, cosine, partition)
        self._cells = Cells(vectors, centres, partition.probes, block_rows=batches.assigned)

    def keepers(self, ranked: Rows) -> Mask:
        """Bool [m]: which of the rows `ranked`, best first, are kept: greedily, as in `near_duplicates`."""
        kept = np.zeros(len(ranked), np.bool_)
        for start in range(0, len(ranked), self._batches.rows):
            places = np.arange(start, min(start + self._batches.rows, len(ranked)))
            self._judge(ranked, places, kept)
            self._step.advance(len(places))
        return kept

    def nearest_keepers(self, others: Rows, kept: Rows) -> NDArray[np.int32]:
        """int32 [m]: each other's place in `kept`, best first, of its nearest; as in `near_duplicates`."""
        found = np.full(len(others), NO_ROW, np.int32)
        in_cells = self._cells.group(kept)
        for start in range(0, len(others), self._batches.rows):
            rows = others[start : start + self._batches.rows]
            found[start : start + len(rows)] = self._nearest(rows, kept, in_cells)
            self._step.advance(len(rows))
        return found

    def _judge(self, ranked: Rows, places: Rows, kept: Mask) -> None:
        """Mark which of the rows at `places` are kept, given all better-ranked ones."""
        near = self._near_kept(ranked[places], ranked[np.flatnonzero(kept)])
        free = places[~near]
        pairs = self._near_pairs(ranked[free])
        if pairs is not None:
            kept[free[_greedy(len(free), pairs)]] = True
            return
        # So many of them are near one another that most will go as soon as the best are known.
        for half in np.array_split(free, 2):
            self._judge(ranked, half, kept)

    def _near_kept(self, rows: Rows, kept: Rows) -> Mask:
        """Bool [r]: whose cosine to a keeper of one of its cells reaches the threshold."""
        is_near = np.zeros(len(rows), np.bool_)
        mine, theirs = self._cells.group(rows), self._cells.group(kept)
        for cell in np.flatnonzero((mine.sizes > 0) & (theirs.sizes > 0)).tolist():
            places, others = mine.members(cell), kept[theirs.members(cell)]
            for part in self._parts(others):
                places = places[~is_near[places]]
                is_near[places] = self._compare.near(rows[places], part).any(axis=1)
        return is_near

    def _near_pairs(self, rows: Rows) -> tuple[Rows, Rows] | None:
        """Places (better, worse) of the near pairs that share a cell, some twice; None if too many."""
        found: list[tuple[Rows, Rows]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
        n_found, limit = 0, self._batches.near_pairs
        grouped = self._cells.group(rows)
        for cell in np.flatnonzero(grouped.sizes > 1).tolist():
            for pairs in self._near_in_cell(rows, grouped.members(cell)):
                n_found += len(pairs[0])
                if n_found > limit:
                    return None
                found.append(pairs)
        better, worse = (np.concatenate(column) for column in zip(*found, strict=True))
        return better, worse

    def _near_in_cell(self, rows: Rows, members: Rows) -> Iterator[tuple[Rows, Rows]]:
        n = self._batches.compared
        for start in range(0, len(members), n):
            some = members[start : start + n]
            for part in self._parts(members[start:]):
                at, other_at = np.nonzero(self._compare.near(rows[some], rows[part]))
                better, worse = some[at], part[other_at]
                yield better[better < worse], worse[better < worse]

    def _nearest(self, rows: Rows, kept: Rows, in_cells: Grouped) -> NDArray[np.int32]:
        """int32 [r]: the nearest of the nearest in each of a row's cells."""
        at, place = self._nearest_in_cells(rows, kept, in_cells)
        cosines = self._compare.exact(rows[at], kept[place])
        order = np.lexsort((place, -cosines, at))
        asked, first = np.unique(at[order], return_index=True)
        found = np.full(len(rows), NO_ROW, np.int32)
        found[asked] = place[order[first]]
        return found

    def _nearest_in_cells(self, rows: Rows, kept: Rows, in_cells: Grouped) -> tuple[Rows, Rows]:
        """Pairs (place in rows, place in kept): the nearest in each cell, where it is near enough."""
        found: list[tuple[Rows, Rows]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
        grouped = self._cells.group(rows)
        for cell in np.flatnonzero((grouped.sizes > 0) & (in_cells.sizes > 0)).tolist():
            theirs = in_cells.members(cell)
            for places in self._parts(grouped.members(cell)):
                nearest = self._compare.nearest(rows[places], kept[theirs], self._batches.compared)
                is_found = nearest != NO_ROW
                found.append((places[is_found], theirs[nearest[is_found]]))
        at, place = (np.concatenate(column) for column in zip(*found, strict=True))
        return at, place

    def _parts(self, rows: Rows) -> Iterator[Rows]:
        for start in range(0, len(rows), self._batches.compared):
            yield rows[start : start + self._batches.compared]


def _centres(vectors: NDArray[np.float16], ranked: Rows, cosine: float, partition: Partition) -> Rows:
    """Rows spread evenly over the ranking, no two within twice the angle of near-duplicates.

    Where many pins lie close together, many centres would: near pins could each choose others of them.
    """
    n = min(len(ranked), 1 + round(partition.cells_per_root * np.sqrt(len(ranked))))
    spread = ranked[np.linspace(0, len(ranked) - 1, n).astype(np.int64)]
    twice_the_angle = max(2 * cosine * cosine - 1, 0.0)
    return spread[keepers(vectors, spread, twice_the_angle, _Silent())]


class _Silent:
    def advance(self, n: int = 1) -> None:
        """Choosing centres is no part of what is counted."""


def _greedy(n: int, pairs: tuple[Rows, Rows]) -> Rows:
    """Of n ranked pins the places of those kept, given all near pairs (better, worse)."""
    better, worse = pairs
    is_kept = np.ones(n, np.bool_)
    order = np.argsort(better, kind="stable")
    better, worse = better[order], worse[order]
    firsts, starts = np.unique(better, return_index=True)
    # Best first: by the time a pin is asked, all that could drop it have been.
    for first, start, end in zip(firsts, starts, np.append(starts, len(worse))[1:], strict=True):
        if is_kept[first]:
            is_kept[worse[start:end]] = False
    return np.flatnonzero(is_kept)
