"""Who looks at calls, as the settings have it: recall meter, filter meter, request log, tracing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from process.user_hashes import HashUser, user_hash
from server.background import Background, Work
from server.errors import StartError
from server.filter_meter import FilterMeter
from server.metrics import Metrics
from server.observing import Observation, Observed, Observer
from server.recall_meter import RecallMeter
from server.request_log import RequestLog, RotationPolicy
from server.settings import ServerSettings
from server.settings_observing import ShownUsers
from server.side_threads import Beside

MEGABYTE = 1_000_000
_COLLECTOR = re.compile(r"https?://[^/\s]+:\d+/?")
# What waits costs memory, and what waits long is no longer in the cache.
_RECALL_WAITING, _FILTERS_WAITING, _LOG_WAITING = 16, 64, 1_000


@dataclass(frozen=True, slots=True)
class Observers:
    """Who looks at calls.

    Attributes:
        observer: At all answers.
        interceptors: At calls as they arrive.
        threads: Behind both, to be started and stopped with the server.
    """

    observer: Observer
    interceptors: Sequence[grpc.ServerInterceptor]
    threads: Sequence[Beside]


def build_observers(settings: ServerSettings, metrics: Metrics) -> Observers:
    """Those that the settings ask for.

    Args:
        settings: The shares, and where the request log goes.
        metrics: Has what they measure and count.

    Raises:
        StartError: The request log cannot be written where it should.
    """
    observations = [
        _observation(settings.recall_share, RecallMeter(metrics), "recall", _RECALL_WAITING),
        _observation(settings.observed_share, FilterMeter(metrics), "filters", _FILTERS_WAITING),
    ]
    if settings.request_log is not None:
        written = _request_log(settings.request_log, settings, metrics)
        observations.append(_observation(settings.request_log_share, written, "request-log", _LOG_WAITING))
    asked = [each for each in observations if each.share]
    observer, threads = Observer(asked), [each.background for each in asked]
    if settings.trace_endpoint is None:
        return Observers(observer, (), threads)
    tracing, sending = _tracing(settings.trace_endpoint, settings.trace_share, metrics)
    return Observers(observer, (tracing,), [*threads, sending])


def _observation(share: float, work: Work[Observed], name: str, waiting: int) -> Observation:
    return Observation(share, Background(work, name=name, capacity=waiting))


def _request_log(folder: Path, settings: ServerSettings, metrics: Metrics) -> RequestLog:
    if settings.request_log_users is ShownUsers.RAW:
        shown: HashUser = str
    elif settings.log_salt:
        shown = user_hash(settings.log_salt)
    else:
        raise StartError(
            "a request log shows users by a hash, which needs a secret: set --log-salt (PINNERSAGE_LOG_SALT),"
            " or have their ids in it: --request-log-users raw (PINNERSAGE_REQUEST_LOG_USERS=raw)."
        )
    try:
        rotation = RotationPolicy(total_bytes=settings.request_log_mb * MEGABYTE)
        return RequestLog(folder, metrics, shown=shown, rotation=rotation)
    except OSError as error:
        raise StartError(
            f"cannot write a request log to {folder}: {error.strerror or error}. "
            "Choose another folder with --request-log (PINNERSAGE_REQUEST_LOG)."
        ) from error


def _tracing(endpoint: str, share: float, metrics: Metrics) -> tuple[grpc.ServerInterceptor, Beside]:
    if not _COLLECTOR.fullmatch(endpoint):
        raise StartError(
            f"--trace-endpoint {endpoint}: write http://HOST:PORT, or https://HOST:PORT for TLS "
            "(PINNERSAGE_TRACE_ENDPOINT). Collectors take OTLP over gRPC on port 4317."
        )
    try:
        from server.trace_export import build_tracing, to_collector  # noqa: PLC0415 - for those who use it
    except ModuleNotFoundError as error:
        raise StartError(
            "--trace-endpoint (PINNERSAGE_TRACE_ENDPOINT) needs OpenTelemetry, which is not installed. "
            "Install requirements-tracing.lock."
        ) from error
    return build_tracing(to_collector(endpoint), share, metrics)
