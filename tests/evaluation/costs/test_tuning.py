"""The least effort that finds enough, and what finding is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.costs.tuning import Recall, least_effort
from tests.evaluation.town import circle


@given(needed=st.integers(1, 5_000))
def test_the_effort_reaches_the_target_and_is_hardly_more_than_needed(needed: int) -> None:
    """Whatever it takes, to within 4 %."""
    found = least_effort(lambda effort: float(effort >= needed), 1, 5_000, 1.0)
    assert found is not None
    assert needed <= found <= max(1.04 * needed, needed + 1)


def test_the_least_effort_there_is_may_be_enough() -> None:
    """HNSW keeps k pins at least: nothing below is ever tried."""
    tried: list[int] = []

    def recall_at(effort: int) -> float:
        tried.append(effort)
        return 1.0

    assert least_effort(recall_at, 200, 20_000, 0.95) == 200
    assert tried == [200]


def test_what_cannot_reach_the_target_is_said_so() -> None:
    """An inverted file that looks into one list never sees the others, however many pins it compares."""
    assert least_effort(lambda _: 0.8, 200, 1_000, 0.95) is None


def test_the_most_effort_is_tried_before_giving_up() -> None:
    """The last chance is not left out because doubling steps over it."""
    assert least_effort(lambda effort: float(effort == 900), 200, 900, 0.95) == 900


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([1.0, 0.966, 0.966], 1.0), ([1.0, 0.966, 0.5], 2 / 3), ([1.0, -2.0, -2.0], 1 / 3)],
)
def test_recall_by_hand(scores: list[float], expected: float) -> None:
    """From east, itself and the pins 15 degrees to either side are the nearest three."""
    recall = Recall(circle()[:1], circle(), 3)
    assert recall.of(np.array([scores], np.float32)) == pytest.approx(expected)


def test_a_pin_as_near_as_the_last_one_counts_as_found() -> None:
    """Of two pins equally far, exact search keeps one; finding the other is no worse."""
    pool = circle()
    recall = Recall(pool[:1], pool, 2)
    other_side = np.float32(pool[0].astype(np.float64) @ pool[23].astype(np.float64))
    assert recall.of(np.array([[1.0, other_side]], np.float32)) == 1
