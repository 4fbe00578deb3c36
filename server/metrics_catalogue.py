"""Every metric of the server, as data: docs/observability.md has the same table, and a test compares them.

Calls have the names of go-grpc-prometheus, what happens inside is `pinnersage_*`. Labels take few values, all
known at start: never a user, a pin or a request.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import product

import grpc

from pinnersage.v1 import recommender_pb2 as pb
from server.limits import LIMITS
from server.metrics_families import Across, Counter, Family, Gauge, Histogram, Layout, Ratio

SERVICE = "pinnersage.v1.Recommender"
# What answers without a variant count as; no variant has this name.
WITHOUT_VARIANT = "none"
# By the method's name: how its answer is sent.
METHODS: Mapping[str, str] = {
    "Recommend": "unary",
    "RecommendForPins": "unary",
    "RecommendBatch": "server_stream",
    "SimilarPins": "unary",
    "GetProfile": "unary",
    "GetPins": "unary",
    "RecordAction": "unary",
}
STAGES = ("profile", "sample", "filter", "retrieve", "search", "merge", "fuse", "encode", "record")
REASONS: Mapping["pb.AnswerReason.ValueType", str] = {
    pb.ANSWER_REASON_UNSPECIFIED: "ordinary",
    pb.ANSWER_REASON_UNKNOWN_USER: "unknown_user",
    pb.ANSWER_REASON_NO_USABLE_INTERESTS: "no_usable_interests",
    pb.ANSWER_REASON_ALL_FILTERED: "all_filtered",
    pb.ANSWER_REASON_DAMAGED_PROFILE: "damaged_profile",
}
DEGRADATIONS: Mapping["pb.Degradation.ValueType", str] = {
    pb.DEGRADATION_STALE_PROFILE: "stale_profile",
    pb.DEGRADATION_LOWER_EF_SEARCH: "lower_ef_search",
    pb.DEGRADATION_ONLINE_IGNORED: "online_ignored",
}

_CALL_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_STAGE_BUCKETS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5)
_CANDIDATE_BUCKETS = (0, 1, 10, 50, 100, 200, 300, 400, LIMITS.max_candidates)
_OF_METHOD = ("grpc_type", "grpc_service", "grpc_method")


class FilterMode(StrEnum):
    """How a filtered list was made."""

    OVER_FETCH = "over_fetch"
    GRAPH = "graph"
    EXACT = "exact"


class ProfileUse(StrEnum):
    """Where a user's profile came from."""

    FRESH = "fresh"
    UNCHANGED = "unchanged"
    PARSED = "parsed"
    UNKNOWN = "unknown"
    STALE = "stale"


class Dropped(StrEnum):
    """Why a candidate of a list is not in the answer. Of several reasons the first counts."""

    SEEN = "seen"
    EXCLUDED = "excluded"
    BLOCKED = "blocked"
    MIN_SCORE = "min_score"
    ATTRIBUTES = "attributes"


class Artefact(StrEnum):
    """What is published in versions."""

    PINS = "pins"
    SIDE = "side"
    PROFILES = "profiles"


# What is served in its live version, unless that is refused; a side goes with its pins.
FOLLOWED = (Artefact.PINS, Artefact.PROFILES)


class Sampled(StrEnum):
    """What became of an answer that was chosen to be looked at again."""

    DONE = "done"
    DROPPED = "dropped"
    FAILED = "failed"


class Credentials(StrEnum):
    """What protects the port, and is renewed in files."""

    CERTIFICATES = "certificates"
    API_KEYS = "api_keys"


class Gone(StrEnum):
    """Why a worker had to be replaced."""

    DIED = "died"
    SILENT = "silent"


def go_name(code: grpc.StatusCode) -> str:
    """The code as go-grpc-prometheus spells it: DEADLINE_EXCEEDED becomes DeadlineExceeded."""
    if code is grpc.StatusCode.OK:
        return "OK"
    # Go spells it with one l.
    return "Canceled" if code is grpc.StatusCode.CANCELLED else code.name.title().replace("_", "")


def layout(variants: Sequence[str] = ()) -> Layout:
    """The place of every number, for a server with these variants."""
    return Layout(
        [
            *_calls(),
            *_stages(),
            *_answers(variants),
            *_candidates(),
            *_caches(),
            *_artefacts(),
            *_credentials(),
            *_sampled(),
        ]
    )


def _each(*values: str) -> list[tuple[str, ...]]:
    return [(value,) for value in values]


