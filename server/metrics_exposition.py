"""What a scrape sees: the numbers of all processes together, what each of them serves, and itself."""

import re
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.metrics_families import Layout
from server.metrics_files import SUPERVISOR, ProcessState, read_states

WORKER_CALLS = "pinnersage_worker_calls"
WORKERS = "pinnersage_workers"
ARTEFACT_INFO = "pinnersage_artefact_info"
PRIVATE_BYTES = "pinnersage_worker_private_bytes"
_HANDLED = "grpc_server_handled"
_VERSIONS = ("pins_version", "profiles_version", "side_version")


class Exposition(Collector):
    """Collects for prometheus_client.

    Args:
        layout: What stands where.
        processes: Who counts, at the moment of asking.
    """

    def __init__(self, layout: Layout, processes: Callable[[], Sequence[ProcessState]]) -> None:
        self._layout = layout
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        processes = self._processes()
        counted = np.zeros(self._layout.width)
        for each in processes:
            counted += each.table[1:].sum(axis=0)
        gauges = np.array([each.table[0] for each in processes]).reshape(-1, self._layout.width)
        yield from self._layout.exposed(counted, gauges)
        yield self._calls_of_each(processes)
        yield from _served(processes)
        yield _private_memory(processes)
        yield from _of_the_system(processes)

    def describe(self) -> list[Metric]:
        """Nothing: so that registering does not collect."""
        return []

    def _calls_of_each(self, processes: Sequence[ProcessState]) -> Metric:
        slots = list(self._layout.slots(_HANDLED).values())
        family = CounterMetricFamily(
            WORKER_CALLS, "Calls ended, by worker: how evenly they are spread.", labels=("worker",)
        )
        for each in processes:
            if each.name != SUPERVISOR:
                family.add_metric((each.name,), float(each.table[1:, slots].sum()))
        return family


def expose_processes(registry: CollectorRegistry, layout: Layout, folder: Path) -> None:
    """Expose what all processes of a server count: for the supervisor.

    Args:
        registry: What the metrics port serves.
        layout: Of all of them.
        folder: Where they count.
    """
    registry.register(Exposition(layout, lambda: read_states(folder, layout)))


def _served(processes: Sequence[ProcessState]) -> Iterator[Metric]:
    """How many workers serve, and how many of them the same."""
    serving = [each for each in processes if each.versions]
    info = GaugeMetricFamily(ARTEFACT_INFO, "Workers that serve these versions.", labels=_VERSIONS)
    for versions, n in sorted(
        Tally(tuple(each.versions[label] for label in _VERSIONS) for each in serving).items()
    ):
        info.add_metric(versions, n)
    yield info
    yield GaugeMetricFamily(WORKERS, "Workers that serve.", len(serving))


def _private_memory(processes: Sequence[ProcessState]) -> Metric:
    """The index and the vectors are mapped files, which all workers share: they are not in it."""
    family = GaugeMetricFamily(
        PRIVATE_BYTES,
        "Memory of a process that is no file's: what one more worker costs.",
        labels=("worker",),
    )
    for process in processes:
        with suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
            if found is not None:
                family.add_metric((process.name,), float(found[1]) * 1024)
    return family


def _of_the_system(processes: Sequence[ProcessState]) -> Iterator[Metric]:
    """CPU time, memory, descriptors and start of each process, as prometheus_client has them, by worker."""
    families: dict[str, Metric] = {}
    for process in processes:
        for metric in ProcessCollector(pid=_pid(process), registry=None).collect():
            family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                family.add_sample(sample.name, {"worker": process.name}, sample.value)
    yield from families.values()


def _pid(process: ProcessState) -> Callable[[], int]:
    return lambda: process.pid
