"""The one place where the online command's objects are built and wired."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from model.errors import ModelError
from process.flags import Flag
from process.logs import configure_logs
from profile_builder.archive import Archive
from profile_builder.errors import ProfileBuilderError, UsageError
from profile_builder.local import keep_freed_memory
from profile_builder.online import OnlinePolicy, OnlineSession
from profile_builder.online_following import Following, LiveBatch, LivePins
from profile_builder.online_metrics import OnlineMetrics
from profile_builder.online_rejections import Rejections
from profile_builder.online_running import run_online, spare_the_collector
from profile_builder.settings_online import OnlineSettings
from storage.dataset import read_dataset
from storage.embedding_space import EmbeddingSpace
from storage.errors import StorageError
from storage.events.decoding import EventLimits
from storage.events.opening import open_consumer, shown, stream_name
from storage.model_file import read_model_file
from storage.profiles.opening import open_online_writer
from storage.profiles.opening import shown as shown_profiles

log = structlog.get_logger("profile_builder.online")


def online(settings: OnlineSettings) -> None:
    """Count events as the settings say, until SIGTERM or SIGINT.

    Raises:
        ProfileBuilderError, StorageError, ModelError: Each says what to do.
    """
    configure_logs(log_format=settings.log_format, level=settings.log_level)
    keep_freed_memory()
    spare_the_collector()
    with ExitStack() as open_things:
        open_things.enter_context(_failure_logged())
        metrics = OnlineMetrics()
        stop = open_things.enter_context(_stopped_by_signals())
        following = open_things.enter_context(closing(_following(settings, metrics)))
        policy = _policy(settings, following.basis.embedding_space)
        if settings.metrics_port:
            open_things.enter_context(_serving(metrics.registry, settings.host, settings.metrics_port))
        following.start()
        log.info(
            "counting",
            events=shown(settings.events),
            profiles=shown_profiles(settings.profiles),
            archive=None if settings.archive is None else str(settings.archive),
            pins=following.basis.pins.version,
            actions_after_s=following.basis.watermark_s,
        )
        run_online(
            partial(_session, settings, policy, following, metrics, Rejections()),
            stop,
            count_failure=metrics.count_failure,
        )
    log.info("stopped")


def _following(settings: OnlineSettings, metrics: OnlineMetrics) -> Following:
    return Following(
        LivePins(settings.pins).look,
        LiveBatch(settings.profiles).look,
        None if settings.model is None else read_model_file(settings.model),
        count_refused=metrics.count_refused,
        place=shown_profiles(settings.profiles),
    )


def _policy(settings: OnlineSettings, space: EmbeddingSpace) -> OnlinePolicy:
    return OnlinePolicy(
        weights=None if settings.data is None else _weights(settings.data, space),
        gather_s=settings.gather_s,
        max_events=settings.max_events,
        turn_every_s=settings.archive_every_s,
    )


def _weights(data: Path, space: EmbeddingSpace) -> Mapping[str, float] | None:
    # Weights are all that is read of it.
    dataset = read_dataset(data, files_are_here=False)
    EmbeddingSpace(dataset.embedding_space, space.dimension).require(
        space, ours=f"the data set {data}", theirs="the pin artefact"
    )
    return dataset.action_weights


@contextmanager
def _session(
    settings: OnlineSettings,
    policy: OnlinePolicy,
    following: Following,
    metrics: OnlineMetrics,
    rejections: Rejections,
) -> Iterator[OnlineSession]:
    """Stream, store and archive, open together."""
    with ExitStack() as open_things:
        writer = open_things.enter_context(closing(open_online_writer(settings.profiles)))
        archive = None
        if settings.archive is not None:
            archive = open_things.enter_context(closing(Archive(settings.archive)))
        session = OnlineSession(
            stream_name(settings.events),
            lambda resume: open_consumer(
                settings.events, resume=resume, limits=EventLimits(max_ahead_s=settings.max_ahead_s)
            ),
            writer,
            archive,
            basis=lambda: following.basis,
            metrics=metrics,
            rejections=rejections,
            policy=policy,
        )
        yield open_things.enter_context(closing(session))


@contextmanager
def _failure_logged() -> Iterator[None]:
    """What ends the process is an error of its log, too: whoever reads that alone would only miss it."""
    try:
        yield
    except (ProfileBuilderError, StorageError, ModelError) as error:
        log.error("cannot count, so it ends", problem=str(error), kind=type(error).__name__)
        raise


@contextmanager
def _serving(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise UsageError(
            f"the Prometheus port {host}:{port} cannot be opened: {error.strerror or error}. "
            "Say another --metrics-port, or 0 for none."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _stopped_by_signals() -> Iterator[Flag]:
    """Set by SIGTERM and SIGINT."""
    stop = Flag()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
