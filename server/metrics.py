"""What the server counts and times: every series is found once, so that counting costs next to nothing."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias

import grpc
from prometheus_client import CollectorRegistry

from pinnersage.v1 import recommender_pb2 as pb
from server.gauges import Gauges
from server.metrics_catalogue import (
    DEGRADATIONS,
    METHODS,
    REASONS,
    SERVICE,
    STAGES,
    WITHOUT_VARIANT,
    Artefact,
    Credentials,
    Dropped,
    FilterMode,
    Gone,
    ProfileUse,
    Sampled,
    go_name,
    layout,
)
from server.metrics_exposition import Exposition
from server.metrics_files import Counting, ProcessState
from server.metrics_rows import Count, Measure, Rows, stages_of
from server.metrics_serving import Serving

# A context that lets every error through.
Stage: TypeAlias = AbstractContextManager[None, None]

_ALONE = "0"
# What calls are told that never reach a method.
_TURNED_AWAY = (
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
)


class Metrics:
    """Everything that one process counts, for any number of threads.

    Args:
        registry: Where it is exposed: all of it, when the process is alone.
        variants: The names of the variants, each a label's value.
        counting: Where it counts as one of several; they are exposed together, by `expose_processes`.

    Attributes:
        stage: Times one stage, by its name: a context.
    """

    def __init__(
        self, registry: CollectorRegistry, *, variants: Sequence[str] = (), counting: Counting | None = None
    ) -> None:
        self.registry = registry
        self._counting = counting
        self.rows = Rows(layout(variants), None if counting is None else counting.rows)
        self.gauges = Gauges(self.rows)
        self._resolve(variants)
        if counting is None:
            registry.register(Exposition(self.rows.layout, self._alone))
        else:
            counting.announce({})

    def _resolve(self, variants: Sequence[str]) -> None:
        """Find every series once."""
        calls = {method: (kind, SERVICE, method) for method, kind in METHODS.items()}
        self._begun = {
            method: self.rows.count("grpc_server_started", *labels) for method, labels in calls.items()
        }
        self._turned_away = {
            (method, code): self.rows.count("grpc_server_handled", *labels, go_name(code))
            for method, labels in calls.items()
            for code in _TURNED_AWAY
        }
        self._waits = self.rows.measure("pinnersage_queue_seconds")
        self.stage: Callable[[str], Stage] = stages_of(self._stages()).time
        lookups = self._counts("pinnersage_candidate_cache_lookups", ("hit", "miss"))
        self._hits, self._misses = lookups["hit"], lookups["miss"]
        self._profiles = self._counts("pinnersage_profile_lookups", ProfileUse)
        self._joins = self.rows.count("pinnersage_single_flight_joins")
        reasons = self._counts("pinnersage_answers", REASONS.values())
        self._answers = {reason: reasons[name] for reason, name in REASONS.items()}
        self._fallbacks = self.rows.count("pinnersage_fallback_answers")
        degraded = self._counts("pinnersage_degraded_answers", DEGRADATIONS.values())
        self._degraded = {degradation: degraded[name] for degradation, name in DEGRADATIONS.items()}
        self._variants = self._counts("pinnersage_variant_answers", variants)
        self._variants[""] = self.rows.count("pinnersage_variant_answers", WITHOUT_VARIANT)
        self._skipped = self.rows.count("pinnersage_interests_skipped")
        self._candidates = self.rows.measure("pinnersage_candidates")
        self._short = self.rows.count("pinnersage_short_answers")
        self._blocked = self.rows.count("pinnersage_takedown_candidates")
        self._filtered = self._counts("pinnersage_filtered_lists", FilterMode)
        filters = self._counts("pinnersage_filter_lookups", ("hit", "miss"))
        self._filter_hits, self._filter_misses = filters["hit"], filters["miss"]
        self._before = self.rows.count("pinnersage_observed_candidates_before")
        self._dropped = self._counts("pinnersage_observed_candidates_dropped", Dropped)
        self._takedown_errors = self.rows.count("pinnersage_takedown_errors")
        self._refused = self._counts("pinnersage_refused_versions", Artefact)
        self._refused_credentials = self._counts("pinnersage_refused_credentials", Credentials)
        self._measured = self._counts("pinnersage_recall_measurements", Sampled)
        self._logged = self._counts("pinnersage_request_log_answers", Sampled)
        self._spans = self._counts("pinnersage_trace_spans", Sampled)
        self._gone = self._counts("pinnersage_worker_restarts", Gone)

    def _counts(self, name: str, values: Iterable[str]) -> dict[str, Count]:
        """The series of a counter with one label, by its value."""
        return {value: self.rows.count(name, value) for value in values}

    def _stages(self) -> dict[str, Measure]:
        """The series of each stage."""
        return {stage: self.rows.measure("pinnersage_stage_seconds", stage) for stage in STAGES}

    def _alone(self) -> list[ProcessState]:
        self.gauges.refresh()
        state = ProcessState(
            name=_ALONE, pid=os.getpid(), table=self.rows.table(), versions=self.gauges.versions
        )
        return [state]

    def serve(self, serving: Serving) -> None:
        """Expose what is served, from now on."""
        self.gauges.serve(serving)
        if self._counting is not None:
            self._counting.announce(serving.versions)

    def surround_stages(self, surround: Callable[[str, Stage], Stage]) -> None:
        """Have each stage surrounded by what this makes of its name and its time."""
        timed = self.stage
        self.stage = lambda name: surround(name, timed(name))

    def count_shed(self, method: str) -> None:
        """Count a call that was turned away."""
        self._turn_away(method, grpc.StatusCode.RESOURCE_EXHAUSTED)

    def count_wait(self, seconds: float) -> None:
        """Count a call that waited for a thread."""
        self._waits.observe(seconds)

    def count_refused_call(self, path: bytes, code: grpc.StatusCode) -> None:
        """Count a call without the credential it needs; of another service's methods nothing is counted."""
        service, _, method = path.decode().removeprefix("/").partition("/")
        if service == SERVICE and method in METHODS:
            self._turn_away(method, code)

    def _turn_away(self, method: str, code: grpc.StatusCode) -> None:
        self._begun[method].add()
        self._turned_away[method, code].add()

    def count_cache(self, *, hits: int, misses: int) -> None:
        """Count look-ups in the candidate cache."""
        self._hits.add(hits)
        self._misses.add(misses)

    def count_profile(self, use: ProfileUse, users: int = 1) -> None:
        """Count users' profiles by where they came from."""
        self._profiles[use].add(users)

    def count_joins(self, joins: int) -> None:
        """Count misses that waited for another call's search."""
        self._joins.add(joins)

    def count_filter(self, *, known: bool) -> None:
        """Count a filter asked for, and whether it was known who passes."""
        (self._filter_hits if known else self._filter_misses).add()

    def count_filtered(self, mode: FilterMode, lists: int) -> None:
        """Count lists of a filtered request."""
        self._filtered[mode].add(lists)

    def count_answer(self, reason: "pb.AnswerReason.ValueType", variant: str = "") -> None:
        """Count an answer by why it is not an ordinary one, if it is not, and by its variant."""
        self._answers[reason].add()
        self._variants[variant].add()

    def count_skipped(self, interests: int) -> None:
        """Count interests that no pin can stand for."""
        if interests:
            self._skipped.add(interests)

    def count_refused(self, artefact: Artefact) -> None:
        """Count a published version that was not taken."""
        self._refused[artefact].add()

    def count_refused_credentials(self, credentials: Credentials) -> None:
        """Count renewed files that were not taken."""
        self._refused_credentials[credentials].add()

    def count_fallback(self) -> None:
        """Count an answer of the window's most acted-on pins."""
        self._fallbacks.add()

    def count_degraded(self, degradation: "pb.Degradation.ValueType") -> None:
        """Count an answer for which something was given up."""
        self._degraded[degradation].add()

    def count_filters(self, before: int, dropped: Mapping[Dropped, int]) -> None:
        """Count the candidates of an observed answer's lists, and what each filter took of them."""
        self._before.add(before)
        for reason, candidates in dropped.items():
            self._dropped[reason].add(candidates)

    def count_measured(self, result: Sampled) -> None:
        """Count an answer chosen to measure recall by."""
        self._measured[result].add()

    def count_logged(self, result: Sampled, answers: int = 1) -> None:
        """Count answers chosen for the request log."""
        self._logged[result].add(answers)

    def count_spans(self, result: Sampled, spans: int) -> None:
        """Count spans of traces."""
        self._spans[result].add(spans)

    def count_gone(self, cause: Gone) -> None:
        """Count a worker that is replaced."""
        self._gone[cause].add()

    def count_takedown_error(self) -> None:
        """Count a look at the takedown list that failed."""
        self._takedown_errors.add()

    def count_blocked(self, candidates: int) -> None:
        """Count candidates that were dropped because they are blocked."""
        if candidates:
            self._blocked.add(candidates)

    def count_candidates(self, found: int, wanted: int) -> None:
        """Count the candidates of an answer."""
        self._candidates.observe(found)
        if found < wanted:
            self._short.add()
