"""What an online process counts, and shows on its Prometheus port."""

import time
from collections.abc import Callable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from storage.events.stream import Lag, Rejected

_AGES_S = (0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 86_400)
_COMMITS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Outcome(StrEnum):
    """What became of a record of the stream."""

    COUNTED = "counted"
    KNOWN = "known"
    UNKNOWN_PIN = "unknown_pin"
    NOT_LISTED = "not_listed"
    FORGOTTEN = "forgotten"
    FORGET = "forget"


class OnlineMetrics:
    """The numbers of one process, in one registry.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self._records = counter(
            "records",
            "Records of the stream, by what became of them: counted; known, read before or older than the "
            "user's newest; unknown_pin; not_listed; forgotten, as what they did was; forget.",
            "outcome",
        )
        self._rejected = counter(
            "rejected", "What the stream held and is no record; one from the future is none.", "reason"
        )
        self._profiles = counter("profiles_written", "Users whose record was stored.")
        self._damaged = counter(
            "damaged_records", "Users whose record could not be trusted, and was begun anew, or tombstone."
        )
        self._failures = counter(
            "failures", "Stream, store or archive failed, and all was opened again.", "error"
        )
        self._refused = counter("refused_versions", "New pins or batches that were not taken.")
        self._archived = counter("archived", "Events kept for the archive.")
        self._lag_records = gauge("lag_records", "Records that were not read yet, where the stream can tell.")
        self._lag_bytes = gauge("lag_bytes", "The same in bytes, of a file.")
        self._success_s = gauge(
            "last_success_seconds",
            "When all that was read was last stored, be it nothing; at first the process's start.",
        )
        self._success_s.set(clock())
        self._watermark_s = gauge("watermark_seconds", "W: the batch counts the actions up to it.")
        self._newest_s = gauge("newest_event_seconds", "Time of the newest event that was stored.")
        self._age_s = histogram(
            "event_age_seconds", "From an event's own time, in whole seconds, until it was stored.", _AGES_S
        )
        self._commit_s = histogram(
            "commit_seconds", "From the first event of a commit being read until all were stored.", _COMMITS_S
        )
        for outcome in Outcome:
            self._records.labels(outcome)
        self._shown_newest_s = 0

    def count_read(self, rejected: list[Rejected]) -> None:
        """Count what is no record."""
        for each in rejected:
            self._rejected.labels(each.reason).inc()

    def count_stored(
        self, outcomes: dict[Outcome, int], *, profiles: int, damaged: int, archived: int
    ) -> None:
        """Count what one commit came to."""
        for outcome, n in outcomes.items():
            self._records.labels(outcome).inc(n)
        self._profiles.inc(profiles)
        self._damaged.inc(damaged)
        self._archived.inc(archived)

    def show_times(self, times_s: list[int], *, commit_s: float, watermark_s: int) -> None:
        """Show how old events were that were stored just now, and how long that took."""
        now_s = self._clock()
        for time_s in times_s:
            self._age_s.observe(max(now_s - time_s, 0.0))
        self._shown_newest_s = max([self._shown_newest_s, *times_s])
        self._newest_s.set(self._shown_newest_s)
        self._commit_s.observe(commit_s)
        self._watermark_s.set(watermark_s)

    def show_success(self) -> None:
        """Show that all went well until now."""
        self._success_s.set(self._clock())

    def show_lag(self, lag: Lag) -> None:
        """Show how far the stream is ahead; what it cannot tell is no number."""
        self._lag_records.set(float("nan") if lag.n_records is None else lag.n_records)
        self._lag_bytes.set(float("nan") if lag.n_bytes is None else lag.n_bytes)

    def count_failure(self, error: Exception) -> None:
        """Count that all is opened again."""
        self._failures.labels(type(error).__name__).inc()

    def count_refused(self) -> None:
        """Count a version that was not taken."""
        self._refused.inc()

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"pinnersage_online_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"pinnersage_online_{name}", about, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"pinnersage_online_{name}", about, buckets=buckets, registry=self.registry)
