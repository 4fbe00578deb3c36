"""Each pin's nearest pins, searched once: in memory, and on disk from one run to the next.

Every method that recommends by medoids shares these lists, as the service's requests do.
"""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.retrieval import Ranked, Retriever

_FORMAT = "pinnersage-lists-1"


class ListCache:
    """The `k` nearest pins of pins, by row.

    Args:
        retriever: Over `vectors`.
        vectors: float16 [n, d], unit norm.
        k: The length of a list; all pins of a smaller pool.
    """

    def __init__(self, retriever: Retriever, vectors: NDArray[np.float16], k: int) -> None:
        self._retriever = retriever
        self._vectors = vectors
        self._lists: dict[int, tuple[NDArray[np.float32], NDArray[np.int32]]] = {}
        self.k = min(k, len(vectors))

    def __len__(self) -> int:
        return len(self._lists)

    def fetch(self, rows: NDArray[np.int64]) -> Ranked:
        """The lists of these pins, each pin itself among the first of its own.

        All that are missing are searched at once: asking for many pins is much cheaper than for one by one.

        Args:
            rows: int64 [q], any number of times the same.

        Returns:
            Cosines float32 [q, k], descending, and rows int64 [q, k].
        """
        self._search(rows)
        found = [self._lists[row] for row in rows.tolist()]
        shape = (len(rows), self.k)
        scores = np.array([scores for scores, _ in found], np.float32).reshape(shape)
        return scores, np.array([nearest for _, nearest in found], np.int64).reshape(shape)

    def load(self, file: Path, *, made_of: str) -> None:
        """Take in the lists of an earlier run, where they are of the same length and made of the same.

        A file that is missing, damaged or of something else is passed over: the lists are searched again.
        """
        try:
            with file.open("rb") as reading, np.load(reading, allow_pickle=False) as saved:
                if str(saved["made_of"]) == self._described(made_of):
                    self._keep(saved["of"], saved["scores"], saved["rows"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return

    def save(self, file: Path, *, made_of: str) -> None:
        """Write all lists, in place of what the file held.

        Args:
            file: An .npz file.
            made_of: What the lists depend on besides k: `digest(vectors)` and how they are searched.
        """
        of = np.array(sorted(self._lists), np.int64)
        scores, rows = self.fetch(of)
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.name}.unfinished-{os.getpid()}")
        with unfinished.open("wb") as writing:
            np.savez(
                writing,
                made_of=np.array(self._described(made_of)),
                of=of,
                scores=scores,
                rows=rows.astype(np.int32),
            )
        unfinished.replace(file)

    def _described(self, made_of: str) -> str:
        return f"{_FORMAT} k={self.k} {made_of}"

    def _search(self, rows: NDArray[np.int64]) -> None:
        missing = np.array(sorted(set(rows.tolist()) - self._lists.keys()), np.int64)
        if len(missing):
            self._keep(missing, *self._retriever.nearest(self._vectors[missing], self.k))

    def _keep(self, of: NDArray[np.int64], scores: NDArray[np.float32], rows: NDArray[np.integer]) -> None:
        self._lists.update(zip(of.tolist(), zip(scores, rows.astype(np.int32), strict=True), strict=True))


def digest(vectors: NDArray[np.float16]) -> str:
    """What tells one pool from another: the SHA-256 of its vectors, shortened."""
    return hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest()[:16]
