"""The one place where the server's objects are built and wired."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from prometheus_client import GCCollector, PlatformCollector
from prometheus_client.core import CollectorRegistry

from server import following
from server import forgetting as forgetting_watch
from server import takedown as takedown_watch
from server.admission import Admission
from server.candidate_cache import CandidateCache, CandidateList
from server.filling import Filling
from server.filtering import FilteredRetrieval
from server.forgetting import Forgetting
from server.joining import JoinedRetrieval
from server.metrics import Metrics
from server.metrics_exposition import expose_processes
from server.metrics_files import SUPERVISOR, Counting
from server.metrics_serving import serving_of
from server.observers import Observers, build_observers
from server.pressure import Pressure
from server.profile_cache import ProfileCache, ServedProfiles
from server.profiles import ProfileSource
from server.recommending import Recommender, popular_list
from server.recording import Recorder
from server.retrieval import Retrieval
from server.sampling import Sampler
from server.security import build_security
from server.servicer import Servicer
from server.serving import RunningServer
from server.settings import Fallback, ServerSettings
from server.side_threads import LOW_PRIORITY, Ticker
from server.swapping import Exchange, Opening, Served
from server.takedown import BlockedOver, Takedown
from server.validation import Defaults, wire_policy
from server.variants import NO_VARIANTS, Variants
from server.variants_file import read_variants
from server.vouching import Versions, Vouching, pins_at, profiles_at
from storage.events.opening import open_appender, shown
from storage.pins.artefact import PinArtefact
from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.profiles.opening import open_reader
from storage.profiles.store import ProfileReader

MEGABYTE = 1_000_000
PROFILES_PART = 8
"""One of so many parts of the cache's budget is for parsed profiles."""
# So that many servers do not all read a new version at once.
POLL_JITTER = 0.2

log = structlog.get_logger("server.bootstrap")


@dataclass(frozen=True, slots=True)
class Wired:
    """A server ready to start, and what it serves, to be changed under way."""

    server: RunningServer
    exchange: Exchange


def build_server(settings: ServerSettings) -> RunningServer:
    """A server that is one process: it vouches for what it serves itself.

    Raises:
        StorageError: The artefact or the store cannot be used.
    """
    metrics = build_metrics(settings)
    vouching = build_vouching(settings, metrics)
    wired = build_worker(settings, vouching.begin(), metrics)

    def follow() -> None:
        wired.exchange.swap(vouching.look(wired.exchange.versions))

    wired.server.watch(
        Ticker(follow, name="swap", every_s=settings.poll_s, jitter=POLL_JITTER, niceness=LOW_PRIORITY)
    )
    return wired.server


def build_vouching(settings: ServerSettings, metrics: Metrics) -> Vouching:
    """What says which versions to serve."""
    return Vouching(
        pins_at(settings.pins), profiles_at(settings.profiles), count_refused=metrics.count_refused
    )


def build_worker(settings: ServerSettings, versions: Versions, metrics: Metrics) -> Wired:
    """A server of versions that somebody vouched for.

    Raises:
        StorageError: One of them cannot be used all the same.
    """
    opening = _opening(settings)
    pins, profiles = opening.pins(versions.pins), opening.profiles(versions.profiles)
    return wire(pins, profiles, settings, metrics, opening)


def wire_server(pins: PinView, profiles: ProfileReader, settings: ServerSettings) -> RunningServer:
    """The same from parts already open, each used once: the artefact or its fake, any profile store."""
    return wire(pins, profiles, settings, build_metrics(settings), _opening(settings)).server


