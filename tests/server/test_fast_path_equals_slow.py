"""What is done by whole slices is what is done candidate by candidate, for any lists and any exclusions."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from server.candidate_cache import CandidateList
from server.encoding import encode_list
from server.merging import Filters, merge, merge_any
from server.takedown import NO_ROWS_BLOCKED, BlockedRows
from server.turns import Turns

N_PINS = 60
REPRESENTATIVES = np.arange(N_PINS, dtype=np.int32)
MEDOIDS = (0, 1, 2)

a_list = st.lists(st.integers(len(MEDOIDS), N_PINS - 1), unique=True, max_size=30)
lists_of_rows = st.lists(a_list, min_size=1, max_size=len(MEDOIDS))


def listed(rows: list[int], medoid: int, *, with_itself: bool, id_of: str) -> CandidateList:
    """Candidates at falling cosines, behind their medoid or not."""
    rows = [medoid, *rows] if with_itself else rows
    return encode_list(
        np.array(rows, np.int64),
        [id_of.format(row).encode() for row in rows],
        np.linspace(1, 0, len(rows), dtype=np.float32),
        medoid_pin_id=f"medoid {medoid}",
        wanted=200,
        begins_with_itself=with_itself,
    )


def candidates(elements: bytes) -> list[pb.Candidate]:
    return list(pb.RecommendResponse.FromString(elements).candidates)


@given(
    lists_of_rows,
    st.booleans(),
    st.sampled_from(["pin-{:03}", "pin-{}"]),
    st.sets(st.integers(len(MEDOIDS), N_PINS - 1)),
    st.integers(1, 40),
    st.none() | st.floats(0, 1, width=32),
    st.sets(st.integers(len(MEDOIDS), N_PINS - 1), max_size=5),
)
@example([[3, 4, 5], [6, 7, 8]], True, "pin-{}", set(), 4, None, set())
@example([[3, 4, 5], [6, 4, 8]], True, "pin-{:03}", {3}, 4, None, set())
@example([[3, 4, 5, 9], [4, 6, 7, 8]], False, "pin-{:03}", {3}, 6, None, set())
def test_merging_by_slices_is_merging(  # noqa: PLR0917 - what a request is made of
    rows: list[list[int]],
    with_itself: bool,
    id_of: str,
    excluded: set[int],
    n: int,
    min_score: float | None,
    blocked: set[int],
) -> None:
    """The same candidates in the same order, to the byte; ids of one length or of several."""
    lists = [
        listed(each, medoid, with_itself=with_itself, id_of=id_of)
        for each, medoid in zip(rows, MEDOIDS, strict=False)
    ]
    filters = Filters(
        representatives=REPRESENTATIVES,
        excluded=np.array([*MEDOIDS, *excluded], np.int32),
        min_score=min_score,
        blocked=blocked_rows(blocked),
    )
    budgets = (-(-n // len(lists)),) * len(lists)

    fast = merge(lists, filters, budgets=budgets, max_candidates=n)
    slow = merge_any(lists, filters, budgets=budgets, max_candidates=n)

    assert fast.lists.tolist() == slow.lists.tolist()
    assert fast.positions.tolist() == slow.positions.tolist()
    assert fast.taken_from(len(lists)).tolist() == slow.taken_from(len(lists)).tolist()
    assert candidates(fast.elements(lists)) == candidates(slow.elements(lists))


def blocked_rows(blocked: set[int]) -> BlockedRows:
    if not blocked:
        return NO_ROWS_BLOCKED
    mask = np.zeros(N_PINS, np.bool_)
    mask[list(blocked)] = True
    return BlockedRows(mask=mask, listed=len(blocked))


@pytest.mark.parametrize(
    ("rows", "excluded"),
    [([[3, 4, 5], [6, 7, 8]], []), ([[3, 4, 5, 9], [6, 7, 8, 10]], [4, 8])],
)
def test_the_usual_request_goes_the_fast_way(rows: list[list[int]], excluded: list[int]) -> None:
    """Nothing in the way, or a few exclusions: whole slices, or places in order."""
    lists = [
        listed(each, medoid, with_itself=True, id_of="{}") for each, medoid in zip(rows, (0, 1), strict=True)
    ]
    all_excluded: NDArray[np.int32] = np.array([0, 1, *excluded], np.int32)
    filters = Filters(representatives=REPRESENTATIVES, excluded=all_excluded, min_score=None)

    assert isinstance(merge(lists, filters, budgets=(3, 3), max_candidates=6), Turns)
