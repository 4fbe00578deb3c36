"""The pool by topic: which titles each label has, which labels are near it, and what an interest leads to."""

import numpy as np
from numpy.typing import NDArray

from storage.pins.scoring import cosines

_NEIGHBOURS = 20


class Topics:
    """The labels of a pool.

    Args:
        vectors: float16 [n, d], unit norm, one for each title; may be memory-mapped.
        labels: int64 [n], 0 to `n_labels - 1`; a label may have no title.
        n_labels: How many labels there are.
        relatives: How many labels count as near one.
        hearts: Which share of a label's titles may be at the heart of an interest.
    """

    def __init__(
        self,
        vectors: NDArray[np.float16],
        labels: NDArray[np.int64],
        *,
        n_labels: int,
        relatives: int,
        hearts: float,
    ) -> None:
        self.n_titles = len(labels)
        self._share_of_hearts = hearts
        self._hearts: dict[int, NDArray[np.int64]] = {}
        self._vectors = vectors
        order = np.argsort(labels, kind="stable")
        starts = np.searchsorted(labels[order], np.arange(1, n_labels))
        self._rows_of = np.split(order, starts)
        self.labels = np.array([label for label in range(n_labels) if len(self._rows_of[label])], np.int64)
        self._relatives = self._nearest_labels(relatives)

    def rows(self, label: int) -> NDArray[np.int64]:
        """The titles of a label, ascending."""
        return self._rows_of[label]

    def relatives(self, label: int) -> NDArray[np.int64]:
        """The other labels whose mean vectors are nearest to this one's, nearest first."""
        nearest: NDArray[np.int64] = self._relatives[int(np.searchsorted(self.labels, label))]
        return nearest

    def hearts(self, label: int) -> NDArray[np.int64]:
        """The titles of a label that have the most titles of it like them, by their nearest twenty."""
        if label not in self._hearts:
            self._hearts[label] = self._most_alike(self.rows(label))
        return self._hearts[label]

    def attraction(self, label: int, heart: int, breadth: float) -> NDArray[np.float64]:
        """float64 [n of the label]: each title's chance to be acted on, up to a factor; 0 for the heart.

        Args:
            label: The interest's.
            heart: The row of the title at the heart of the interest.
            breadth: The temperature: e times the chance for each `breadth` of cosine to the heart.
        """
        rows = self.rows(label)
        near = cosines(self._vectors[heart], self._vectors[rows]).astype(np.float64)
        return np.where(rows == heart, 0.0, np.exp((near - 1) / breadth))

    def _most_alike(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        vectors = self._vectors[rows]
        # The last but one column on is every title's cosine to itself.
        nearest = np.sort(cosines(vectors, vectors), axis=1)[:, -_NEIGHBOURS - 1 : -1]
        order = np.argsort(-nearest.astype(np.float64).mean(axis=1), kind="stable")
        return rows[order[: max(1, round(self._share_of_hearts * len(rows)))]]

    def _nearest_labels(self, n: int) -> NDArray[np.int64]:
        """int64 [labels with titles, up to n]."""
        means = np.array([self._mean_direction(label) for label in self.labels.tolist()])
        likeness = means @ means.T
        np.fill_diagonal(likeness, -np.inf)
        order = np.argsort(-likeness, axis=1, kind="stable")
        nearest: NDArray[np.int64] = self.labels[order[:, : min(n, len(self.labels) - 1)]]
        return nearest

    def _mean_direction(self, label: int) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = self._vectors[self.rows(label)].astype(np.float64).mean(axis=0)
        return mean / np.linalg.norm(mean)
