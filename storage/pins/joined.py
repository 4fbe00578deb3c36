"""An artefact and what was added to it since, as one: the rows of the one, then the rows of the other."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError
from storage.hashes import hash_ids
from storage.pins.port import NO_ROW, PinView, Vectors
from storage.pins.scoring import Ranked, best_first
from storage.pins.side import Side

TextsOf = Callable[[NDArray[np.integer]], list[str]]


class JoinedPins:
    """Implements storage.pins.port.PinView; rows of the artefact keep their numbers.

    Immutable and safe for any number of threads.

    Args:
        main: The artefact.
        side: What was added to it.

    Raises:
        DamagedArtefactError: The side stands beside another version, or holds a pin that is in this one.
    """

    def __init__(self, main: PinView, side: Side) -> None:
        _require_beside(main, side)
        rows = side.rows
        self.main, self.side = main, side
        self.version = f"{main.version}+{side.version}"
        self.embedding_space: EmbeddingSpace = main.embedding_space
        self.n_pins = main.n_pins + len(rows)
        self.n_indexed = main.n_indexed + rows.n_indexed
        self.columns = main.columns
        self.embeddings: Vectors = _JoinedVectors(main.embeddings, rows.embeddings, main.n_pins)
        self.representatives: NDArray[np.int32] = np.concatenate([main.representatives, rows.representatives])
        self.representatives.flags.writeable = False
        self._row_of = {pin_id: main.n_pins + at for at, pin_id in enumerate(rows.pin_ids)}
        hashes = hash_ids(rows.pin_ids).tolist()
        self._row_of_hash = {each: main.n_pins + at for at, each in enumerate(hashes)}

    def row(self, pin_id: str) -> int:
        """The pin's row, or NO_ROW."""
        return int(self.rows([pin_id])[0])

    def rows(self, pin_ids: Sequence[str]) -> NDArray[np.int64]:
        """int64 [n]: the row of each pin, NO_ROW for unknown ones."""
        rows = self.main.rows(pin_ids)
        for at in np.flatnonzero(rows == NO_ROW).tolist():
            rows[at] = self._row_of.get(pin_ids[at], NO_ROW)
        return rows

    def rows_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n]: the row of each xxh3-64 of a pin id, NO_ROW for unknown ones (collisions accepted)."""
        rows = self.main.rows_of_hashes(hashes)
        for at in np.flatnonzero(rows == NO_ROW).tolist():
            rows[at] = self._row_of_hash.get(int(hashes[at]), NO_ROW)
        return rows

    def pin_ids(self, rows: NDArray[np.integer]) -> list[str]:
        """The ids of rows, in order."""
        return self._texts(rows, self.main.pin_ids, self.side.rows.pin_ids)

    def titles(self, rows: NDArray[np.integer]) -> list[str]:
        """The titles of rows, in order; empty strings where there are none."""
        return self._texts(rows, self.main.titles, self.side.rows.titles)

    def search(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Ranked:
        """The candidates nearest to each query, of both; see storage.pins.port."""
        k = min(k, self.n_indexed)
        scores, rows = self.main.search(queries, k, ef_search=ef_search)
        side_scores, side_rows = self.search_side(queries, k, ef_search=ef_search)
        both = np.concatenate([scores, side_scores], axis=1), np.concatenate([rows, side_rows], axis=1)
        best = [best_first(*each, k) for each in zip(*both, strict=True)]
        return (
            np.array([each for each, _ in best], np.float32).reshape(len(queries), k),
            np.array([each for _, each in best], np.int64).reshape(len(queries), k),
        )

    def search_passing(
        self, queries: NDArray[np.float16], k: int, *, bitmap: NDArray[np.uint8], ef_search: int
    ) -> Ranked:
        """The artefact's candidates that pass; what was added has no filter columns, so none of it does."""
        return self.main.search_passing(queries, k, bitmap=bitmap, ef_search=ef_search)

    def search_side(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Ranked:
        """The added candidates nearest to each query, by their rows here."""
        scores, rows = self.side.searching.search(queries, k, ef_search=ef_search)
        return scores, rows + self.main.n_pins

    def _texts(self, rows: NDArray[np.integer], of_main: TextsOf, of_side: Sequence[str]) -> list[str]:
        added = np.flatnonzero(rows >= self.main.n_pins)
        if not len(added):
            return of_main(rows)
        texts = of_main(np.where(rows < self.main.n_pins, rows, 0))
        for at in added.tolist():
            texts[at] = of_side[int(rows[at]) - self.main.n_pins]
        return texts


class OverMain(JoinedPins):
    """All pins of both; candidates are the artefact's only: lists are cached of these, under its version."""

    def __init__(self, main: PinView, side: Side) -> None:
        super().__init__(main, side)
        self.version, self.n_indexed = main.version, main.n_indexed

    def search(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Ranked:
        """The artefact's candidates nearest to each query; see storage.pins.port."""
        return self.main.search(queries, k, ef_search=ef_search)


class _JoinedVectors:
    """Rows of two arrays without a copy of the large one."""

    def __init__(self, main: Vectors, side: NDArray[np.float16], n_main: int) -> None:
        self._main, self._side, self._n_main = main, side, n_main

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.float16]:
        is_added = rows >= self._n_main
        if not is_added.any():
            return self._main[rows]
        vectors = self._main[np.where(is_added, 0, rows)]
        vectors[is_added] = self._side[rows[is_added] - self._n_main]
        return vectors


def _require_beside(main: PinView, side: Side) -> None:
    beside = side.rows.beside
    if (beside.version, beside.n_pins) != (main.version, main.n_pins):
        raise DamagedArtefactError(
            f"the added pins {side.version} stand beside {beside.version} ({beside.n_pins:,} pins), "
            f"not beside {main.version} ({main.n_pins:,} pins). Run: python -m index_builder add --to DIR"
        )
    main.embedding_space.require(side.rows.embedding_space, ours="the pin artefact", theirs="the added pins")
    if (main.rows(side.rows.pin_ids) != NO_ROW).any():
        raise DamagedArtefactError(f"the added pins {side.version} hold a pin that {main.version} holds, too")
