"""Pins to look at: what is nearest to a vector, without what the user knows, under the titles of the data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.protocol import Case
from evaluation.retrieval import Retriever

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of a user's interests, the most important first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shelf:
    """The pool, searched and titled.

    Attributes:
        pool: float16 [n, d], unit norm.
        retriever: Over it.
        titles: n texts; None where the data has none.
    """

    pool: NDArray[np.float16]
    retriever: Retriever
    titles: Sequence[str] | None

    def title(self, row: int) -> str:
        """What a pin is called; its row where it has no title."""
        return (self.titles[row] if self.titles is not None else "") or f"pin {row}"

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [k, d]."""
        return self.pool[rows].astype(np.float32)

    def unseen(self, vectors: NDArray[np.float32], cases: Sequence[Case], n: int) -> list[NDArray[np.int64]]:
        """The n pins nearest to each vector that its user has not acted on, nearest first.

        Args:
            vectors: float32 [q, d].
            cases: q, the case of each vector.
            n: How many; fewer where the pool has no more.
        """
        longest = max(len(case.seen) for case in cases)
        _, rows = self.retriever.nearest(vectors, n + longest)
        return [nearest[~np.isin(nearest, case.seen)][:n] for nearest, case in zip(rows, cases, strict=True)]


def letter(place: int) -> str:
    """The name of the interest at this place in order of importance; none after Z."""
    return LETTERS[place] if place < len(LETTERS) else ""
