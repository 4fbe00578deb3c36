"""Golden queries: a version proves itself."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.pins.golden import ask_golden, check_golden
from tests.storage.pins.worlds import cloud, compass, in_memory

POOL = compass().rows.embeddings[:36]
PINS = in_memory(compass())
GOLDEN = ask_golden(PINS.search, POOL)


def test_questions_are_spread_over_the_pool() -> None:
    """From its first pin to its last, with their answers."""
    assert GOLDEN.queries[0].row == 0
    assert GOLDEN.queries[-1].row == 35
    assert len(GOLDEN.queries) == 16
    assert GOLDEN.queries[0].rows[:3] == (0, 1, 35)
    assert GOLDEN.queries[0].scores[:2] == (1.0, 0.984863)


def test_a_pool_smaller_than_the_questions_is_asked_about_each() -> None:
    """And answers with all it has."""
    few = cloud(3, 4)
    golden = ask_golden(in_memory(few).search, few.rows.embeddings)
    assert [query.row for query in golden.queries] == [0, 1, 2]
    assert {len(query.rows) for query in golden.queries} == {3}


def test_the_same_answers_pass() -> None:
    """Also when scores differ by a rounding."""
    check_golden(GOLDEN, PINS.search, POOL, where="here")
    nudged = tuple(replace(query, scores=tuple(s + 9e-4 for s in query.scores)) for query in GOLDEN.queries)
    check_golden(replace(GOLDEN, queries=nudged), PINS.search, POOL, where="here")


def test_a_few_swapped_ties_pass() -> None:
    """3 of 160 answers may be others: 0.98 of them are the same."""
    first, *rest = GOLDEN.queries
    swapped = replace(first, rows=(*first.rows[:7], 100, 101, 102))
    check_golden(replace(GOLDEN, queries=(swapped, *rest)), PINS.search, POOL, where="here")


def test_other_answers_are_refused() -> None:
    """4 of 160 are too many."""
    first, *rest = GOLDEN.queries
    swapped = replace(first, rows=(*first.rows[:6], 100, 101, 102, 103))
    golden = replace(GOLDEN, queries=(swapped, *rest))
    with pytest.raises(
        DamagedArtefactError, match=r"^here does not answer .* overlap 0\.97 \(at least 0\.98\)"
    ):
        check_golden(golden, PINS.search, POOL, where="here")


def test_other_scores_are_refused() -> None:
    """One of them off by more than 1e-3, even if the rows are right."""

    def off(
        queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scores, rows = PINS.search(queries, k, ef_search=ef_search)
        scores[3, 4] -= np.float32(2e-3)
        return scores, rows

    with pytest.raises(DamagedArtefactError, match=r"scores off by 0\.0020 \(at most 0\.001\)\. Build again"):
        check_golden(GOLDEN, off, POOL, where="here")
