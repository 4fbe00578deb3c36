"""What a server counts with, for each kind of its processes: alone, a worker, a supervisor."""

from pathlib import Path

from prometheus_client import GCCollector, PlatformCollector
from prometheus_client.core import CollectorRegistry

from server.metrics import Metrics
from server.metrics_exposition import expose_processes
from server.metrics_files import SUPERVISOR, Counting
from server.settings import ServerSettings
from server.variants import NO_VARIANTS, Variants
from server.variants_file import read_variants


def build_metrics(settings: ServerSettings) -> Metrics:
    """What a process that is alone counts with."""
    registry = CollectorRegistry()
    for collector in (PlatformCollector, GCCollector):
        collector(registry=registry)
    return Metrics(registry, variants=variants_of(settings).names)


def build_worker_metrics(settings: ServerSettings, counting: Counting) -> Metrics:
    """What one of several workers counts with."""
    return Metrics(CollectorRegistry(), variants=variants_of(settings).names, counting=counting)


def build_supervisor_metrics(settings: ServerSettings, folder: Path) -> Metrics:
    """What a supervisor counts with; its registry exposes what all workers count."""
    registry = CollectorRegistry()
    PlatformCollector(registry=registry)
    counting = Counting(folder, SUPERVISOR)
    metrics = Metrics(registry, variants=variants_of(settings).names, counting=counting)
    expose_processes(registry, metrics.rows.layout, folder)
    return metrics


def variants_of(settings: ServerSettings) -> Variants:
    """What users are divided among, as the settings have it.

    Raises:
        StartError: Their file cannot be used.
    """
    if settings.variants is None:
        return NO_VARIANTS
    return read_variants(settings.variants, settings.merge_policy)
