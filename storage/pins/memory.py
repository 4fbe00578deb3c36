"""Pins in memory with exact search: the fake of the pin artefact, and its oracle."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.pins.columns import NO_COLUMNS, Column, encoded
from storage.pins.ids import known_representatives
from storage.pins.port import NO_ROW
from storage.pins.scoring import exact_search, exact_search_among, padded
from storage.pins.texts import EncodedIds, require_rows

Scalar = TypeVar("Scalar", bound=np.generic)


class InMemoryPins:
    """Implements storage.pins.port.Pins over arrays; the first `n_indexed` pins are the refined pool.

    Args:
        pin_ids: Distinct ids, n of them.
        embeddings: float16 [n, d], unit norm.
        embedding_space: The space of the embeddings.
        titles: n titles; empty ones when left out.
        representatives: int32 [n]; every pin stands for itself when left out.
        n_indexed: How many of the first pins are searched; all when left out.
        version: What `version` answers.
        columns: What pins can be filtered by: texts (large_string), int64 Unix seconds or booleans.
    """

    def __init__(
        self,
        pin_ids: Sequence[str],
        embeddings: NDArray[np.float16],
        *,
        embedding_space: EmbeddingSpace,
        titles: Sequence[str] | None = None,
        representatives: NDArray[np.int32] | None = None,
        n_indexed: int | None = None,
        version: str = "memory",
        columns: Mapping[str, Column] | None = None,
    ) -> None:
        n = len(pin_ids)
        self.version = version
        self.embedding_space = embedding_space
        self.n_pins = n
        self.n_indexed = n if n_indexed is None else n_indexed
        self.embeddings = _read_only(np.array(embeddings, np.float16))
        self.representatives = _read_only(
            np.arange(n, dtype=np.int32) if representatives is None else np.array(representatives, np.int32)
        )
        self.columns = encoded(columns, self.n_indexed) if columns else NO_COLUMNS
        self._pin_ids = tuple(pin_ids)
        self._titles = ("",) * n if titles is None else tuple(titles)
        self._row_of = {pin_id: row for row, pin_id in enumerate(pin_ids)}
        self._row_of_hash = {int(key): row for row, key in enumerate(hash_ids(pin_ids))}

    def row(self, pin_id: str) -> int:
        """The pin's row, or NO_ROW."""
        return self._row_of.get(pin_id, NO_ROW)

    def rows(self, pin_ids: Sequence[str]) -> NDArray[np.int64]:
        """int64 [n]: the row of each pin, NO_ROW for unknown ones."""
        return np.array([self.row(pin_id) for pin_id in pin_ids], np.int64)

    def rows_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n]: the row of each xxh3-64 of a pin id, NO_ROW for unknown ones."""
        return np.array([self._row_of_hash.get(int(key), NO_ROW) for key in hashes], np.int64)

    def representatives_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """int32 [x]: the representatives of those rows, in order; unknown ones are left out."""
        return known_representatives(self.rows_of_hashes(hashes), self.representatives)

    def pin_ids(self, rows: NDArray[np.integer]) -> list[str]:
        """The ids of rows, in order."""
        require_rows(rows, self.n_pins)
        return [self._pin_ids[row] for row in rows]

    def encoded_ids(self, rows: NDArray[np.integer]) -> EncodedIds:
        """The ids of rows as UTF-8, in order."""
        return [pin_id.encode() for pin_id in self.pin_ids(rows)]

    def titles(self, rows: NDArray[np.integer]) -> list[str]:
        """The titles of rows, in order; empty strings where there are none."""
        require_rows(rows, self.n_pins)
        return [self._titles[row] for row in rows]

    def search(
        self,
        queries: NDArray[np.float16],
        k: int,
        *,
        ef_search: int,  # noqa: ARG002 - the port's; exact search has no such knob
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k indexed pins nearest to each query, exactly; see storage.pins.port."""
        return exact_search(queries, self.embeddings[: self.n_indexed], min(k, self.n_indexed))

    def search_passing(
        self,
        queries: NDArray[np.float16],
        k: int,
        *,
        bitmap: NDArray[np.uint8],
        ef_search: int,  # noqa: ARG002 - as above
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest among those whose bit is set, exactly; see storage.pins.port."""
        rows = np.flatnonzero(np.unpackbits(bitmap, count=self.n_indexed, bitorder="little"))
        return padded(*exact_search_among(queries, self.embeddings, rows, k), k)


def _read_only(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.flags.writeable = False
    return array
