"""Buckets of hashes, by numpy and compiled: the same answers, and none from beyond a damaged table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.compiled import compiled
from storage.hashes import hash_ids
from storage.pins import ids
from storage.pins.ids import Buckets, IdLookup, id_table
from storage.pins.port import NO_ROW
from tests.compiling import Boasting, compiled_or_skip

LAST = 2**64 - 1


@pytest.fixture(scope="module", params=["numpy", "compiled"])
def buckets(request: pytest.FixtureRequest) -> type[Buckets]:
    """Either implementation."""
    return Buckets if request.param == "numpy" else compiled_buckets()


@pytest.fixture(scope="module")
def compiled_buckets_alone() -> type[Buckets]:
    """The compiled one."""
    return compiled_buckets()


def compiled_buckets() -> type[Buckets]:
    found: type[Buckets] = compiled_or_skip("storage.pins._lookup").Buckets
    return found


def uint64(values: Sequence[int]) -> NDArray[np.uint64]:
    return np.array(values, np.uint64)


def starts_of(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.int32]:
    firsts = uint64([bucket << (64 - bits) for bucket in range(2**bits)])
    return np.append(hashes.searchsorted(firsts), len(hashes)).astype(np.int32)


def of(
    buckets: type[Buckets],
    hashes: Sequence[int],
    *,
    bits: int = 3,
    rows: Sequence[int] | None = None,
    representatives: Sequence[int] | None = None,
) -> Buckets:
    """Over ascending hashes; of each row stands its hundredfold, where nothing else is said."""
    n = len(hashes)
    return buckets(
        starts_of(uint64(hashes), bits),
        uint64(hashes),
        uint64(range(n) if rows is None else rows),
        np.array([row * 100 for row in range(n)] if representatives is None else representatives, np.int32),
    )


hashes_near_each_other = st.one_of(
    st.integers(0, 7), st.integers(LAST - 7, LAST), st.integers(2**61 - 4, 2**61 + 4), st.integers(0, LAST)
)


@given(
    st.lists(hashes_near_each_other, min_size=1, max_size=40).map(sorted),
    st.lists(hashes_near_each_other, max_size=150),
    st.integers(1, 9),
    st.data(),
)
def test_it_is_a_dictionary(
    buckets: type[Buckets], hashes: list[int], asked: list[int], bits: int, data: st.DataObject
) -> None:
    """Of any hashes, equal ones too, in any buckets, empty ones too: the first row of each."""
    n = len(hashes)
    rows = data.draw(st.permutations(range(n)))
    stand_for = data.draw(st.lists(st.integers(-1, n - 1), min_size=n, max_size=n))
    expected = {key: rows[at] for at, key in reversed(list(enumerate(hashes)))}
    asked = data.draw(st.permutations(asked + hashes))

    lookup = of(buckets, hashes, bits=bits, rows=rows, representatives=stand_for)
    found, representatives = lookup.rows_of(uint64(asked)), lookup.representatives_of(uint64(asked))

    assert found.tolist() == [expected.get(key, NO_ROW) for key in asked]
    assert representatives.tolist() == [stand_for[expected[key]] for key in asked if key in expected]
    assert found.dtype == np.int64
    assert representatives.dtype == np.int32


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 128, 1_000])
def test_any_number_is_looked_up(buckets: type[Buckets], n: int) -> None:
    """Every third of them is unknown; all of them are; none is."""
    lookup = of(buckets, [key << 52 for key in range(4_000)], bits=10)
    known = np.arange(n) * 3
    some = (known.astype(np.uint64) << np.uint64(52)) + uint64([at % 3 == 0 for at in range(n)])
    held = known[np.arange(n) % 3 != 0]
    assert lookup.representatives_of(some).tolist() == (held * 100).tolist()
    assert lookup.rows_of(some)[np.arange(n) % 3 != 0].tolist() == held.tolist()
    assert lookup.representatives_of(some | np.uint64(1)).tolist() == []
    assert lookup.rows_of(some | np.uint64(1)).tolist() == [NO_ROW] * n
    assert lookup.representatives_of(some & ~np.uint64(1)).tolist() == (known * 100).tolist()


def test_all_in_one_bucket_are_found(buckets: type[Buckets]) -> None:
    """The others are empty, before it and behind it; so is what is asked below all and above all."""
    middle = 5 << 61
    lookup = of(buckets, [middle, middle, middle + 1, middle + 9])
    asked = uint64([0, middle - 1, middle, middle + 1, middle + 2, middle + 9, middle + 10, LAST])
    assert lookup.rows_of(asked).tolist() == [NO_ROW, NO_ROW, 0, 2, NO_ROW, 3, NO_ROW, NO_ROW]
    assert lookup.representatives_of(asked).tolist() == [0, 200, 300]


def test_a_pin_that_nobody_stands_for_is_known(buckets: type[Buckets]) -> None:
    """Its representative is NO_ROW, which is not what an unknown one has: that has none."""
    lookup = of(buckets, [1, 2, 3], representatives=[7, NO_ROW, 8])
    assert lookup.representatives_of(uint64([3, 2, 9, 1])).tolist() == [8, NO_ROW, 7]


def test_tables_are_read_where_they_are_mapped(buckets: type[Buckets], tmp_path: Path) -> None:
    """Read-only, and of numpy's class for files."""
    np.save(tmp_path / "table.npy", np.stack([uint64([1, 2, 2**63]), uint64([2, 0, 1])]))
    np.save(tmp_path / "representatives.npy", np.array([5, 6, 7], np.int32))
    table = np.lib.format.open_memmap(tmp_path / "table.npy", mode="r")
    representatives = np.lib.format.open_memmap(tmp_path / "representatives.npy", mode="r")
    lookup = buckets(starts_of(table[0], 2), table[0], table[1], representatives)
    assert lookup.representatives_of(uint64([2**63, 3, 1])).tolist() == [6, 7]


