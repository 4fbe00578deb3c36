"""The port through which everything looks at pins: the artefact on disk and the in-memory fake alike."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from storage.embedding_space import EmbeddingSpace
from storage.pins.columns import FilterColumns
from storage.pins.texts import EncodedIds

NO_ROW = -1

EF_SEARCH = 320
"""HNSW's efSearch where nobody says another: at a million pins it reaches a recall@200 of 0.95."""


class Vectors(Protocol):
    """Unit vectors by row: an array, or several that are read as one."""

    def __getitem__(self, rows: NDArray[np.integer], /) -> NDArray[np.float16]:
        """float16 [r, d]: a copy of the rows."""
        ...


class PinView(Protocol):
    """Pins by row, of one version or of several that are read as one. Candidates stand for themselves.

    Immutable and safe for any number of threads.
    """

    @property
    def version(self) -> str:
        """The published version's name."""
        ...

    @property
    def embedding_space(self) -> EmbeddingSpace:
        """The space of every vector here."""
        ...

    @property
    def n_pins(self) -> int:
        """All valid pins, refined out or not."""
        ...

    @property
    def n_indexed(self) -> int:
        """How many are candidates."""
        ...

    @property
    def embeddings(self) -> Vectors:
        """float16 [n_pins, d], unit norm, read-only."""
        ...

    @property
    def representatives(self) -> NDArray[np.int32]:
        """int32 [n_pins]: the indexed row that stands for each row (itself, or its keeper), or NO_ROW."""
        ...

    @property
    def columns(self) -> FilterColumns:
        """What pins can be filtered by."""
        ...

    def row(self, pin_id: str) -> int:
        """The pin's row, or NO_ROW when this version does not hold it."""
        ...

    def rows(self, pin_ids: Sequence[str]) -> NDArray[np.int64]:
        """int64 [n]: the row of each pin, NO_ROW for unknown ones."""
        ...

    def rows_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n]: the row of each xxh3-64 of a pin id, NO_ROW for unknown ones (collisions accepted)."""
        ...

    def representatives_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """int32 [x]: the representatives of those rows, in order; unknown ones are left out.

        NO_ROW is among them where nobody stands for a pin.
        """
        ...

    def pin_ids(self, rows: NDArray[np.integer]) -> list[str]:
        """The ids of rows, in order.

        Raises:
            ValueError: A row is none of these, as NO_ROW is.
        """
        ...

    def encoded_ids(self, rows: NDArray[np.integer]) -> EncodedIds:
        """The ids of rows as UTF-8, in order.

        Raises:
            ValueError: A row is none of these, as NO_ROW is.
        """
        ...

    def titles(self, rows: NDArray[np.integer]) -> list[str]:
        """The titles of rows, in order; empty strings where the data had none.

        Raises:
            ValueError: A row is none of these, as NO_ROW is.
        """
        ...

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k indexed pins nearest to each query.

        Args:
            queries: float16 [nq, d], unit norm.
            k: How many; fewer come back only when the pool is smaller.
            ef_search: HNSW's efSearch; values below k are raised to k.

        Returns:
            Cosines float32 [nq, k'] in descending order and rows int64 [nq, k'], k' = min(k, n_indexed).
        """
        ...

    def search_passing(
        self, queries: NDArray[np.float16], k: int, *, bitmap: NDArray[np.uint8], ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k indexed pins nearest to each query among those whose bit is set.

        The graph is walked past all pins: about `ef_search` of the nearest are met, whether they pass or not.

        Args:
            queries: float16 [nq, d], unit norm.
            k: How many.
            bitmap: uint8 [b], as long as there are candidates: bit r % 8, from the lowest, of byte r // 8 is
                row r's.
            ef_search: HNSW's efSearch; values below k are raised to k.

        Returns:
            Cosines float32 [nq, k], descending, and rows int64 [nq, k]; at the end NO_ROW, with a cosine of
            -1, where fewer were met.
        """
        ...


class Pins(PinView, Protocol):
    """All valid pins of one version. Rows 0 to n_indexed - 1 are the refined pool: its candidates."""

    @property
    def embeddings(self) -> NDArray[np.float16]:
        """float16 [n_pins, d], unit norm, read-only."""
        ...
