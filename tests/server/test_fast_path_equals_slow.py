"""The compiled merge is the merge that is written in numpy, for any lists, exclusions and budgets."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from server.candidate_lists import CandidateList
from server.elements import NO_ELEMENTS
from server.encoding import encode_list
from server.merging import Filters, merge_any
from server.takedown import NO_ROWS_BLOCKED, BlockedRows
from tests.compiling import Boasting, compiled_or_skip
from tests.server.conftest import Serve
from tests.server.world import People, make_pins

N_PINS = 60
REPRESENTATIVES = np.arange(N_PINS, dtype=np.int32)
MEDOIDS = (0, 1, 2)

a_list = st.lists(st.integers(-1, N_PINS - 1), unique=True, max_size=30)
lists_of_rows = st.lists(a_list, min_size=1, max_size=4)
some_rows = st.lists(st.integers(0, N_PINS - 1), max_size=20)


@pytest.fixture(scope="module")
def turns() -> ModuleType:
    """The compiled module."""
    return compiled_or_skip("server._turns")


def listed(rows: list[int], *, id_of: str) -> CandidateList:
    """Candidates at falling cosines."""
    return encode_list(
        np.array(rows, np.int64),
        [id_of.format(row).encode() for row in rows],
        np.linspace(1, 0, len(rows), dtype=np.float32),
        medoid_pin_id="medoid",
        wanted=200,
    )


def as_rows(rows: list[int]) -> NDArray[np.int32]:
    return np.array(rows, np.int32)


def candidates(elements: bytes) -> list[pb.Candidate]:
    return list(pb.RecommendResponse.FromString(elements).candidates)


def blocked_rows(blocked: set[int]) -> BlockedRows:
    if not blocked:
        return NO_ROWS_BLOCKED
    mask = np.zeros(N_PINS, np.bool_)
    mask[list(blocked)] = True
    return BlockedRows(mask=mask, listed=len(blocked))


@given(
    lists_of_rows,
    st.sampled_from(["pin-{:03}", "pin-{}"]),
    st.tuples(some_rows, some_rows),
    st.lists(st.integers(1, 20), min_size=4, max_size=4),
    st.integers(1, 40),
    st.none() | st.floats(0, 1, width=32),
    st.sets(st.integers(0, N_PINS - 1), max_size=5),
)
@example([[3, 4, 5], [6, 7, 8]], "pin-{}", ([], []), [2] * 4, 4, None, set())
@example([[3, 4, 5], [6, 4, 8]], "pin-{:03}", ([3], [3, 3]), [2] * 4, 4, None, set())
@example([[3, 4, 5, 9], [4, 6, 7, 8]], "pin-{:03}", ([], [3]), [3] * 4, 6, None, {6})
def test_the_compiled_merge_is_the_merge(  # noqa: PLR0917 - what a request is made of
    turns: ModuleType,
    rows: list[list[int]],
    id_of: str,
    excluded: tuple[list[int], list[int]],
    budgets: list[int],
    n: int,
    min_score: float | None,
    blocked: set[int],
) -> None:
    """The same candidates in the same order, as many from each list; ids of one length or of several."""
    lists = tuple([listed(each, id_of=id_of) for each in rows])
    filters = Filters(
        representatives=REPRESENTATIVES,
        excluded=(as_rows(excluded[0]), as_rows(excluded[1])),
        min_score=min_score,
        blocked=blocked_rows(blocked),
    )
    of_each = tuple(budgets[: len(lists)])

    fast = turns.take_turns(lists, filters.excluded, of_each, n, min_score, filters.blocked.mask)
    slow = merge_any(lists, filters, budgets=of_each, max_candidates=n)

    assert candidates(fast.elements(lists)) == candidates(slow.elements(lists))
    assert len(fast) == len(slow)
    assert list(fast.taken_from(len(lists))) == slow.taken_from(len(lists))


def test_the_largest_request_is_merged_too(turns: ModuleType) -> None:
    """Thousands of rows seen and excluded, a thousand candidates of lists that share half of their pins."""
    random = np.random.default_rng(1)
    lists = tuple([listed(random.permutation(9_000)[:6_400].tolist(), id_of="{:012}") for _ in range(20)])
    excluded = (as_rows(random.integers(9_000, size=4_000).tolist()), as_rows(list(range(2_000))))
    everything = np.arange(9_000, dtype=np.int32)
    filters = Filters(representatives=everything, excluded=excluded, min_score=None)

    fast = turns.take_turns(lists, excluded, (50,) * 20, 1_000, None, None)

    slow = merge_any(lists, filters, budgets=(50,) * 20, max_candidates=1_000)
    assert fast.elements(lists) == slow.elements(lists)
    assert len(fast) == len(slow)
    assert list(fast.taken_from(20)) == slow.taken_from(20) == [50] * 20


class Unranked:
    """No list, or one that holds something else in place of where its arrays lie."""

    def __init__(self, ranked: object = None) -> None:
        self.ranked = ranked


def test_candidates_of_a_few_bytes_are_merged_too(turns: ModuleType) -> None:
    """As those of a fallback are, of every length around that of what is copied at once."""
    ids = [b"x" * n for n in range(1, 40)]
    rows = np.arange(len(ids), dtype=np.int32)
    lists = (encode_list(rows, ids, None, medoid_pin_id="", wanted=len(ids)),)

    taken = turns.take_turns(lists, (), (len(ids),), len(ids), None, None)

    assert [each.pin_id.encode() for each in candidates(taken.elements(lists))] == ids
    assert len(taken) == len(ids)


SHARES = {"cat-1": 2.0, "car-7": 1.0, "cake-3": 1.0}
GOOD = listed([3, 4, 5], id_of="{}")


@pytest.mark.parametrize(
    "arguments",
    [
        ((GOOD,), (np.array([1, 2]),), (1,), 1, None, None),
        ((GOOD,), (as_rows([1, 2, 3, 4])[::2],), (1,), 1, None, None),
        ((GOOD,), (np.zeros((2, 2), np.int32),), (1,), 1, None, None),
        ((GOOD,), ([1, 2],), (1,), 1, None, None),
        ((GOOD,), (), (1,), 1, None, np.zeros(60, np.int8)),
        ((GOOD,), (), (3,), 3, None, np.zeros(4, np.bool_)),
        ((GOOD,), (), (1, 2), 1, None, None),
        ((GOOD,), (), (1,), -1, None, None),
        ((GOOD,), (), (1,), 2**63 - 1, None, None),
        ((GOOD,), (as_rows([1, 2]),), (1,), 2**63 - 1, None, None),
        ((GOOD,), (as_rows([1, 2]),), (1,), 2**28, None, None),
        ((replace(GOOD, elements=NO_ELEMENTS),), (), (1,), 1, None, None),
        ((replace(GOOD, elements=np.array(["a"] * 3, object)),), (), (3,), 3, None, None),
        ((Unranked(),), (), (1,), 1, None, None),
        ((Unranked(b"rows"),), (), (1,), 1, None, None),
    ],
)
def test_what_would_be_read_as_what_it_is_not_is_refused(turns: ModuleType, arguments: tuple[object]) -> None:
    """An array of another type, a gap between its numbers, no candidates, a row beyond a mask."""
    with pytest.raises(
        (TypeError, ValueError),
        match=r"array|of the expected kind|candidates of|too many|takedown list|not bytes|serialised|Ranked",
    ):
        turns.take_turns(*arguments)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": as_rows([3, 4])},
        {"rows": np.array([3, 4, 5])},
        {"rows": as_rows([3, 0, 4, 0, 5])[::2]},
        {"rows": [3, 4, 5]},
        {"scores": np.ones(3)},
        {"scores": np.ones(2, np.float32)},
        {"elements": np.zeros(3, "S4")},
        {"elements": np.zeros(2, "V4")},
        {"elements": np.array([b"a"] * 6, object)[::2]},
    ],
)
def test_a_list_whose_arrays_are_not_what_they_should_be_is_refused(
    turns: ModuleType, wrong: dict[str, object]
) -> None:
    """Once, when it is made: merges do not look again."""
    arrays = {"rows": GOOD.rows, "scores": GOOD.scores, "elements": GOOD.elements} | wrong
    with pytest.raises((TypeError, ValueError), match=r"no array|of the expected kind|rows, "):
        turns.Ranked(**arrays)


def test_an_array_is_as_long_as_its_memory(turns: ModuleType) -> None:
    """Whatever its class says: nothing is read behind its end."""
    boasting = replace(
        GOOD,
        rows=GOOD.rows.view(Boasting),
        scores=GOOD.scores.view(Boasting),
        elements=GOOD.elements.view(Boasting),
    )
    lists, excluded = (boasting,), (as_rows([4]).view(Boasting),)

    taken = turns.take_turns(lists, excluded, (9,), 9, None, None)

    assert (len(taken), taken.taken_from(1)) == (2, (2,))
    with pytest.raises(ValueError, match="takedown list"):
        turns.take_turns(lists, excluded, (9,), 9, None, np.zeros(4, np.bool_).view(Boasting))


def test_a_list_with_more_places_than_there_are_numbers_for_is_refused(
    turns: ModuleType, tmp_path: Path
) -> None:
    """Before any of its 8 GiB is read: of a hole in a file, which takes no room."""
    with (tmp_path / "rows").open("wb") as file:
        file.truncate(4 * 2**31)
    rows = np.memmap(tmp_path / "rows", np.int32, "r")
    elements = rows.view(np.uint8)[: 2**31].view("V1")
    with pytest.raises(ValueError, match="2147483648 rows, 2147483648 scores and 2147483648 elements"):
        turns.Ranked(rows, rows.view(np.float32), elements)


def test_a_server_without_compiled_loops_answers_the_same(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the byte: whoever has no compiler is only slower."""
    stub = serve(make_pins(n=300), People(shares={"ann": SHARES}).store())
    request = pb.RecommendRequest(
        user_id="ann", seed=1, max_candidates=60, exclude_pin_ids=["cat-2", "car-9"]
    )
    compiled_answer = stub.Recommend(request)

    monkeypatch.setattr("server.merging._turns", None)

    assert stub.Recommend(request).candidates == compiled_answer.candidates
    assert len(compiled_answer.candidates) == 60
