"""The compiled series: the numbers of those that are not compiled, and no way to any other memory."""

from array import array
from mmap import mmap
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.metrics_families import Counter, Histogram, Layout
from server.metrics_rows import Rows
from tests.compiling import compiled_or_skip

BUCKETS = (0.1, 1.0)
LAYOUT = Layout(
    [
        Counter(name="calls", meaning="Calls.", labels=("method",), series=[("a",), ("b",)]),
        Histogram(
            name="seconds", meaning="Time.", buckets=BUCKETS, labels=("stage",), series=[("c",), ("d",)]
        ),
    ]
)
COUNTS, MEASURES = [("calls", "a"), ("calls", "b")], [("seconds", "c"), ("seconds", "d")]
numbers = st.floats() | st.sampled_from(BUCKETS)


@pytest.fixture(scope="module")
def counting() -> ModuleType:
    """The compiled module."""
    return compiled_or_skip("server._counting")


def counted(
    module: ModuleType | None,
    added: list[tuple[tuple[str, str], float]],
    observed: list[tuple[tuple[str, str], float]],
) -> list[float]:
    """What rows hold at last."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.metrics_rows._counting", module)
        rows = Rows(LAYOUT)
        for series, n in added:
            rows.count(*series).add(n)
        for series, value in observed:
            rows.measure(*series).observe(value)
        summed: list[float] = rows.table()[1:].sum(axis=0).tolist()
        return summed


@given(
    added=st.lists(st.tuples(st.sampled_from(COUNTS), numbers), max_size=5),
    observed=st.lists(st.tuples(st.sampled_from(MEASURES), numbers), max_size=5),
)
def test_both_count_the_same(
    counting: ModuleType,
    added: list[tuple[tuple[str, str], float]],
    observed: list[tuple[tuple[str, str], float]],
) -> None:
    """To the last bit, whatever is added and measured."""
    np.testing.assert_array_equal(counted(counting, added, observed), counted(None, added, observed))


@pytest.mark.parametrize(
    "memory",
    [
        array("d", [0] * 3),
        array("d", [0] * 5),
        array("f", [0] * 4),
        array("q", [0] * 4),
        bytearray(4),
        np.zeros((2, 2)),
        np.zeros(8)[::2],
        memoryview(bytes(32)).cast("d"),
        [0.0] * 4,
        None,
    ],
)
def test_memory_that_is_not_of_the_kind_needed_is_refused(counting: ModuleType, memory: object) -> None:
    """Of another length or kind, in pieces, not to be written to, or none at all."""
    with pytest.raises((ValueError, BufferError, TypeError)):
        counting.Measure(memory, BUCKETS)
    with pytest.raises((ValueError, BufferError, TypeError)):
        counting.Count(memory)


@pytest.mark.parametrize("buckets", [None, [0.1, 1.0], (0.1, "1"), (0.1, None), (0.1,), (0.1, 1.0, 2.0)])
def test_buckets_that_are_none_are_refused(counting: ModuleType, buckets: object) -> None:
    """Not numbers, or not as many as there is room for."""
    with pytest.raises((ValueError, TypeError)):
        counting.Measure(array("d", [0] * 4), buckets)


@pytest.mark.parametrize("n", ["1", None, 10**400])
def test_what_is_no_number_is_not_counted(counting: ModuleType, n: object) -> None:
    """Nothing is written of it."""
    memory = array("d", [0] * 5)
    count, measure = counting.Count(memoryview(memory)[:1]), counting.Measure(memoryview(memory)[1:], BUCKETS)
    for refused in (count.add, measure.observe):
        with pytest.raises((TypeError, OverflowError)):
            refused(n)
    assert memory.tolist() == [0] * 5


def test_stages_are_those_of_compiled_series(counting: ModuleType) -> None:
    """One that nobody gave a series to cannot be timed, and breaks nothing."""
    with pytest.raises(TypeError):
        counting.Stages({"merge": object()}).time("merge")
    with pytest.raises(TypeError):
        counting.Stages(None)
    with pytest.raises(TypeError):
        counting.Stages({}).time(None)
    with pytest.raises(AttributeError), counting.Stage():
        pass


def test_nobody_takes_the_memory_away(counting: ModuleType) -> None:
    """It can be given back when the series that lies in it is gone, and not before."""
    memory = mmap(-1, 8)
    count = counting.Count(memoryview(memory).cast("d"))
    with pytest.raises(BufferError):
        memory.close()
    count.add(3)
    assert memoryview(memory).cast("d").tolist() == [3]
    del count
    memory.close()
    assert memory.closed
