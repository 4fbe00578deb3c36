"""What is timed is done, and where."""

import os
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.costs.timing import alone, cpu_us


def test_every_search_gets_every_query_by_itself_in_every_round() -> None:
    """Once more than there are rounds: the first time warms up."""
    asked: dict[str, list[float]] = {"a": [], "b": []}

    def search_of(name: str) -> Callable[[NDArray[np.float16]], object]:
        def search(queries: NDArray[np.float16]) -> None:
            assert queries.shape == (1, 1)
            asked[name].append(float(queries[0, 0]))

        return search

    queries = np.array([[1], [2], [3]], np.float16)
    taken = cpu_us([search_of("a"), search_of("b")], queries, 2)
    assert taken.shape == (2, 2)
    assert asked == {"a": [1, 2, 3] * 3, "b": [1, 2, 3] * 3}


def test_work_that_is_measured_has_a_process_and_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the environment is afterwards what it was."""
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert alone(os.getenv, "OMP_NUM_THREADS") == "1"
    assert alone(os.getpid) != os.getpid()
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "OPENBLAS_NUM_THREADS" not in os.environ