def test_tables_live_as_long_as_what_reads_them(buckets: type[Buckets]) -> None:
    """Whoever made them need not keep them."""
    lookup = of(buckets, [key << 40 for key in range(200_000)])
    assert lookup.rows_of(uint64([150_000 << 40])).tolist() == [150_000]


@pytest.mark.parametrize("n_bytes", [0, 1, 3])
def test_hashes_are_asked_from_wherever_they_lie(buckets: type[Buckets], n_bytes: int) -> None:
    """In a message a user's hashes begin at any byte; others lie apart, or are read-only, or big-endian."""
    lookup = of(buckets, [2, 4, 2**62])
    asked = uint64([4, 5, 2**62])
    shifted = np.frombuffer(b"x" * n_bytes + asked.tobytes(), np.uint64, offset=n_bytes)
    apart = np.repeat(asked, 2)[::2]
    for same in (shifted, apart, asked.astype(">u8")):
        assert lookup.rows_of(same).tolist() == [1, NO_ROW, 2]
        assert lookup.representatives_of(same).tolist() == [100, 200]


def test_an_answer_is_the_callers_own(buckets: type[Buckets]) -> None:
    """It may be written to, and lies in one piece, also where some were left out."""
    lookup = of(buckets, [2, 4, 6])
    asked = uint64([2, 3, 4])
    for answer in (lookup.rows_of(asked), lookup.representatives_of(asked)):
        assert answer.flags.c_contiguous
        answer[:] = 9
    assert lookup.representatives_of(asked).tolist() == [0, 100]


@given(
    st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 12), min_size=9, max_size=9),
    st.lists(hashes_near_each_other, min_size=8, max_size=8),
    st.lists(st.integers(0, LAST) | st.integers(0, 9), min_size=8, max_size=8),
    st.lists(hashes_near_each_other, max_size=70),
)
def test_a_damaged_table_leads_nowhere_else(
    compiled_buckets_alone: type[Buckets],
    starts: list[int],
    hashes: list[int],
    rows: list[int],
    asked: list[int],
) -> None:
    """Starts, hashes and rows may be any numbers: rows of this table, representatives of it, or an error."""
    representatives = np.arange(1_000, 1_008, dtype=np.int32)
    lookup = compiled_buckets_alone(np.array(starts, np.int32), uint64(hashes), uint64(rows), representatives)
    keys = uint64(asked + hashes)
    try:
        found = lookup.rows_of(keys)
    except ValueError:
        assert max(rows) >= len(rows)
        return
    known = found != NO_ROW
    assert set(found[known].tolist()) <= set(range(8))
    assert set(keys[known].tolist()) <= set(hashes)
    assert lookup.representatives_of(keys).tolist() == representatives[found[known]].tolist()


def test_a_row_beyond_the_table_is_named(compiled_buckets_alone: type[Buckets]) -> None:
    """The message says what is wrong and what to do; who does not ask for it is answered."""
    lookup = of(compiled_buckets_alone, [1, 2, 3], rows=[0, LAST, 3])
    assert lookup.rows_of(uint64([1, 7])).tolist() == [0, NO_ROW]
    for asked, row in ((2, LAST), (3, 3)):
        message = rf"^the table of ids leads to row {row} of 3\. Build again\.$"
        with pytest.raises(ValueError, match=message):
            lookup.rows_of(uint64([1, asked]))
        with pytest.raises(ValueError, match=message):
            lookup.representatives_of(uint64([1, asked]))


