"""An artefact and what was added to it since, as one: the rows of the one, then the rows of the other."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError
from storage.hashes import hash_ids
from storage.pins.columns import FilterColumns, of_kinds
from storage.pins.filters import ColumnKind, Filter
from storage.pins.ids import known_representatives
from storage.pins.port import NO_ROW, PinView, Vectors
from storage.pins.scoring import Ranked, best_first, exact_search_among, nearer, padded
from storage.pins.side import Side
from storage.pins.texts import EncodedIds, require_rows

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
        self.columns: FilterColumns = _JoinedColumns(main, side)
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

    def representatives_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """int32 [x]: the representatives of those rows, in order; unknown ones are left out."""
        of_main = self.main.representatives_of_hashes(hashes)
        if len(of_main) == len(hashes):
            return of_main
        return known_representatives(self.rows_of_hashes(hashes), self.representatives)

    def pin_ids(self, rows: NDArray[np.integer]) -> list[str]:
        """The ids of rows, in order."""
        return self._texts(rows, self.main.pin_ids, self.side.rows.pin_ids)

    def encoded_ids(self, rows: NDArray[np.integer]) -> EncodedIds:
        """The ids of rows as UTF-8, in order."""
        if len(rows) and int(rows.max()) >= self.main.n_pins:
            return [pin_id.encode() for pin_id in self.pin_ids(rows)]
        return self.main.encoded_ids(rows)

    def titles(self, rows: NDArray[np.integer]) -> list[str]:
        """The titles of rows, in order; empty strings where there are none."""
        return self._texts(rows, self.main.titles, self.side.rows.titles)

    def search(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Ranked:
        """The candidates nearest to each query, of both; see storage.pins.port."""
        k = min(k, self.n_indexed)
        scores, rows = self.main.search(queries, k, ef_search=ef_search)
        added = self.side.searching.search(queries, k, ef_search=ef_search)
        return nearer((scores, rows), added, k, first_row=self.main.n_pins)

    def search_passing(
        self, queries: NDArray[np.float16], k: int, *, bitmap: NDArray[np.uint8], ef_search: int
    ) -> Ranked:
        """Of the artefact those that the graph meets, and of what was added all; see storage.pins.port."""
        scores, rows = self.main.search_passing(queries, k, bitmap=bitmap, ef_search=ef_search)
        pool = self.side.rows.pool
        passing = np.flatnonzero(_bits(bitmap, self.main.n_pins, len(pool)))
        side_scores, side_rows = exact_search_among(queries, pool, passing, k)
        best = [
            best_first(
                np.concatenate([scores[at][rows[at] != NO_ROW], side_scores[at]]),
                np.concatenate([rows[at][rows[at] != NO_ROW], side_rows[at] + self.main.n_pins]),
                k,
            )
            for at in range(len(queries))
        ]
        return padded([each for each, _ in best], [each for _, each in best], k)

    def search_side(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> Ranked:
        """The added candidates nearest to each query, by their rows here."""
        scores, rows = self.side.searching.search(queries, k, ef_search=ef_search)
        return scores, rows + self.main.n_pins

    def _texts(self, rows: NDArray[np.integer], of_main: TextsOf, of_side: Sequence[str]) -> list[str]:
        added = np.flatnonzero(rows >= self.main.n_pins)
        if not len(added):
            return of_main(rows)
        require_rows(rows, self.n_pins)
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


class _JoinedColumns:
    """What both can be filtered by: the artefact's columns, of an added pin null where they are not known."""

    def __init__(self, main: PinView, side: Side) -> None:
        rows = side.rows
        self.kinds: Mapping[str, ColumnKind] = main.columns.kinds
        self._main, self._n_main = main.columns, main.n_pins
        self._side = of_kinds(self.kinds, rows.columns, len(rows), rows.n_indexed)

    def passing(self, asked: Filter) -> NDArray[np.bool_]:
        """See storage.pins.columns.FilterColumns."""
        of_main, of_side = self._main.passing(asked), self._side.passing(asked)
        # Between the candidates of the one and of the other lie pins that are none.
        return np.concatenate([of_main, np.zeros(self._n_main - len(of_main), np.bool_), of_side])


class _JoinedVectors:
    """Rows of two arrays without a copy of the large one."""

    def __init__(self, main: Vectors, side: NDArray[np.float16], n_main: int) -> None:
        self._main, self._side, self._n_main = main, side, n_main

    def __getitem__(self, rows: NDArray[np.integer], /) -> NDArray[np.float16]:
        is_added = rows >= self._n_main
        if not is_added.any():
            return self._main[rows]
        vectors = self._main[np.where(is_added, 0, rows)]
        vectors[is_added] = self._side[rows[is_added] - self._n_main]
        return vectors


def _bits(bitmap: NDArray[np.uint8], first: int, n: int) -> NDArray[np.uint8]:
    """uint8 [n]: the bits of n rows from `first` on."""
    return np.unpackbits(bitmap[first >> 3 :], count=(first & 7) + n, bitorder="little")[first & 7 :]


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
