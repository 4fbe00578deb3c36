"""Prometheus metrics: go-grpc-prometheus names for calls, `pinnersage_*` for what happens inside."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pinnersage.v1 import recommender_pb2 as pb
from server.limits import LIMITS
from server.takedown import Takedown

SERVICE = "pinnersage.v1.Recommender"
REASONS: Mapping["pb.AnswerReason.ValueType", str] = {
    pb.ANSWER_REASON_UNSPECIFIED: "ordinary",
    pb.ANSWER_REASON_UNKNOWN_USER: "unknown_user",
    pb.ANSWER_REASON_NO_USABLE_INTERESTS: "no_usable_interests",
    pb.ANSWER_REASON_ALL_FILTERED: "all_filtered",
}
STAGES = ("profile", "sample", "filter", "retrieve", "search", "merge", "fuse", "encode")

_CALL_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_STAGE_BUCKETS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5)


class FilterMode(StrEnum):
    """How a filtered list was made."""

    OVER_FETCH = "over_fetch"
    GRAPH = "graph"
    EXACT = "exact"


@dataclass(slots=True)
class Outcome:
    """How a call ended: OK until somebody says otherwise, and after how many messages of the answer."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    messages: int = 0


class MethodMetrics:
    """The call metrics of one method, their labels resolved once.

    Args:
        metrics: Where they are registered.
        grpc_type: unary or server_stream.
        method: The method's name.
    """

    def __init__(self, metrics: "Metrics", grpc_type: str, method: str) -> None:
        self.method = method
        labels = (grpc_type, SERVICE, method)
        self._started = metrics.started.labels(*labels)
        self._received = metrics.received.labels(*labels)
        self._sent = metrics.sent.labels(*labels)
        self._seconds = metrics.handling_seconds.labels(*labels)
        self._handled = {code: metrics.handled.labels(*labels, _go_name(code)) for code in grpc.StatusCode}

    @contextmanager
    def call(self) -> Iterator[Outcome]:
        """Count one call, its time and its outcome."""
        outcome = Outcome()
        self._started.inc()
        # Every method here takes one message.
        self._received.inc()
        began = time.perf_counter()
        try:
            yield outcome
        finally:
            self._seconds.observe(time.perf_counter() - began)
            self._handled[outcome.code].inc()
            self._sent.inc(outcome.messages)