def wire(
    pins: PinView, profiles: ProfileReader, settings: ServerSettings, metrics: Metrics, opening: Opening
) -> Wired:
    """The server, and what changes what it serves."""
    ours, theirs = pins.embedding_space, profiles.describe().embedding_space
    ours.require(theirs, ours="the pin artefact", theirs="the profile store")
    users = ProfileCache(settings.cache_mb * MEGABYTE // PROFILES_PART)
    cache = CandidateCache(settings.cache_mb * MEGABYTE - users.budget_bytes)
    metrics.watch_cache(lambda: cache.size_bytes, lambda: len(cache))
    metrics.watch_profile_cache(lambda: users.size_bytes, lambda: len(users))
    takedown = Takedown(settings.pins, pins, count_error=metrics.count_takedown_error)
    metrics.watch_takedown(takedown)
    calls = Admission(settings.calls)
    stages = _Stages(
        cache=cache,
        users=users,
        metrics=metrics,
        takedown=takedown,
        settings=settings,
        pressure=Pressure(settings.pressure, lambda: calls.queued),
    )
    served = Served(main=pins, pins=pins, profiles=profiles)
    observers = build_observers(settings, metrics)
    recorder = _recorder(settings)
    servicer = Servicer(
        stages.over(served),
        Defaults(wire_policy(settings.merge_policy), _variants(settings)),
        observers.observer,
        recorder,
    )
    # Of what is served, added pins and all.
    metrics.watch("pinnersage_takedown_unknown", lambda: servicer.recommender.blocked().unknown)
    _warm_up(pins, servicer.recommender.profiles, settings.ef_search)

    def place(served: Served, recommender: Recommender) -> None:
        servicer.recommender = recommender
        takedown.follow(served.main)
        metrics.serve(serving_of(served.pins, served.profiles.describe(), settings.pins))

    place(served, servicer.recommender)
    exchange = Exchange(
        settings.pins,
        served,
        opening=opening,
        build=stages.over,
        place=place,
        cache=cache,
        warming=settings.warming,
        count_refused=metrics.count_refused,
    )
    exchange.poll_side()
    forgetting = Forgetting(users, lambda: servicer.recommender.profiles)
    forgetting.poll()
    server = _server(servicer, metrics, settings, calls, observers)
    _watch(server, servicer, takedown, exchange, forgetting)
    if recorder is not None:
        server.watch(recorder)
    return Wired(server, exchange)


def _watch(
    server: RunningServer,
    servicer: Servicer,
    takedown: Takedown,
    exchange: Exchange,
    forgetting: Forgetting,
) -> None:
    """Have the server look, as long as it runs, at what others change beside it."""

    def follow_takedown() -> None:
        takedown.poll()
        # Here rather than in the first call that needs it, which will say what was wrong.
        with suppress(Exception):
            servicer.recommender.blocked()

    server.watch(Ticker(follow_takedown, name="takedown", every_s=takedown_watch.POLL_S))
    server.watch(Ticker(exchange.poll_side, name="side", every_s=following.POLL_S))
    server.watch(Ticker(forgetting.poll, name="forgetting", every_s=forgetting_watch.POLL_S))


def _server(
    servicer: Servicer,
    metrics: Metrics,
    settings: ServerSettings,
    calls: Admission,
    observers: Observers,
) -> RunningServer:
    security = build_security(settings, metrics)
    server = RunningServer(
        servicer,
        metrics,
        calls=calls,
        batches=Admission(settings.batches),
        connections=settings.connections,
        with_reflection=settings.with_reflection,
        credentials=security.credentials,
        # Who may not call leaves no trace.
        interceptors=[*security.interceptors, *observers.interceptors],
    )
    for beside in (*security.threads, *observers.threads):
        server.watch(beside)
    return server


def _opening(settings: ServerSettings) -> Opening:
    def pins(version: str) -> PinView:
        return PinArtefact.open(settings.pins, version, checksums=False)

    def profiles(version: str) -> ProfileReader:
        return open_reader(settings.profiles, version, checksums=False)

    return Opening(pins=pins, profiles=profiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stages:
    """What the stages are made of, whatever they look at."""

    cache: CandidateCache
    users: ProfileCache
    metrics: Metrics
    takedown: Takedown
    settings: ServerSettings
    pressure: Pressure

    def over(self, served: Served) -> Recommender:
        """The stages over an artefact, or over one and what was added to it, and profiles."""
        pins = served.pins
        blocked = BlockedOver(self.takedown, pins)
        blocked()
        source = ProfileSource(served.profiles, pins, self.metrics, blocked)
        ef_search, metrics = self.settings.ef_search, self.metrics
        retrieval = self._retrieval(pins, source.batch.parameters.fusing.perplexity)
        filtering = FilteredRetrieval(pins, retrieval, ef_search=ef_search, metrics=metrics)
        return Recommender(
            pins=pins,
            profiles=source,
            users=ServedProfiles(source, self.users),
            sampler=Sampler(),
            filling=Filling(pins=pins, retrieval=retrieval, filtering=filtering, metrics=metrics),
            metrics=metrics,
            popular=_popular(pins, source, self.settings.fallback),
            clock=now_s,
            blocked=blocked,
        )

    def _retrieval(self, pins: PinView, perplexity: float) -> Retrieval:
        """Of all candidates."""
        if isinstance(pins, JoinedPins):
            return JoinedRetrieval(
                pins,
                self.cache,
                ef_search=self.settings.ef_search,
                perplexity=perplexity,
                metrics=self.metrics,
                pressure=self.pressure,
            )
        return Retrieval(
            pins,
            self.cache,
            ef_search=self.settings.ef_search,
            perplexity=perplexity,
            metrics=self.metrics,
            pressure=self.pressure,
        )


def now_s() -> int:
    """Unix seconds UTC."""
    return int(time.time())


def _recorder(settings: ServerSettings) -> Recorder | None:
    """What takes actions, where there is a stream for them.

    Raises:
        EventStreamError: The URL names none.
    """
    events = settings.events
    if events is None:
        return None
    log.info("actions are recorded", events=shown(events))
    return Recorder(lambda: open_appender(events))


def _warm_up(pins: PinView, source: ProfileSource, ef_search: int) -> None:
    """Use both parts before anybody asks: what is broken is found, and what loads late is loaded."""
    source.load("", now_s())
    _, rows = pins.search(pins.embeddings[np.zeros(1, np.int64)], 1, ef_search=ef_search)
    pins.rows(pins.pin_ids(rows[0]))
    log.info(
        "opened",
        embedding_space=str(pins.embedding_space),
        pins_version=pins.version,
        indexed_pins=pins.n_indexed,
        profiles_version=source.batch.version,
        users=source.batch.n_users,
    )


def _variants(settings: ServerSettings) -> Variants:
    if settings.variants is None:
        return NO_VARIANTS
    return read_variants(settings.variants, settings.merge_policy)


def build_metrics(settings: ServerSettings) -> Metrics:
    """What a process that is alone counts with."""
    registry = CollectorRegistry()
    for collector in (PlatformCollector, GCCollector):
        collector(registry=registry)
    return Metrics(registry, variants=_variants(settings).names)


def build_worker_metrics(settings: ServerSettings, counting: Counting) -> Metrics:
    """What one of several workers counts with."""
    return Metrics(CollectorRegistry(), variants=_variants(settings).names, counting=counting)


def build_supervisor_metrics(settings: ServerSettings, folder: Path) -> Metrics:
    """What a supervisor counts with; its registry exposes what all workers count."""
    registry = CollectorRegistry()
    PlatformCollector(registry=registry)
    counting = Counting(folder, SUPERVISOR)
    metrics = Metrics(registry, variants=_variants(settings).names, counting=counting)
    expose_processes(registry, metrics.rows.layout, folder)
    return metrics


def _popular(pins: PinView, source: ProfileSource, fallback: Fallback) -> CandidateList | None:
    return popular_list(pins, source.popular_rows()) if fallback is Fallback.POPULAR else None
