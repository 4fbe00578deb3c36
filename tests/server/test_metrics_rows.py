"""Counting: many threads, many processes, crashes, and not one addition lost; compiled or not."""

import math
import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.metrics_families import Across, Counter, Gauge, Histogram, Layout
from server.metrics_rows import Rows, stages_of
from tests.compiling import compiled_or_skip

LAYOUT = Layout(
    [
        Counter(name="calls", meaning="Calls.", labels=("method",), series=[("a",), ("b",)]),
        Histogram(name="seconds", meaning="Time.", buckets=(0.1, 1)),
        Gauge(name="age", meaning="Age.", across=Across.MAX),
    ]
)


@pytest.fixture(scope="module", params=["compiled", "plain"], autouse=True)
def _kind(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "plain":
            patch.setattr("server.metrics_rows._counting", None)
            # For processes that are started meanwhile.
            patch.setenv("PINNERSAGE_COMPILED", "0")
        else:
            compiled_or_skip("server._counting")
        yield


def total(rows: Rows, name: str, *labels: str) -> float:
    return float(rows.table()[1:, LAYOUT.slot(name, *labels)].sum())


def test_threads_count_without_a_lock_and_lose_nothing() -> None:
    """However many threads add to one series at once, every addition is in the sum."""
    rows = Rows(LAYOUT)
    count, together = rows.count("calls", "a"), threading.Barrier(8)

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
    count = rows.count("calls", "b")
    for _ in range(1_000):
        thread = threading.Thread(target=count.add)
        thread.start()
        thread.join()

    assert total(rows, "calls", "b") == 1_000
    assert (rows.table()[1:].sum(axis=1) > 0).sum() == 1


def test_more_threads_than_rows_count_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those left over share the last row, and write nowhere else."""
    monkeypatch.setattr("server.metrics_rows._ROWS", 4)
    rows = Rows(LAYOUT)
    count, one_by_one, together = rows.count("calls", "a"), threading.Lock(), threading.Barrier(6)

    def work() -> None:
        with one_by_one:
            count.add()
        together.wait()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert total(rows, "calls", "a") == 6
    assert rows.table().shape == (4, LAYOUT.width)
    assert rows.table()[1:].sum() == 6


def measured(*values: float) -> list[float]:
    """What a histogram with the bounds 0.1 and 1 holds: its three buckets, and the sum."""
    rows = Rows(LAYOUT)
    seconds = rows.measure("seconds")
    for value in values:
        seconds.observe(value)
    begin = LAYOUT.slot("seconds")
    numbers: list[float] = rows.table()[1:, begin : begin + 4].sum(axis=0).tolist()
    assert rows.table()[1:, :begin].sum() == 0
    return numbers


@given(st.lists(st.floats(min_value=0, max_value=5), max_size=30))
def test_a_measurement_falls_into_the_first_bucket_that_holds_it(values: list[float]) -> None:
    """A bucket counts what is at most its bound and above the one before, and the sum is theirs."""
    *counts, together = measured(*values)
    assert counts == [
        sum(value <= 0.1 for value in values),
        sum(0.1 < value <= 1.0 for value in values),
        sum(value > 1.0 for value in values),
    ]
    assert together == pytest.approx(sum(values))


@pytest.mark.parametrize(
    ("value", "bucket"),
    [
        (-math.inf, 0),
        (-0.0, 0),
        (0.1, 0),
        (math.nextafter(0.1, 1), 1),
        (1, 1),
        (math.nextafter(1, 2), 2),
        (math.inf, 2),
        (math.nan, 0),
    ],
)
def test_a_bound_belongs_to_its_bucket(value: float, bucket: int) -> None:
    """Just above it is the next one's; what is above all bounds, or no number, has a place as well."""
    *counts, together = measured(value)
    assert counts == [float(at == bucket) for at in range(3)]
    assert together == pytest.approx(value, nan_ok=True)


def test_a_stage_is_timed_also_when_it_fails() -> None:
    """By the clock of `perf_counter`; the error goes on as it was, and a stage inside has its own time."""
    rows = Rows(LAYOUT)
    stages = stages_of({name: rows.measure("seconds") for name in ("outer", "inner")})

    def fail_after_a_while() -> None:
        until_s = perf_counter() + 0.001
        while perf_counter() < until_s:
            pass
        raise LookupError("lost")

    began_s = perf_counter()
    with pytest.raises(LookupError, match="lost"), stages.time("outer"), stages.time("inner"):
        fail_after_a_while()
    took_s = perf_counter() - began_s

    begin = LAYOUT.slot("seconds")
    *counts, together = rows.table()[1:, begin : begin + 4].sum(axis=0).tolist()
    assert sum(counts) == 2
    assert 0.0019 < together <= 2 * took_s


def test_a_stage_that_is_none_is_not_timed() -> None:
    """A slip in a name is found at once."""
    with pytest.raises(KeyError, match="merge"):
        stages_of({}).time("merge")


def test_series_outlive_their_rows() -> None:
    """Who counts late counts somewhere."""
    count, seconds = Rows(LAYOUT).count("calls", "a"), Rows(LAYOUT).measure("seconds")
    count.add()
    seconds.observe(0.5)


def count_and_die(path: Path) -> None:
    """What a worker does whose process is killed."""
    Rows(LAYOUT, path).count("calls", "a").add(3)
    os._exit(9)


def test_what_a_killed_process_counted_is_counted_on(tmp_path: Path) -> None:
    """A counter never goes back: the process that takes a killed one's place begins where that ended."""
    path, spawn = tmp_path / "0.rows", multiprocessing.get_context("spawn")
    for _ in range(2):
        process = spawn.Process(target=count_and_die, args=(path,))
        process.start()
        process.join()
    rows = Rows(LAYOUT, path)
    rows.count("calls", "a").add()

    assert total(rows, "calls", "a") == 7


def test_a_gauge_of_a_dead_process_is_unknown_again(tmp_path: Path) -> None:
    """What a process that is gone last said of itself is not said of the one in its place."""
    path = tmp_path / "0.rows"
    before = Rows(LAYOUT, path)
    before.gauges[LAYOUT.slot("age")] = 5.0
    assert before.table()[0, LAYOUT.slot("age")] == 5.0

    after = Rows(LAYOUT, path).table()
    assert after[0, LAYOUT.slot("age")] != after[0, LAYOUT.slot("age")]
