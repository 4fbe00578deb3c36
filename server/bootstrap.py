"""The one place where the server's objects are built and wired."""

import time
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import structlog
from prometheus_client import GCCollector, PlatformCollector
from prometheus_client.core import CollectorRegistry

from server import following
from server import takedown as takedown_watch
from server.candidate_cache import CandidateCache, CandidateList
from server.filtering import FilteredRetrieval
from server.following import SideFollower
from server.joining import JoinedRetrieval
from server.metrics import Metrics
from server.metrics_catalogue import Artefact
from server.metrics_serving import serving_of
from server.profiles import ProfileSource
from server.recommending import Recommender, popular_list
from server.retrieval import Retrieval
from server.sampling import Sampler
from server.servicer import Servicer
from server.serving import RunningServer
from server.settings import Fallback, ServerSettings
from server.side_threads import Ticker
from server.takedown import BlockedOver, Takedown
from server.validation import Defaults, wire_policy
from server.variants import NO_VARIANTS, Variants
from server.variants_file import read_variants
from storage.pins.artefact import PinArtefact
from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.profiles.opening import open_reader
from storage.profiles.store import ProfileReader

MEGABYTE = 1_000_000

log = structlog.get_logger("server.bootstrap")


def build_server(settings: ServerSettings) -> RunningServer:
    """A server ready to start: artefact verified, store open, both of one embedding space.

    Raises:
        StorageError: The artefact or the store cannot be used.
    """
    pins = PinArtefact.open(settings.pins)
    return wire_server(pins, open_reader(settings.profiles), settings)


def wire_server(pins: PinView, profiles: ProfileReader, settings: ServerSettings) -> RunningServer:
    """The same from parts already open, each used once: the artefact or its fake, any profile store."""
    batch = profiles.describe()
    pins.embedding_space.require(batch.embedding_space, ours="the pin artefact", theirs="the profile store")
    variants = NO_VARIANTS
    if settings.variants is not None:
        variants = read_variants(settings.variants, settings.merge_policy)
    metrics = _metrics(variants)
    cache = CandidateCache(settings.cache_mb * MEGABYTE)
    metrics.watch_cache(lambda: cache.size_bytes, lambda: len(cache))
    takedown = Takedown(settings.pins, pins, count_error=metrics.count_takedown_error)
    metrics.watch_takedown(takedown)
    stages = _Stages(profiles=profiles, cache=cache, metrics=metrics, takedown=takedown, settings=settings)
    servicer = Servicer(stages.over(pins), Defaults(wire_policy(settings.merge_policy), variants))
    metrics.serve(serving_of(pins, batch, settings.pins))
    # Of what is served, added pins and all.
    metrics.watch("pinnersage_takedown_unknown", lambda: servicer.recommender.blocked().unknown)
    _warm_up(pins, servicer.recommender.profiles, settings.ef_search)

    def serve(joined: PinView) -> None:
        servicer.recommender = stages.over(joined)
        metrics.serve(serving_of(joined, batch, settings.pins))

    def follow_takedown() -> None:
        takedown.poll()
        # Here rather than in the first call that needs it, which will say what was wrong.
        with suppress(Exception):
            servicer.recommender.blocked()

    follower = SideFollower(
        settings.pins, pins, serve, count_refused=lambda: metrics.count_refused(Artefact.SIDE)
    )
    follower.poll()
    return RunningServer(
        servicer,
        metrics,
        capacity=settings.capacity,
        connections=settings.connections,
        with_reflection=settings.reflection,
        watching=[
            Ticker(follow_takedown, name="takedown", every_s=takedown_watch.POLL_S),
            Ticker(follower.poll, name="side", every_s=following.POLL_S),
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stages:
    """What the stages are made of, whatever pins they look at."""

    profiles: ProfileReader
    cache: CandidateCache
    metrics: Metrics
    takedown: Takedown
    settings: ServerSettings

    def over(self, pins: PinView) -> Recommender:
        """The stages over an artefact, or over one and what was added to it."""
        blocked = BlockedOver(self.takedown, pins)
        blocked()
        source = ProfileSource(self.profiles, pins, self.metrics, blocked)
        ef_search, metrics = self.settings.ef_search, self.metrics
        retrieval = self._retrieval(pins, source.batch.parameters.fusing.perplexity)
        return Recommender(
            pins=pins,
            profiles=source,
            sampler=Sampler(np.random.default_rng()),
            retrieval=retrieval,
            filtering=FilteredRetrieval(pins, retrieval, ef_search=ef_search, metrics=metrics),
            metrics=metrics,
            popular=_popular(pins, source, self.settings.fallback),
            clock=now_s,
            blocked=blocked,
        )

    def _retrieval(self, pins: PinView, perplexity: float) -> Retrieval:
        """Of all candidates."""
        ef_search, metrics = self.settings.ef_search, self.metrics
        if isinstance(pins, JoinedPins):
            return JoinedRetrieval(
                pins, self.cache, ef_search=ef_search, perplexity=perplexity, metrics=metrics
            )
        return Retrieval(pins, self.cache, ef_search=ef_search, perplexity=perplexity, metrics=metrics)


def now_s() -> int:
    """Unix seconds UTC."""
    return int(time.time())


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


def _metrics(variants: Variants) -> Metrics:
    registry = CollectorRegistry()
    for collector in (PlatformCollector, GCCollector):
        collector(registry=registry)
    return Metrics(registry, variants=variants.names)


def _popular(pins: PinView, source: ProfileSource, fallback: Fallback) -> CandidateList | None:
    return popular_list(pins, source.popular_rows()) if fallback is Fallback.POPULAR else None