STARTS, HASHES, ROWS = np.array([0, 1, 2], np.int32), uint64([1, 2**63]), uint64([0, 1])
STAND_FOR = np.array([0, 1], np.int32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (STARTS.astype(np.int64), HASHES, ROWS, STAND_FOR),
            r"starts int64 \(3,\) are not of the expected kind",
        ),
        ((STARTS, HASHES.astype(np.int64), ROWS, STAND_FOR), r"hashes int64 \(2,\)"),
        ((STARTS, HASHES, ROWS.astype(">u8"), STAND_FOR), r"rows >u8 \(2,\)"),
        ((STARTS, HASHES, ROWS, STAND_FOR.astype(np.float32)), r"representatives float32 \(2,\)"),
        ((STARTS, np.repeat(HASHES, 2)[::2], ROWS, STAND_FOR), "or not in one piece"),
        ((STARTS, HASHES[::-1], ROWS, STAND_FOR), "or not in one piece"),
        ((STARTS, HASHES[:, np.newaxis], ROWS, STAND_FOR), r"hashes uint64 \(2, 1\)"),
        ((STARTS, HASHES, [0, 1], STAND_FOR), "rows are no array but list"),
        ((None, HASHES, ROWS, STAND_FOR), "starts are no array but NoneType"),
        ((STARTS, HASHES, ROWS[:1], STAND_FOR), "2 hashes, 1 rows and 2 representatives"),
        ((STARTS, HASHES, ROWS, STAND_FOR[:0]), "2 hashes, 2 rows and 0 representatives"),
        ((STARTS[:0], HASHES, ROWS, STAND_FOR), "-1 buckets are not those of all leading bits"),
        ((STARTS[:1], HASHES, ROWS, STAND_FOR), "0 buckets are not those of all leading bits"),
        ((STARTS[:2], HASHES, ROWS, STAND_FOR), "1 buckets are not those of all leading bits"),
        ((np.zeros(4, np.int32), HASHES, ROWS, STAND_FOR), "3 buckets are not those of all leading bits"),
    ],
)
def test_other_tables_are_refused(
    compiled_buckets_alone: type[Buckets], arguments: tuple[NDArray[np.uint64], ...], message: str
) -> None:
    """Before anything is read of them."""
    with pytest.raises((TypeError, ValueError), match=message):
        compiled_buckets_alone(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [np.array([1, 2]), np.array([1.0]), np.array(["1"]), uint64([1])[:, np.newaxis], np.uint64(1), None],
)
def test_what_is_no_hash_is_refused(compiled_buckets_alone: type[Buckets], asked: NDArray[np.uint64]) -> None:
    """Numbers that could be negative, broken, no numbers, or in another shape."""
    lookup = of(compiled_buckets_alone, [1, 2])
    for ask in (lookup.rows_of, lookup.representatives_of):
        with pytest.raises((TypeError, ValueError)):
            ask(asked)


def test_an_array_is_as_long_as_its_memory(compiled_buckets_alone: type[Buckets]) -> None:
    """Whatever its class says: nothing is read behind its end."""
    tables = [each.view(Boasting) for each in (STARTS, HASHES, ROWS, STAND_FOR)]
    lookup = compiled_buckets_alone(*tables)
    asked = uint64([2**63 + 1, 2**63, 2**64 - 1]).view(Boasting)
    assert lookup.rows_of(asked).tolist() == [NO_ROW, 1, NO_ROW]
    assert lookup.representatives_of(asked).tolist() == [1]


@pytest.mark.parametrize("n", [3, 2_000])
def test_a_lookup_without_compiled_loops_answers_the_same(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """Of two thousand pins, and of three, which have no buckets."""
    pin_ids = [f"pin{at}" for at in range(n)]
    representatives = np.arange(n, dtype=np.int32)[::-1].copy()
    asked = hash_ids([*pin_ids[1::3], "nobody", pin_ids[0]])
    for loops in (compiled("storage.pins._lookup"), None):
        monkeypatch.setattr(ids, "_lookup", loops)
        lookup = IdLookup(id_table(pin_ids), representatives, lambda rows: [pin_ids[row] for row in rows])
        assert lookup.rows_of_hashes(asked).tolist() == [*range(1, n, 3), NO_ROW, 0]
        assert lookup.representatives_of_hashes(asked).tolist() == [*range(n - 2, -1, -3), n - 1]
