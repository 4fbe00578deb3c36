"""Numbers that many threads add to without a lock: each thread has a row of its own.

An addition costs a tenth of a microsecond, where a counter of prometheus_client costs half of one, and in its
multi-process mode nearly one. The rows lie in memory of the process, or in a file that the supervisor reads;
a file outlives a worker's crash, so that the worker that takes its place counts on.

What is said here of series and stages, server._counting says again, compiled: an addition then costs a sixth.
No other thread runs while it adds, so that it needs but one row for all of them.
"""

import mmap
import threading
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from server.metrics_families import Histogram, Layout
from storage.compiled import compiled

_counting = compiled("server._counting")

Row: TypeAlias = "memoryview[float]"
_NUMBER_BYTES = 8
# The threads that answer calls and those beside them. Files are sparse: what nobody writes takes no room.
_ROWS = 320
_GAUGES = 0
_COMPILED = 1


class Rows:
    """The rows of one process.

    The first row holds the gauges, the second is for what is compiled. Should there ever be more threads than
    rows, those left over share the last one, where now and then one addition is lost to another.

    Args:
        layout: What stands where.
        path: The file that the rows lie in, made when there is none; None for memory of the process.
    """

    def __init__(self, layout: Layout, path: Path | None = None) -> None:
        self.layout = layout
        self._memory = _mapped(path, _ROWS * layout.width * _NUMBER_BYTES)
        self._numbers = memoryview(self._memory).cast("d")
        self._free = list(range(_ROWS - 1, _COMPILED, -1))
        self.gauges = self._row(_GAUGES)
        for at in range(layout.width):
            self.gauges[at] = float("nan")
        self.mine = OfThread(self)

    def count(self, name: str, *labels: str) -> "Count":
        """One series of a counter."""
        slot = self.layout.slot(name, *labels)
        if _counting is None:
            return Count(self.mine, slot)
        made: Count = _counting.Count(self._row(_COMPILED)[slot : slot + 1])
        return made

    def measure(self, name: str, *labels: str) -> "Measure":
        """One series of a histogram."""
        family = self.layout.family(name)
        assert isinstance(family, Histogram), f"{name} is not a histogram"  # noqa: S101 - a slip in this code
        slot = self.layout.slot(name, *labels)
        if _counting is None:
            return Measure(self.mine, slot, family.buckets)
        numbers = self._row(_COMPILED)[slot : slot + family.width]
        made: Measure = _counting.Measure(numbers, family.buckets)
        return made

    def lease(self) -> "_Lease":
        """A row for one thread; it goes back when the thread ends."""
        try:
            # Of two threads, list.pop never gives both the same.
            at = self._free.pop()
        except IndexError:
            return _Lease(self._row(_ROWS - 1), None, self._free)
        return _Lease(self._row(at), at, self._free)

    def table(self) -> NDArray[np.float64]:
        """float64 [rows, width]: all of them, as they are now."""
        return as_table(bytes(self._memory), self.layout)

    def _row(self, at: int) -> Row:
        return self._numbers[at * self.layout.width : (at + 1) * self.layout.width]


class _Lease:
    """A row, until its thread is gone: what that counted stays, and the next thread adds to it."""

    def __init__(self, row: Row, at: int | None, free: list[int]) -> None:
        self.row, self._at, self._free = row, at, free

    def __del__(self) -> None:
        if self._at is not None:
            self._free.append(self._at)


class OfThread(threading.local):
    """The row of the thread that asks."""

    def __init__(self, rows: Rows) -> None:
        # Once a thread: that is how threading.local makes its subclasses.
        self._lease = rows.lease()
        self.row = self._lease.row


class Count:
    """One series of a counter.

    Args:
        mine: The row of each thread.
        slot: Where the number lies in a row.
    """

    __slots__ = ("_mine", "_slot")

    def __init__(self, mine: OfThread, slot: int) -> None:
        self._mine, self._slot = mine, slot

    def add(self, n: float = 1) -> None:
        """Count so many more."""
        self._mine.row[self._slot] += n


class Measure:
    """One series of a histogram.

    Args:
        mine: The row of each thread.
        slot: Where the numbers begin in a row.
        buckets: Upper bounds, ascending.
    """

    __slots__ = ("_buckets", "_mine", "_slot", "_sum")

    def __init__(self, mine: OfThread, slot: int, buckets: tuple[float, ...]) -> None:
        self._mine, self._slot, self._buckets = mine, slot, buckets
        self._sum = slot + len(buckets) + 1

    def observe(self, value: float) -> None:
        """Count a measurement."""
        row = self._mine.row
        row[self._slot + bisect_left(self._buckets, value)] += 1
        row[self._sum] += value


class Stage:
    """The time of one stage of one call: a context."""

    __slots__ = ("_began", "_measure")

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._measure.observe(perf_counter() - self._began)


class Stages:
    """Times stages.

    Args:
        measures: The series of each, by its name.
    """

    def __init__(self, measures: Mapping[str, Measure]) -> None:
        self._measures = measures

    def time(self, name: str) -> Stage:
        """Time one: a context."""
        return Stage(self._measures[name])


def stages_of(measures: Mapping[str, Measure]) -> Stages:
    """Compiled where its series are."""
    if _counting is None:
        return Stages(measures)
    made: Stages = _counting.Stages(measures)
    return made


def as_table(content: bytes, layout: Layout) -> NDArray[np.float64]:
    """float64 [rows, width], of a file's content."""
    return np.frombuffer(content, np.float64).reshape(-1, layout.width)


def _mapped(path: Path | None, n_bytes: int) -> mmap.mmap:
    if path is None:
        return mmap.mmap(-1, n_bytes)
    with path.open("a+b") as file:
        file.truncate(n_bytes)
        return mmap.mmap(file.fileno(), n_bytes)
