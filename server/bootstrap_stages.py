"""The stages of a call, made anew over whatever is served, and what they share: caches and takedown list."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from server.candidate_cache import CandidateCache
from server.candidate_lists import CandidateList
from server.filling import Filling
from server.filtering import FilteredRetrieval
from server.joining import JoinedRetrieval
from server.metrics import Metrics
from server.pressure import Pressure
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from server.recommending import Recommender, popular_list
from server.retrieval import Retrieval
from server.sampling import Sampler
from server.settings import Fallback, ServerSettings
from server.swapping import Served
from server.takedown import BlockedOver, Takedown
from server.users import ServedProfiles
from storage.pins.joined import JoinedPins
from storage.pins.port import PinView

MEGABYTE = 1_000_000
PROFILES_PART = 8
"""One of so many parts of the cache's budget is for parsed profiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
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
        over: Callable[..., Retrieval] = partial(Retrieval, pins)
        if isinstance(pins, JoinedPins):
            over = partial(JoinedRetrieval, pins)
        return over(
            self.cache,
            ef_search=self.settings.ef_search,
            perplexity=perplexity,
            metrics=self.metrics,
            pressure=self.pressure,
        )


def build_stages(pins: PinView, settings: ServerSettings, metrics: Metrics, pressure: Pressure) -> Stages:
    """What the stages are made of, and its size and state among the metrics.

    Raises:
        TakedownError: The takedown list is there and cannot be read.
    """
    users = ProfileCache(settings.cache_mb * MEGABYTE // PROFILES_PART)
    cache = CandidateCache(settings.cache_mb * MEGABYTE - users.budget_bytes)
    takedown = Takedown(settings.pins, pins, count_error=metrics.count_takedown_error)
    metrics.gauges.watch_cache(lambda: cache.size_bytes, lambda: len(cache))
    metrics.gauges.watch_profile_cache(lambda: users.size_bytes, lambda: len(users))
    metrics.gauges.watch_takedown(takedown)
    return Stages(
        cache=cache, users=users, metrics=metrics, takedown=takedown, settings=settings, pressure=pressure
    )


def now_s() -> int:
    """Unix seconds UTC."""
    return int(time.time())


def _popular(pins: PinView, source: ProfileSource, fallback: Fallback) -> CandidateList | None:
    return popular_list(pins, source.popular_rows()) if fallback is Fallback.POPULAR else None
