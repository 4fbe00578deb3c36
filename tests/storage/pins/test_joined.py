"""An artefact and what was added to it, as one; its twin is one artefact of all pins, searched exactly."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError, EmbeddingSpaceMismatchError
from storage.hashes import hash_ids
from storage.pins.hnsw import Hnsw
from storage.pins.joined import JoinedPins
from storage.pins.layout import INDEX
from storage.pins.memory import InMemoryPins
from storage.pins.port import NO_ROW
from storage.pins.scoring import exact_search_among
from storage.pins.side import Beside, Side, SideRows, side_versions, write_side
from storage.pins.side_search import SideSearch

SPACE = EmbeddingSpace("s", 16)


def unit_vectors(n: int, seed: int) -> NDArray[np.float16]:
    x = np.random.default_rng(seed).standard_normal((n, SPACE.dimension))
    unit: NDArray[np.float64] = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit.astype(np.float16)


def side_rows(n: int, n_main: int, *, seed: int = 1, others: tuple[int, ...] = ()) -> SideRows:
    """New candidates, and others who are stood for by the rows given."""
    size = n + len(others)
    return SideRows(
        beside=Beside("main", n_main),
        embedding_space=SPACE,
        pin_ids=tuple(f"new{at}" for at in range(size)),
        titles=tuple(f"New {at}" for at in range(size)),
        quality=np.full(size, np.nan),
        embeddings=unit_vectors(size, seed),
        representatives=np.array([*range(n_main, n_main + n), *others], np.int32),
        n_indexed=n,
    )


def main_of(n: int, *, n_indexed: int | None = None) -> InMemoryPins:
    n_indexed = n if n_indexed is None else n_indexed
    return InMemoryPins(
        [f"old{at}" for at in range(n)],
        unit_vectors(n, 0),
        embedding_space=SPACE,
        titles=[f"Old {at}" for at in range(n)],
        representatives=np.array([*range(n_indexed), *[NO_ROW] * (n - n_indexed)], np.int32),
        n_indexed=n_indexed,
        version="main",
    )


def side_of(rows: SideRows) -> Side:
    return Side(version="side", rows=rows, searching=SideSearch(rows.pool))


def publish(root: Path, rows: SideRows, index: Hnsw | None = None) -> Side:
    side_versions(root).publish(lambda folder: write_side(folder, rows, index))
    return Side.open(root)


@pytest.mark.parametrize("n_added", [0, 1, 50, 400])
@pytest.mark.parametrize("k", [1, 20, 300, 1_000])
def test_search_is_that_of_one_artefact(n_added: int, k: int) -> None:
    """Candidates, their order and their cosines are those of one artefact of all pins."""
    main, rows = main_of(250, n_indexed=240), side_rows(n_added, 250)
    joined = JoinedPins(main, side_of(rows))
    twin = InMemoryPins(
        [*main.pin_ids(np.arange(240)), *rows.pin_ids],
        np.concatenate([main.embeddings[:240], rows.embeddings]),
        embedding_space=SPACE,
    )
    queries = unit_vectors(5, 2)
    scores, found = joined.search(queries, k, ef_search=64)
    expected_scores, expected = twin.search(queries, k, ef_search=64)
    np.testing.assert_array_equal(scores, expected_scores)
    assert [joined.pin_ids(each) for each in found] == [twin.pin_ids(each) for each in expected]


@pytest.mark.parametrize("n_main", [16, 19, 23])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_search_of_those_that_pass(n_main: int, k: int) -> None:
    """Candidates of both whose bit is set, wherever in a byte the added ones begin; at the end NO_ROW."""
    main, rows = main_of(n_main, n_indexed=14), side_rows(11, n_main)
    joined = JoinedPins(main, side_of(rows))
    passes = np.random.default_rng(n_main).random(n_main + 11) < 0.5
    passes[14:n_main] = False
    queries = unit_vectors(3, 2)
    scores, found = joined.search_passing(
        queries, k, bitmap=np.packbits(passes, bitorder="little"), ef_search=64
    )
    vectors = np.concatenate([main.embeddings, rows.embeddings])
    expected = exact_search_among(queries, vectors, np.flatnonzero(passes), k)
    for at in range(len(queries)):
        n = len(expected[1][at])
        assert found[at].tolist() == [*expected[1][at].tolist(), *[NO_ROW] * (k - n)]
        assert scores[at].tolist() == [*expected[0][at].tolist(), *[-1.0] * (k - n)]


def test_every_pin_is_known_by_its_row() -> None:
    """Ids, hashes, titles, vectors and representatives of both, rows of the artefact first."""
    rows = side_rows(2, 3, others=(1, 3, NO_ROW))
    main = main_of(3)
    joined = JoinedPins(main, side_of(rows))
    asked = ["new1", "old2", "nobody", "new4", "old0"]
    expected = np.array([4, 2, NO_ROW, 7, 0])
    np.testing.assert_array_equal(joined.rows(asked), expected)
    np.testing.assert_array_equal(joined.rows_of_hashes(hash_ids(asked)), expected)
    for hashes in (hash_ids(asked), hash_ids(["old2", "old0"]), hash_ids(["new3", "new0"])):
        rows_held = joined.rows_of_hashes(hashes)
        np.testing.assert_array_equal(
            joined.representatives_of_hashes(hashes), joined.representatives[rows_held[rows_held != NO_ROW]]
        )
    assert (joined.row("new0"), joined.row("nobody")) == (3, NO_ROW)
    held = expected[expected != NO_ROW]
    assert joined.pin_ids(held) == ["new1", "old2", "new4", "old0"]
    assert joined.titles(held) == ["New 1", "Old 2", "New 4", "Old 0"]
    np.testing.assert_array_equal(
        joined.embeddings[held], np.concatenate([main.embeddings, rows.embeddings])[held]
    )
    assert joined.representatives.tolist() == [0, 1, 2, 3, 4, 1, 3, NO_ROW]
    assert (joined.n_pins, joined.n_indexed, joined.version) == (8, 5, "main+side")


@pytest.mark.parametrize("row", [NO_ROW, 8, -8])
@pytest.mark.parametrize("beside", [0, 5])
def test_a_row_that_is_none_has_no_texts(row: int, beside: int) -> None:
    """Neither of the artefact nor of what was added, whichever of them the other rows are of."""
    joined = JoinedPins(main_of(3), side_of(side_rows(2, 3, others=(1, 3, NO_ROW))))
    for texts_of in (joined.pin_ids, joined.encoded_ids, joined.titles):
        with pytest.raises(ValueError, match=f"row {row} is none of "):
            texts_of(np.array([beside, row]))


def test_a_side_of_another_version_is_refused() -> None:
    """Its rows would be those of other pins."""
    side = side_of(side_rows(2, 3))
    with pytest.raises(
        DamagedArtefactError, match=r"stand beside main \(3 pins\), not beside main \(4 pins\)"
    ):
        JoinedPins(main_of(4), side)
    main = main_of(3)
    main.version = "other"
    with pytest.raises(DamagedArtefactError, match=r"not beside other \(3 pins\). Run: .* add --to DIR"):
        JoinedPins(main, side)


def test_a_pin_of_both_is_refused() -> None:
    """One id is one pin."""
    rows = replace(side_rows(2, 3), pin_ids=("new0", "old1"))
    with pytest.raises(DamagedArtefactError, match="hold a pin that main holds, too"):
        JoinedPins(main_of(3), side_of(rows))


def test_another_embedding_space_is_refused() -> None:
    """Vectors of different spaces are never compared."""
    rows = replace(side_rows(2, 3), embedding_space=EmbeddingSpace("t", 16))
    with pytest.raises(EmbeddingSpaceMismatchError):
        JoinedPins(main_of(3), side_of(rows))


def test_published_and_read_back(tmp_path: Path) -> None:
    """What is read is what was written."""
    rows = side_rows(3, 5, others=(2, NO_ROW))
    read = publish(tmp_path, rows).rows
    assert (read.beside, read.embedding_space, read.n_indexed) == (rows.beside, SPACE, 3)
    assert (read.pin_ids, read.titles) == (rows.pin_ids, rows.titles)
    np.testing.assert_array_equal(read.embeddings, rows.embeddings)
    np.testing.assert_array_equal(read.representatives, rows.representatives)
    np.testing.assert_array_equal(read.quality, rows.quality)


def test_nothing_is_a_side_too(tmp_path: Path) -> None:
    """Once a build holds all that was added, nothing is beside it."""
    side = publish(tmp_path, side_rows(0, 5))
    scores, rows = side.searching.search(unit_vectors(2, 3), 4, ef_search=16)
    assert scores.shape == rows.shape == (2, 0)
    assert JoinedPins(main_of(5), side).rows(["old1", "new0"]).tolist() == [1, NO_ROW]


def test_an_index_finds_what_comparing_all_finds(tmp_path: Path) -> None:
    """With an index that looks at all of so few, the answers are the exact ones."""
    rows = side_rows(300, 5)
    index = Hnsw.empty(SPACE.dimension, m=16, ef_construction=300)
    index.add(rows.pool, threads=1)
    side = publish(tmp_path, rows, index)
    assert (side_versions(tmp_path).folder() / INDEX).exists()
    queries = unit_vectors(10, 4)
    found = side.searching.search(queries, 20, ef_search=300)
    expected = SideSearch(rows.pool).search(queries, 20, ef_search=300)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pin_ids": ("a", "a", "b", "c", "d")}, "a pin is in it twice"),
        ({"representatives": np.array([5, 6, 8, 2, -1], np.int32)}, "a candidate does not stand for itself"),
        ({"representatives": np.array([5, 6, 7, 8, -1], np.int32)}, "by a row that is no candidate"),
        ({"representatives": np.array([5, 6, 7, -2, -1], np.int32)}, "by a row that is no candidate"),
        ({"embeddings": np.ones((5, 16), np.float16)}, "a vector is not of length 1"),
        ({"embeddings": np.full((5, 16), np.nan, np.float16)}, "a vector is not of length 1"),
        ({"embeddings": unit_vectors(4, 0)}, "its files hold"),
        ({"embeddings": unit_vectors(5, 0).astype(np.float32)}, "its files hold"),
        ({"n_indexed": 9}, "its files hold"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    """Checksums prove what was written; that it makes sense is checked besides."""
    rows = replace(side_rows(3, 5, others=(2, NO_ROW)), **changes)
    with pytest.raises(DamagedArtefactError, match=f"{problem}.*rollback --pins"):
        publish(tmp_path, rows)


@pytest.mark.parametrize(("n", "d"), [(4, 16), (2, 8)])
def test_an_index_of_other_vectors_is_refused(tmp_path: Path, n: int, d: int) -> None:
    """Of more than there are candidates, or of another dimension."""
    index = Hnsw.empty(d, m=4, ef_construction=16)
    index.add(unit_vectors(n, 1)[:, :d], threads=1)
    with pytest.raises(DamagedArtefactError, match=f"{INDEX} holds {n} vectors of {d} dimensions"):
        publish(tmp_path, side_rows(3, 5), index)


@pytest.mark.parametrize("n_in_index", [1, 200, 299])
def test_an_index_of_the_first_finds_the_first(tmp_path: Path, n_in_index: int) -> None:
    """The later ones are compared: together they are what comparing all finds."""
    rows = side_rows(300, 5)
    index = Hnsw.empty(SPACE.dimension, m=16, ef_construction=300)
    index.add(rows.pool[:n_in_index], threads=1)
    side = publish(tmp_path, rows, index)
    assert side.n_in_index == n_in_index
    queries = unit_vectors(10, 4)
    for k in (1, 20, 300, 400):
        scores, found = side.searching.search(queries, k, ef_search=400)
        expected_scores, expected = SideSearch(rows.pool).search(queries, k, ef_search=400)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(scores, expected_scores)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """A version of other things is not read as added pins."""
    side_versions(tmp_path).publish(lambda _: {"kind": "pins"})
    with pytest.raises(DamagedArtefactError, match="it holds pins, not pins added between builds"):
        Side.open(tmp_path)
