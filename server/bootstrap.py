"""The one place where the server's objects are built and wired."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import structlog

from server.admission import Admission
from server.bootstrap_metrics import build_metrics, variants_of
from server.bootstrap_stages import Stages, build_stages, now_s
from server.following import POLL_S as SIDE_POLL_S
from server.forgetting import POLL_S as FORGETTING_POLL_S
from server.forgetting import Forgetting
from server.metrics import Metrics
from server.metrics_serving import serving_of
from server.observers import Observers, build_observers
from server.pressure import Pressure
from server.profiles import ProfileSource
from server.recommending import Recommender
from server.recording import Recorder
from server.security import build_security
from server.servicer import Servicer
from server.serving import RunningServer
from server.settings import ServerSettings
from server.side_threads import LOW_PRIORITY, Ticker
from server.swapping import Exchange, Opening, Served
from server.takedown import POLL_S as TAKEDOWN_POLL_S
from server.validation import Defaults, wire_policy
from server.vouching import Versions, Vouching, pins_at, profiles_at
from storage.events.opening import open_appender, shown
from storage.pins.artefact import PinArtefact
from storage.pins.port import PinView
from storage.profiles.opening import open_reader
from storage.profiles.store import ProfileReader

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
    # In place of what a worker knows.
    metrics.gauges.watch_refused(lambda: vouching.refused | wired.exchange.refused)

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
    calls = Admission(settings.calls)
    stages = build_stages(pins, settings, metrics, Pressure(settings.pressure, lambda: calls.queued))
    served = Served(main=pins, pins=pins, profiles=profiles)
    observers, recorder = build_observers(settings, metrics), _recorder(settings)
    defaults = Defaults(wire_policy(settings.merge_policy), variants_of(settings))
    servicer = Servicer(stages.over(served), defaults, observers.observer, recorder)
    _warm_up(pins, servicer.recommender.profiles, settings.ef_search)
    exchange = _exchange(served, opening, stages, servicer)
    metrics.gauges.watch_refused(lambda: exchange.refused)
    server = _server(servicer, metrics, settings, calls, observers)
    _watch(server, servicer, stages, exchange)
    if recorder is not None:
        server.watch(recorder)
    return Wired(server, exchange)


def _exchange(served: Served, opening: Opening, stages: Stages, servicer: Servicer) -> Exchange:
    """What changes what the servicer serves, which from now on is `served` with what was added to it."""
    settings, metrics = stages.settings, stages.metrics

    def place(served: Served, recommender: Recommender) -> None:
        servicer.recommender = recommender
        stages.takedown.follow(served.main)
        metrics.serve(serving_of(served.pins, served.profiles.describe(), settings.pins))

    place(served, servicer.recommender)
    exchange = Exchange(
        settings.pins,
        served,
        opening=opening,
        build=stages.over,
        place=place,
        cache=stages.cache,
        warming=settings.warming,
        count_refused=metrics.count_refused,
    )
    exchange.poll_side()
    return exchange


def _watch(server: RunningServer, servicer: Servicer, stages: Stages, exchange: Exchange) -> None:
    """Have the server look, as long as it runs, at what others change beside it."""
    forgetting = Forgetting(stages.users, lambda: servicer.recommender.profiles)
    forgetting.poll()

    def follow_takedown() -> None:
        stages.takedown.poll()
        # Here rather than in the first call that needs it, which will say what was wrong.
        with suppress(Exception):
            servicer.recommender.blocked()

    # Of what is served, added pins and all.
    stages.metrics.gauges.watch("pinnersage_takedown_unknown", lambda: servicer.recommender.blocked().unknown)
    server.watch(Ticker(follow_takedown, name="takedown", every_s=TAKEDOWN_POLL_S))
    server.watch(Ticker(exchange.poll_side, name="side", every_s=SIDE_POLL_S))
    server.watch(Ticker(forgetting.poll, name="forgetting", every_s=FORGETTING_POLL_S))


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