class Metrics:
    """Everything the server exposes.

    Args:
        registry: Where the metrics are registered; one a server, never the global one.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._register_calls(registry)
        self._register_stages(registry)

    def _register_calls(self, registry: CollectorRegistry) -> None:
        labels = ("grpc_type", "grpc_service", "grpc_method")
        self.started = Counter("grpc_server_started", "Calls begun.", labels, registry=registry)
        self.handled = Counter(
            "grpc_server_handled", "Calls ended.", (*labels, "grpc_code"), registry=registry
        )
        self.received = Counter("grpc_server_msg_received", "Messages received.", labels, registry=registry)
        self.sent = Counter("grpc_server_msg_sent", "Messages sent.", labels, registry=registry)
        self.handling_seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time of a call.",
            labels,
            buckets=_CALL_BUCKETS_S,
            registry=registry,
        )

    def _register_stages(self, registry: CollectorRegistry) -> None:
        stages = Histogram(
            "pinnersage_stage_seconds",
            "Time of a stage.",
            ("stage",),
            buckets=_STAGE_BUCKETS_S,
            registry=registry,
        )
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        lookups = Counter(
            "pinnersage_candidate_cache_lookups", "Candidate lists asked for.", ("result",), registry=registry
        )
        self._hits, self._misses = lookups.labels("hit"), lookups.labels("miss")
        self._joins = Counter(
            "pinnersage_single_flight_joins",
            "Misses that waited for another call's search.",
            registry=registry,
        )
        answers = Counter(
            "pinnersage_answers", "Answers for users, by reason.", ("reason",), registry=registry
        )
        self._answers = {reason: answers.labels(name) for reason, name in REASONS.items()}
        self._skipped = Counter(
            "pinnersage_interests_skipped",
            "Interests that no pin can stand for: missing from the artefact, or blocked.",
            registry=registry,
        )
        self._candidates = Histogram(
            "pinnersage_candidates",
            "Candidates in an answer.",
            buckets=(0, 1, 10, 50, 100, 200, 300, 400, LIMITS.max_candidates),
            registry=registry,
        )
        self._short = Counter(
            "pinnersage_short_answers", "Answers with fewer candidates than asked for.", registry=registry
        )

        filtered = Counter(
            "pinnersage_filtered_lists",
            "Lists of filtered requests, by how they were made.",
            ("mode",),
            registry=registry,
        )
        self._filtered = {mode: filtered.labels(mode.value) for mode in FilterMode}
        filters = Counter(
            "pinnersage_filter_lookups",
            "Filters asked for; of a miss it is computed anew who passes.",
            ("result",),
            registry=registry,
        )
        self._filter_hits, self._filter_misses = filters.labels("hit"), filters.labels("miss")
        self._blocked = Counter(
            "pinnersage_takedown_candidates",
            "Candidates dropped from lists because they are blocked.",
            registry=registry,
        )
        self._takedown_errors = Counter(
            "pinnersage_takedown_errors",
            "Looks at the takedown list that failed; the last good list stays in force.",
            registry=registry,
        )

    def watch_takedown(self, takedown: Takedown) -> None:
        """Expose the takedown list in force; read when scraped."""
        gauges: Mapping[str, tuple[str, Callable[[], float]]] = {
            "listed": ("Pins on the takedown list.", lambda: takedown.blocked.listed),
            "unknown": (
                "Pins on the takedown list that the artefact does not hold.",
                lambda: takedown.blocked.unknown,
            ),
            "bad_lines": ("Lines of the takedown list that cannot be read.", lambda: takedown.bad_lines),
            "age_seconds": (
                "Since the list in force was last known to be what the file says.",
                lambda: takedown.age_s,
            ),
        }
        for name, (meaning, value) in gauges.items():
            Gauge(f"pinnersage_takedown_{name}", meaning, registry=self.registry).set_function(value)

    def watch_cache(self, size_bytes: Callable[[], int], entries: Callable[[], int]) -> None:
        """Expose the candidate cache's size; read when scraped."""
        Gauge(
            "pinnersage_candidate_cache_bytes", "Real bytes of the candidate cache.", registry=self.registry
        ).set_function(size_bytes)
        Gauge(
            "pinnersage_candidate_cache_entries", "Lists in the candidate cache.", registry=self.registry
        ).set_function(entries)

    def describe_artefacts(
        self, *, pins_version: str, n_indexed: int, profiles_version: str, n_users: int
    ) -> None:
        """Expose what is served."""
        labels = ("pins_version", "profiles_version")
        info = Gauge("pinnersage_artefact_info", "What is served; always 1.", labels, registry=self.registry)
        info.labels(pins_version, profiles_version).set(1)
        Gauge("pinnersage_indexed_pins", "Pins in the index.", registry=self.registry).set(n_indexed)
        Gauge("pinnersage_profiles", "Users with a batch profile.", registry=self.registry).set(n_users)

    def watch_profile_age(self, age_s: Callable[[], float]) -> None:
        """Expose how old the batch profiles are; read when scraped."""
        Gauge(
            "pinnersage_profiles_age_seconds", "Age of the batch profiles' cut.", registry=self.registry
        ).set_function(age_s)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._stages[name].observe(time.perf_counter() - began)

    def count_cache(self, *, hits: int, misses: int) -> None:
        """Count look-ups in the candidate cache."""
        self._hits.inc(hits)
        self._misses.inc(misses)

    def count_joins(self, joins: int) -> None:
        """Count misses that waited for another call's search."""
        self._joins.inc(joins)

    def count_filter(self, *, known: bool) -> None:
        """Count a filter asked for, and whether it was known who passes."""
        (self._filter_hits if known else self._filter_misses).inc()

    def count_filtered(self, mode: FilterMode, lists: int) -> None:
        """Count lists of a filtered request."""
        self._filtered[mode].inc(lists)

    def count_answer(self, reason: "pb.AnswerReason.ValueType") -> None:
        """Count an answer by why it is not an ordinary one, if it is not."""
        self._answers[reason].inc()

    def count_skipped(self, interests: int) -> None:
        """Count interests that no pin can stand for."""
        self._skipped.inc(interests)

    def count_takedown_error(self) -> None:
        """Count a look at the takedown list that failed."""
        self._takedown_errors.inc()

    def count_blocked(self, candidates: int) -> None:
        """Count candidates that were dropped because they are blocked."""
        if candidates:
            self._blocked.inc(candidates)

    def count_candidates(self, found: int, wanted: int) -> None:
        """Count an answer's candidates."""
        self._candidates.observe(found)
        if found < wanted:
            self._short.inc()


def _go_name(code: grpc.StatusCode) -> str:
    """The code as go-grpc-prometheus spells it: DEADLINE_EXCEEDED becomes DeadlineExceeded."""
    if code is grpc.StatusCode.OK:
        return "OK"
    # Go spells it with one l.
    return "Canceled" if code is grpc.StatusCode.CANCELLED else code.name.title().replace("_", "")
