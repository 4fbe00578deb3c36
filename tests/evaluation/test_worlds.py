"""A world refuses what no experiment could run on."""

import numpy as np
import pytest

from evaluation.errors import EvaluationError
from evaluation.worlds import ActionLog, ordered_log
from tests.evaluation.town import busy_log, log_of, town


def test_a_log_of_columns_in_any_order_ascends_by_time_user_and_row() -> None:
    """Time decides, then the user, then the row."""
    log = ordered_log(
        np.array([1, 0, 0]), np.array([5, 7, 6]), np.array([9, 9, 9]), np.array([True, False, True])
    )
    assert log.users.tolist() == [0, 0, 1]
    assert log.rows.tolist() == [6, 7, 5]
    assert log.is_positive.tolist() == [True, False, True]


def test_a_log_out_of_order_is_refused() -> None:
    """The protocol cuts by time; a log that does not ascend would leak the future."""
    with pytest.raises(EvaluationError, match="must ascend"):
        ActionLog(
            users=np.array([0, 0]),
            rows=np.array([0, 1]),
            times_s=np.array([2, 1]),
            is_positive=np.array([True, True]),
        )


def test_columns_of_different_lengths_are_refused() -> None:
    """With the lengths in the message."""
    with pytest.raises(EvaluationError, match=r"differ in length: \[1, 2\]"):
        ActionLog(
            users=np.array([0]),
            rows=np.array([0, 1]),
            times_s=np.array([1, 2]),
            is_positive=np.array([True] * 2),
        )


def test_a_row_beyond_the_pool_is_refused() -> None:
    """Before it is an index error in the middle of a run."""
    with pytest.raises(EvaluationError, match="beyond the 24 pins"):
        town(log_of((0, 24, 0.5, True)))


def test_the_test_period_follows_validation_without_a_gap_or_an_overlap() -> None:
    """What is chosen on one is confirmed on the other."""
    world = town(busy_log())
    assert world.validation.stop == world.test.start
    assert (len(world.validation), len(world.test)) == (2, 2)