def _calls() -> Sequence[Family]:
    methods = [(kind, SERVICE, method) for method, kind in METHODS.items()]
    codes = [(*method, go_name(code)) for method, code in product(methods, grpc.StatusCode)]
    return (
        Counter(name="grpc_server_started", meaning="Calls begun.", labels=_OF_METHOD, series=methods),
        Counter(
            name="grpc_server_handled",
            meaning="Calls ended, by status.",
            labels=(*_OF_METHOD, "grpc_code"),
            series=codes,
        ),
        Counter(
            name="grpc_server_msg_received", meaning="Messages received.", labels=_OF_METHOD, series=methods
        ),
        Counter(name="grpc_server_msg_sent", meaning="Messages sent.", labels=_OF_METHOD, series=methods),
        Histogram(
            name="grpc_server_handling_seconds",
            meaning="Time of a call, from its request's arrival to its answer, its wait for a thread too.",
            buckets=_CALL_BUCKETS_S,
            labels=_OF_METHOD,
            series=methods,
        ),
        Gauge(
            name="pinnersage_calls_in_flight",
            meaning="Calls taken on: those that have a thread, and those that wait for one.",
            across=Across.SUM,
        ),
        Gauge(
            name="pinnersage_calls_queued", meaning="Those of them that wait for a thread.", across=Across.SUM
        ),
        Histogram(
            name="pinnersage_queue_seconds",
            meaning="What calls that found no thread free waited for one, a part of the time of a call.",
            buckets=_CALL_BUCKETS_S,
        ),
        Counter(
            name="pinnersage_worker_restarts",
            meaning="Workers replaced by the supervisor: they died, or were silent and were killed.",
            labels=("cause",),
            series=_each(*Gone),
        ),
    )


def _stages() -> Sequence[Family]:
    return (
        Histogram(
            name="pinnersage_stage_seconds",
            meaning="Time of a stage; search is part of retrieve, filter of what comes before it.",
            buckets=_STAGE_BUCKETS_S,
            labels=("stage",),
            series=_each(*STAGES),
        ),
    )


def _answers(variants: Sequence[str]) -> Sequence[Family]:
    return (
        Counter(
            name="pinnersage_answers",
            meaning="Answers for users, by why they are not ordinary, if they are not.",
            labels=("reason",),
            series=_each(*REASONS.values()),
        ),
        Counter(
            name="pinnersage_fallback_answers",
            meaning="Answers of the window's most acted-on pins, in place of the user's own.",
        ),
        Counter(
            name="pinnersage_degraded_answers",
            meaning="Answers for which something was given up, by what.",
            labels=("degradation",),
            series=_each(*DEGRADATIONS.values()),
        ),
        Counter(
            name="pinnersage_variant_answers",
            meaning="Answers for users, by variant.",
            labels=("variant",),
            series=_each(WITHOUT_VARIANT, *variants),
        ),
        Counter(
            name="pinnersage_interests_skipped",
            meaning="Interests that no pin can stand for: missing from the artefact, or blocked.",
        ),
    )


def _candidates() -> Sequence[Family]:
    return (
        Histogram(
            name="pinnersage_candidates",
            meaning="Candidates in an answer made from lists; fallbacks and empty answers are not.",
            buckets=_CANDIDATE_BUCKETS,
        ),
        Counter(name="pinnersage_short_answers", meaning="Those of them with fewer than were asked for."),
        Counter(
            name="pinnersage_takedown_candidates",
            meaning="Candidates dropped from lists because they are blocked.",
        ),
        Counter(
            name="pinnersage_filtered_lists",
            meaning="Lists of filtered requests, by how they were made.",
            labels=("mode",),
            series=_each(*FilterMode),
        ),
        Counter(
            name="pinnersage_filter_lookups",
            meaning="Filters asked for; of a miss it is computed anew who passes.",
            labels=("result",),
            series=_each("hit", "miss"),
        ),
        Counter(
            name="pinnersage_observed_candidates_before",
            meaning="Candidates of the lists of observed answers, before any filter.",
        ),
        Counter(
            name="pinnersage_observed_candidates_dropped",
            meaning="Of those, the ones dropped, by the first filter that drops them.",
            labels=("filter",),
            series=_each(*Dropped),
        ),
    )


