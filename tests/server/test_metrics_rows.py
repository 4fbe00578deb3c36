"""Counting: many threads, many processes, crashes, and not one addition lost."""

import multiprocessing
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.metrics_families import Across, Counter, Gauge, Histogram, Layout
from server.metrics_rows import Count, Measure, Rows

LAYOUT = Layout(
    [
        Counter(name="calls", meaning="Calls.", labels=("method",), series=[("a",), ("b",)]),
        Histogram(name="seconds", meaning="Time.", buckets=(0.1, 1.0)),
        Gauge(name="age", meaning="Age.", across=Across.MAX),
    ]
)


def total(rows: Rows, name: str, *labels: str) -> float:
    return float(rows.table()[1:, LAYOUT.slot(name, *labels)].sum())


def test_threads_count_without_a_lock_and_lose_nothing() -> None:
    """However many threads add to one series at once, every addition is in the sum."""
    rows = Rows(LAYOUT)
    count, together = Count(rows, "calls", "a"), threading.Barrier(8)

    def work() -> None:
        together.wait()
        for _ in range(20_000):
            count.add()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert total(rows, "calls", "a") == 160_000
    assert total(rows, "calls", "b") == 0


def test_threads_that_come_and_go_leave_their_counts() -> None:
    """A thread that ends gives its row to the next one, and what it counted stays: 1,000 of them fit."""
    rows = Rows(LAYOUT)
    count = Count(rows, "calls", "b")
    for _ in range(1_000):
        thread = threading.Thread(target=count.add)
        thread.start()
        thread.join()

    assert total(rows, "calls", "b") == 1_000
    assert (rows.table()[1:].sum(axis=1) > 0).sum() == 1


@given(st.lists(st.floats(min_value=0, max_value=5), max_size=30))
def test_a_measurement_falls_into_the_first_bucket_that_holds_it(values: list[float]) -> None:
    """A bucket counts what is at most its bound and above the one before, and the sum is theirs."""
    rows = Rows(LAYOUT)
    seconds = Measure(rows, "seconds")
    for value in values:
        seconds.observe(value)

    begin = LAYOUT.slot("seconds")
    *counts, together = rows.table()[1:, begin : begin + 4].sum(axis=0).tolist()
    assert counts == [
        sum(value <= 0.1 for value in values),
        sum(0.1 < value <= 1.0 for value in values),
        sum(value > 1.0 for value in values),
    ]
    assert together == pytest.approx(sum(values))


def count_and_die(path: Path) -> None:
    """What a worker does whose process is killed."""
    Count(Rows(LAYOUT, path), "calls", "a").add(3)
    os._exit(9)


def test_what_a_killed_process_counted_is_counted_on(tmp_path: Path) -> None:
    """A counter never goes back: the process that takes a killed one's place begins where that ended."""
    path, spawn = tmp_path / "0.rows", multiprocessing.get_context("spawn")
    for _ in range(2):
        process = spawn.Process(target=count_and_die, args=(path,))
        process.start()
        process.join()
    rows = Rows(LAYOUT, path)
    Count(rows, "calls", "a").add()

    assert total(rows, "calls", "a") == 7


def test_a_gauge_of_a_dead_process_is_unknown_again(tmp_path: Path) -> None:
    """What a process that is gone last said of itself is not said of the one in its place."""
    path = tmp_path / "0.rows"
    before = Rows(LAYOUT, path)
    before.gauges[LAYOUT.slot("age")] = 5.0
    assert before.table()[0, LAYOUT.slot("age")] == 5.0

    after = Rows(LAYOUT, path).table()
    assert after[0, LAYOUT.slot("age")] != after[0, LAYOUT.slot("age")]
