"""What kinds of metrics there are, and the place that each of their numbers has in a row of numbers.

All series are known before the first call: the labels' values are listed, and so is the memory they take.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

Numbers = NDArray[np.float64]
ALONE: Sequence[tuple[str, ...]] = ((),)


class Across(Enum):
    """What a gauge of several workers is: their sum, the largest, or the smallest."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"

    def of(self, workers: Numbers) -> float:
        """One number of one from each worker."""
        match self:
            case Across.SUM:
                return float(workers.sum())
            case Across.MAX:
                return float(workers.max())
            case Across.MIN:
                return float(workers.min())


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A number that grows. Its name goes without `_total`, as everywhere in these records.

    Attributes:
        name: As exposed.
        meaning: One sentence for people.
        labels: The labels' names.
        series: Every combination of the labels' values.
    """

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    series: Sequence[tuple[str, ...]] = ALONE
    kind = "counter"

    @property
    def width(self) -> int:
        """How many numbers a series takes."""
        return 1

    def exposed(self, numbers: Callable[[tuple[str, ...]], Numbers]) -> Metric:
        """The family as Prometheus has it, from the numbers of each series."""
        family = CounterMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels in self.series:
            family.add_metric(labels, float(numbers(labels)[0]))
        return family


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Measurements, counted by size; see Counter.

    Attributes:
        name: As exposed.
        meaning: One sentence for people.
        buckets: Upper bounds, each of its bucket, ascending; above the last there is one more.
        labels: The labels' names.
        series: Every combination of the labels' values.
    """

    name: str
    meaning: str
    buckets: tuple[float, ...]
    labels: tuple[str, ...] = ()
    series: Sequence[tuple[str, ...]] = ALONE
    kind = "histogram"

    @property
    def width(self) -> int:
        """The buckets, the one above them, and the sum."""
        return len(self.buckets) + 2

    def exposed(self, numbers: Callable[[tuple[str, ...]], Numbers]) -> Metric:
        """The family as Prometheus has it: cumulative buckets, count and sum."""
        family = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
        bounds = [*map(str, map(float, self.buckets)), "+Inf"]
        for labels in self.series:
            *counts, total = numbers(labels).tolist()
            buckets = list(zip(bounds, np.cumsum(counts).tolist(), strict=True))
            family.add_metric(labels, buckets, sum_value=total)
        return family


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A number that is what it is now, in each worker; NaN until it is known. See Counter.

    Attributes:
        name: As exposed.
        meaning: One sentence for people.
        across: What it is of several workers.
        labels: The labels' names.
        series: Every combination of the labels' values.
    """

    name: str
    meaning: str
    across: Across = Across.MAX
    labels: tuple[str, ...] = ()
    series: Sequence[tuple[str, ...]] = ALONE
    kind = "gauge"

    def exposed(self, of_workers: Callable[[tuple[str, ...]], Numbers]) -> Metric:
        """The family as Prometheus has it, from each worker's number of each series; without the unknown."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels in self.series:
            numbers = of_workers(labels)
            known = numbers[~np.isnan(numbers)]
            if len(known):
                family.add_metric(labels, self.across.of(known))
        return family


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A share of two gauges: of several workers, that of their sums.

    Attributes:
        name: As exposed.
        meaning: One sentence for people.
        part: The gauge above the line.
        whole: The gauge below it.
    """

    name: str
    meaning: str
    part: str
    whole: str
    labels: tuple[str, ...] = ()
    kind = "gauge"

    def exposed(self, parts: Numbers, wholes: Numbers) -> Metric:
        """The family as Prometheus has it; empty while there is nothing to divide by."""
        family = GaugeMetricFamily(self.name, self.meaning)
        whole = float(np.nansum(wholes))
        if whole > 0:
            family.add_metric((), float(np.nansum(parts)) / whole)
        return family


Family = Counter | Histogram | Gauge | Ratio


class Layout:
    """The place of every number in a row.

    Args:
        families: All of them; names are unique.
    """

    def __init__(self, families: Sequence[Family]) -> None:
        self.families = tuple(families)
        self._slots: dict[tuple[str, tuple[str, ...]], int] = {}
        self._by_name: dict[str, Family] = {family.name: family for family in families}
        self.width = 0
        for family in families:
            for key, width in _series(family):
                self._slots[key] = self.width
                self.width += width

    def family(self, name: str) -> Family:
        """The family of a name."""
        return self._by_name[name]

    def slot(self, name: str, *labels: str) -> int:
        """Where the numbers of a series begin."""
        return self._slots[name, labels]

    def slots(self, name: str) -> Mapping[tuple[str, ...], int]:
        """Where the numbers of each series of a family begin, by its labels."""
        return {labels: slot for (family, labels), slot in self._slots.items() if family == name}

    def exposed(self, counted: Numbers, gauges: NDArray[np.float64]) -> Iterator[Metric]:
        """Every family as Prometheus has it.

        Args:
            counted: [width], of all threads of all workers together.
            gauges: [workers, width].
        """
        for family in self.families:
            match family:
                case Gauge():
                    yield family.exposed(self._of_workers(family, gauges))
                case Ratio():
                    part, whole = self.slot(family.part), self.slot(family.whole)
                    yield family.exposed(gauges[:, part], gauges[:, whole])
                case _:
                    yield family.exposed(self._numbers(family, counted))

    def _of_workers(self, family: Gauge, gauges: NDArray[np.float64]) -> Callable[[tuple[str, ...]], Numbers]:
        return lambda labels: gauges[:, self.slot(family.name, *labels)]

    def _numbers(self, family: Counter | Histogram, counted: Numbers) -> Callable[[tuple[str, ...]], Numbers]:
        def numbers(labels: tuple[str, ...]) -> Numbers:
            begin = self.slot(family.name, *labels)
            return counted[begin : begin + family.width]

        return numbers


def _series(family: Family) -> Iterator[tuple[tuple[str, tuple[str, ...]], int]]:
    """The series of a family and how many numbers each takes; a ratio has none of its own."""
    match family:
        case Gauge():
            for labels in family.series:
                yield (family.name, labels), 1
        case Counter() | Histogram():
            for labels in family.series:
                yield (family.name, labels), family.width