def _caches() -> Sequence[Family]:
    return (
        Counter(
            name="pinnersage_candidate_cache_lookups",
            meaning="Candidate lists asked for.",
            labels=("result",),
            series=_each("hit", "miss"),
        ),
        Counter(
            name="pinnersage_single_flight_joins",
            meaning="Misses that waited for another call's search.",
        ),
        Gauge(
            name="pinnersage_candidate_cache_bytes",
            meaning="Real bytes of the candidate cache.",
            across=Across.SUM,
        ),
        Gauge(
            name="pinnersage_candidate_cache_entries",
            meaning="Lists in the candidate cache.",
            across=Across.SUM,
        ),
        Counter(
            name="pinnersage_profile_lookups",
            meaning="Users' profiles asked for, by where they came from.",
            labels=("result",),
            series=_each(*ProfileUse),
        ),
        Gauge(
            name="pinnersage_profile_cache_bytes",
            meaning="Bytes of the parsed profiles kept.",
            across=Across.SUM,
        ),
        Gauge(name="pinnersage_profile_cache_entries", meaning="Parsed profiles kept.", across=Across.SUM),
    )


def _artefacts() -> Sequence[Family]:
    return (
        Gauge(name="pinnersage_indexed_pins", meaning="Pins in the index."),
        Gauge(
            name="pinnersage_pins_age_seconds",
            meaning="Since a build last made the served version of the pins.",
        ),
        Gauge(name="pinnersage_side_pins", meaning="Pins added since the build, candidates or not."),
        Gauge(
            name="pinnersage_side_age_seconds", meaning="Since an `add` last made the served version of them."
        ),
        Gauge(name="pinnersage_profiles", meaning="Users with a batch profile."),
        Gauge(name="pinnersage_profiles_age_seconds", meaning="Age of the batch profiles' cut."),
        Counter(
            name="pinnersage_refused_versions",
            meaning="Published versions that were not taken; what was served still is.",
            labels=("artefact",),
            series=_each(*Artefact),
        ),
        Gauge(
            name="pinnersage_version_refused",
            meaning="1 while the live version is not served, whatever the reason, 0 while it is; as it was "
            "last known while nobody can tell which is live.",
            labels=("artefact",),
            series=_each(*FOLLOWED),
        ),
        Gauge(name="pinnersage_takedown_listed", meaning="Pins on the takedown list."),
        Gauge(
            name="pinnersage_takedown_unknown",
            meaning="Pins on the takedown list that the artefact does not hold.",
        ),
        Gauge(
            name="pinnersage_takedown_bad_lines",
            meaning="Lines of the takedown list that cannot be read.",
        ),
        Gauge(
            name="pinnersage_takedown_age_seconds",
            meaning="Since the list in force was last known to be what the file says.",
        ),
        Counter(
            name="pinnersage_takedown_errors",
            meaning="Looks at the takedown list that failed; the last good list stays in force.",
        ),
    )


def _credentials() -> Sequence[Family]:
    return (
        Gauge(
            name="pinnersage_certificate_expires_seconds",
            meaning="Until the certificate in use expires; below 0 it has.",
            across=Across.MIN,
        ),
        Gauge(name="pinnersage_api_keys", meaning="API keys in use.", across=Across.MIN),
        Counter(
            name="pinnersage_refused_credentials",
            meaning="Renewed certificates or API keys that could not be used; the last good ones still are.",
            labels=("credentials",),
            series=_each(*Credentials),
        ),
    )


def _sampled() -> Sequence[Family]:
    outcomes = _each(*Sampled)
    return (
        Ratio(
            name="pinnersage_recall",
            meaning="Live recall@k: the share of the true nearest that the lists last measured hold.",
            part="pinnersage_recall_found",
            whole="pinnersage_recall_true",
        ),
        Gauge(
            name="pinnersage_recall_samples",
            meaning="Lists that the recall was last measured on.",
            across=Across.SUM,
        ),
        Gauge(
            name="pinnersage_recall_true",
            meaning="True nearest candidates of those lists.",
            across=Across.SUM,
        ),
        Gauge(name="pinnersage_recall_found", meaning="Those of them that were found.", across=Across.SUM),
        Counter(
            name="pinnersage_recall_measurements",
            meaning="Answers chosen to measure recall by, by what became of them.",
            labels=("result",),
            series=outcomes,
        ),
        Counter(
            name="pinnersage_request_log_answers",
            meaning="Answers chosen for the request log, by what became of them.",
            labels=("result",),
            series=outcomes,
        ),
        Gauge(name="pinnersage_request_log_bytes", meaning="Of all files of the request log together."),
        Counter(
            name="pinnersage_trace_spans",
            meaning="Spans of traces, by what became of them.",
            labels=("result",),
            series=outcomes,
        ),
    )
