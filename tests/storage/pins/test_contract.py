"""The contract of storage.pins.port, run on the artefact and on the in-memory fake alike."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.pins.port import NO_ROW, Pins
from tests.storage.pins.worlds import World, cloud, compass, in_memory, on_circle, published, texts

Make = Callable[[World], Pins]


@pytest.fixture(params=["memory", "artefact"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Either implementation over a world."""
    return in_memory if request.param == "memory" else lambda world: published(tmp_path, world)


@pytest.fixture
def pins(make: Make) -> Pins:
    """The compass."""
    return make(compass())


def test_it_says_what_it_is(pins: Pins) -> None:
    """Version, space and counts."""
    assert pins.version
    assert pins.embedding_space == EmbeddingSpace("compass-1", 2)
    assert (pins.n_pins, pins.n_indexed) == (38, 36)


def test_every_id_has_its_row_and_every_row_its_id(pins: Pins) -> None:
    """Refined out or not."""
    rows = np.arange(pins.n_pins)
    pin_ids = pins.pin_ids(rows)
    assert pin_ids == compass().rows.pin_ids.to_pylist()
    assert pins.rows(pin_ids).tolist() == rows.tolist()
    assert [pins.row(pin_id) for pin_id in pin_ids] == rows.tolist()


def test_unknown_ids_have_no_row(pins: Pins) -> None:
    """Among known ones as well, in any order, more than once."""
    assert pins.row("45N") == NO_ROW
    assert pins.row("") == NO_ROW
    rows = pins.rows(["10N", "unknown", "0N", "10N"])
    assert rows.dtype == np.int64
    assert rows.tolist() == [1, NO_ROW, 0, 1]


@pytest.mark.parametrize("of_one_length", [True, False])
@pytest.mark.parametrize("row", [NO_ROW, 38, -38, 2**62])
def test_a_row_that_is_none_has_no_texts(make: Make, of_one_length: bool, row: int) -> None:
    """An array finds its last by NO_ROW; whatever the lengths of ids, nobody is told of another pin."""
    world = compass()
    if of_one_length:
        ids = texts(f"pin-{at:02}" for at in range(38))
        world = replace(world, rows=replace(world.rows, pin_ids=ids))
    pins = make(world)
    rows = np.array([0, row, 37])
    for texts_of in (pins.pin_ids, pins.encoded_ids, pins.titles):
        with pytest.raises(ValueError, match=f"row {row} is none of 38"):
            texts_of(rows)


def test_nothing_asked_is_nothing_answered(pins: Pins) -> None:
    """Empty lists are no special case for callers."""
    assert pins.rows([]).tolist() == []
    assert pins.rows_of_hashes(np.empty(0, np.uint64)).tolist() == []
    assert pins.representatives_of_hashes(np.empty(0, np.uint64)).tolist() == []
    assert pins.pin_ids(np.empty(0, np.int64)) == []
    scores, rows = pins.search(np.empty((0, 2), np.float16), 5, ef_search=16)
    assert scores.shape == rows.shape == (0, 5)


def test_hashes_lead_to_rows(pins: Pins) -> None:
    """What `seen` sets keep."""
    rows = pins.rows_of_hashes(hash_ids(["350N", "unknown", "0N"]))
    assert rows.dtype == np.int64
    assert rows.tolist() == [35, NO_ROW, 0]
    extremes = np.array([0, 2**64 - 1], np.uint64)
    assert pins.rows_of_hashes(extremes).tolist() == [NO_ROW, NO_ROW]


def test_hashes_lead_to_who_stands_for_them(pins: Pins) -> None:
    """In order, without unknown ones; NO_ROW for a pin that nobody stands for."""
    found = pins.representatives_of_hashes(hash_ids(["350N", "91N", "unknown", "225N", "91N"]))
    assert found.dtype == np.int32
    assert found.tolist() == [35, 9, NO_ROW, 9]


def test_titles_come_in_order(pins: Pins) -> None:
    """As the data had them."""
    assert pins.titles(np.array([9, 0, 36])) == ["90°", "0°", "91°"]


def test_titles_are_empty_where_there_are_none(make: Make) -> None:
    """Callers need not know whether the data had titles."""
    pins = make(compass(titles=False))
    assert pins.titles(np.array([9, 0])) == ["", ""]
    with pytest.raises(ValueError, match="row -1 is none of 38"):
        pins.titles(np.array([9, NO_ROW]))


def test_arrays_are_read_only(pins: Pins) -> None:
    """One version is shared by all threads."""
    assert pins.embeddings.dtype == np.float16
    assert pins.embeddings.shape == (38, 2)
    assert pins.representatives.dtype == np.int32
    assert pins.representatives.tolist()[34:] == [34, 35, 9, NO_ROW]
    with pytest.raises(ValueError, match="read-only"):
        pins.embeddings[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        pins.representatives[0] = 0


def test_the_nearest_come_first(pins: Pins) -> None:
    """From 3 degrees: 0, then 10, then 350, then 20."""
    scores, rows = pins.search(on_circle([3]), 4, ef_search=64)
    assert pins.pin_ids(rows[0]) == ["0N", "10N", "350N", "20N"]
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    np.testing.assert_allclose(scores[0], np.cos(np.deg2rad([3, 7, 13, 17])), atol=1e-3)


def test_equal_scores_are_ordered_by_row(pins: Pins) -> None:
    """From 0 degrees, 10 and 350 are equally far, and so are 20 and 340."""
    scores, rows = pins.search(on_circle([0]), 5, ef_search=64)
    assert rows[0].tolist() == [0, 1, 35, 2, 34]
    assert scores[0, 1] == scores[0, 2]


def test_what_was_refined_out_is_found_by_nobody(pins: Pins) -> None:
    """91 asks and gets 90, not itself; asked for all, only the pool comes back."""
    query = pins.embeddings[pins.rows(["91N"])]
    _, rows = pins.search(query, 1_000, ef_search=16)
    assert rows.shape == (1, 36)
    assert pins.pin_ids(rows[0, :1]) == ["90N"]
    assert sorted(rows[0].tolist()) == list(range(36))


def test_many_queries_are_answered_each_by_itself(pins: Pins) -> None:
    """A batch changes nothing."""
    queries = pins.embeddings[::5]
    scores, rows = pins.search(queries, 7, ef_search=64)
    for at, query in enumerate(queries):
        one_scores, one_rows = pins.search(query[np.newaxis], 7, ef_search=64)
        assert one_rows[0].tolist() == rows[at].tolist()
        assert one_scores[0].tolist() == scores[at].tolist()


def test_scores_are_cosines(make: Make) -> None:
    """Never above 1, though float16 rounds some vectors to a length just above it."""
    pins = make(cloud(300, 24))
    scores, rows = pins.search(pins.embeddings, 300, ef_search=300)
    assert scores.max() == 1.0
    assert (np.diff(scores, axis=1) <= 0).all()
    exact = pins.embeddings.astype(np.float64) @ pins.embeddings.astype(np.float64).T
    np.testing.assert_array_equal(
        scores, np.clip(np.take_along_axis(exact, rows, axis=1), -1, 1).astype("f4")
    )


def test_a_small_ef_search_still_gives_k(make: Make) -> None:
    """It is raised to k: a list is never cut short."""
    pins = make(cloud(300, 24))
    _, rows = pins.search(pins.embeddings[:20], 100, ef_search=1)
    assert rows.min() >= 0
    assert all(len(set(found)) == 100 for found in rows.tolist())


def test_threads_get_the_same_answers(make: Make) -> None:
    """One version serves any number of them."""
    pins = make(cloud(300, 24))
    expected = pins.search(pins.embeddings[:40], 10, ef_search=64)[1]

    def ask(row: int) -> list[int]:
        assert pins.row(f"p{row}") == row
        rows: list[int] = pins.search(pins.embeddings[row : row + 1], 10, ef_search=64)[1][0].tolist()
        return rows

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, list(range(40)) * 5)) == expected.tolist() * 5


def test_only_those_whose_bit_is_set_are_found(pins: Pins) -> None:
    """Every third pin of the compass, nearest first."""
    bits = np.arange(pins.n_indexed) % 3 == 0
    bitmap = np.packbits(bits, bitorder="little")
    scores, rows = pins.search_passing(on_circle([1]), 3, bitmap=bitmap, ef_search=64)
    assert rows.tolist() == [[0, 3, 33]]
    assert scores[0] == pytest.approx(np.cos(np.deg2rad([1, 29, 31])), abs=1e-3)


def test_fewer_that_pass_than_asked_for_leave_room_at_the_end(pins: Pins) -> None:
    """Rows of -1 with the least cosine; a pin outside the index never comes, nor does one without a bit."""
    bitmap = np.packbits(np.arange(40) == 9, bitorder="little")
    scores, rows = pins.search_passing(on_circle([90, 270]), 2, bitmap=bitmap, ef_search=64)
    assert rows.tolist() == [[9, -1], [9, -1]]
    assert scores[:, 1].tolist() == [-1, -1]
    _, rows = pins.search_passing(on_circle([90]), 2, bitmap=np.zeros(5, np.uint8), ef_search=64)
    assert rows.tolist() == [[-1, -1]]
