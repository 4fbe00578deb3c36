"""What the server can be told, by flag or by variable."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from process.commands import setting
from process.shared_settings import PinsFolder, ProfilesUrl
from server.admission import Bounds
from server.connections import Connections
from server.errors import StartError
from server.pressure import PressurePolicy
from server.settings_observing import ObservingSettings
from server.settings_security import SecuritySettings
from server.warming import Warming
from storage.pins.port import EF_SEARCH

# Of whole batches, each worth hundreds of calls, few may wait.
_BATCHES_QUEUED = 4


class Fallback(StrEnum):
    """What a user without interests gets: nothing, or the window's most acted-on pins."""

    NONE = "none"
    POPULAR = "popular"


class MergePolicy(StrEnum):
    """How the lists of several medoids become one answer: see MergePolicy in recommender.proto."""

    INTERLEAVED = "interleaved"
    FUSED = "fused"


@dataclass(frozen=True, kw_only=True)
class ServingSettings:
    """What is served and how, and how much at a time."""

    pins: PinsFolder
    profiles: ProfilesUrl
    port: Annotated[int, setting("gRPC port; 0 takes a free one.", env="PORT", low=0, high=65_535)] = 50051
    metrics_port: Annotated[
        int, setting("Prometheus port; 0 serves no metrics.", env="METRICS_PORT", low=0, high=65_535)
    ] = 9464
    ef_search: Annotated[
        int, setting("HNSW efSearch of a cache miss.", env="EF_SEARCH", low=1, high=10_000)
    ] = EF_SEARCH
    cache_mb: Annotated[
        int, setting("Candidate cache, in MB of real bytes.", env="CACHE_MB", low=1, high=1_000_000)
    ] = 256
    poll_s: Annotated[
        float,
        setting("Seconds between looks for newly published versions.", env="POLL_S", low=0.05, high=86_400),
    ] = 10.0
    warm_s: Annotated[
        float,
        setting(
            "Seconds at most of filling the cache for new pins before they are served.",
            env="WARM_S",
            low=0,
            high=3_600,
        ),
    ] = 30.0
    workers: Annotated[
        int,
        setting(
            "Processes that answer calls. Each has its own cache and threads.", env="WORKERS", low=1, high=256
        ),
    ] = 1
    threads: Annotated[int, setting("Threads that answer calls.", env="THREADS", low=1, high=256)] = 8
    queued: Annotated[
        int,
        setting(
            "Calls that may wait for a thread; those beyond are turned away.",
            env="QUEUED",
            low=0,
            high=100_000,
        ),
    ] = 128
    pressure_ef_search: Annotated[
        int | None,
        setting(
            "HNSW efSearch of a cache miss while calls queue up, which answers say. Default: never lowered.",
            env="PRESSURE_EF_SEARCH",
            low=1,
            high=10_000,
        ),
    ] = None
    pressure_queued: Annotated[
        int | None,
        setting(
            "So many calls that wait for a thread are pressure. Default: half of --queued.",
            env="PRESSURE_QUEUED",
            low=1,
            high=100_000,
        ),
    ] = None
    batch_threads: Annotated[
        int, setting("Threads that answer RecommendBatch.", env="BATCH_THREADS", low=1, high=64)
    ] = 2
    streams: Annotated[
        int,
        setting(
            "Calls at a time on one connection. Further ones wait at the caller's.",
            env="STREAMS",
            low=1,
            high=100_000,
        ),
    ] = 64
    connection_age_s: Annotated[
        float,
        setting(
            "Seconds after which a caller is asked to connect anew.",
            env="CONNECTION_AGE_S",
            low=0.1,
            high=86_400,
        ),
    ] = 30.0
    connection_age_grace_s: Annotated[
        float,
        setting(
            "Seconds that its calls under way then have.", env="CONNECTION_AGE_GRACE_S", low=0.1, high=86_400
        ),
    ] = 30.0
    keepalive_s: Annotated[
        float,
        setting(
            "Seconds of silence after which a caller is asked whether it is there.",
            env="KEEPALIVE_S",
            low=1,
            high=86_400,
        ),
    ] = 60.0
    events: Annotated[
        str | None,
        setting(
            "Event stream that RecordAction appends to: a file, redis://, kafka://. Default: it is refused.",
            env="EVENTS",
            metavar="URL",
        ),
    ] = None
    fallback: Annotated[
        Fallback,
        setting(
            "What a user without interests gets: none, or the window's most acted-on pins.", env="FALLBACK"
        ),
    ] = Fallback.NONE
    merge_policy: Annotated[
        MergePolicy,
        setting(
            "For requests that name none: interleaved samples a few interests, whose lists take turns; fused "
            "scores every candidate by all of them together.",
            env="MERGE_POLICY",
        ),
    ] = MergePolicy.INTERLEAVED
    variants: Annotated[
        Path | None,
        setting(
            "TOML file of named parameter sets that users are divided among; see docs/variants.md.",
            env="VARIANTS",
            metavar="FILE",
        ),
    ] = None
    drain_s: Annotated[
        float | None,
        setting(
            "Seconds to go on serving after SIGTERM, as NOT_SERVING. Default: until all connections of that "
            "moment have been asked to leave, 1.1 x the connection age.",
            env="DRAIN_S",
            low=0,
            high=86_400,
        ),
    ] = None
    grace_s: Annotated[
        float, setting("Seconds calls in flight have to finish.", env="GRACE_S", low=0, high=3_600)
    ] = 10.0


@dataclass(frozen=True, kw_only=True)
class ServerSettings(ObservingSettings, SecuritySettings, ServingSettings):
    """Serve recommendations over gRPC from a pin artefact and a profile store.

    `python -m server key` makes API keys.
    """

    def __post_init__(self) -> None:
        self.require_protection()
        self._require_pressure_to_matter()

    def _require_pressure_to_matter(self) -> None:
        if self.pressure_ef_search is None:
            return
        if self.pressure_ef_search >= self.ef_search:
            raise StartError(
                f"--pressure-ef-search {self.pressure_ef_search} lowers nothing: --ef-search is "
                f"{self.ef_search}. Name a smaller one, or leave it out."
            )
        if self.pressure.queued > self.queued:
            raise StartError(
                f"--pressure-queued {self.pressure.queued} is never reached: at most {self.queued} calls may "
                "wait (--queued). Name fewer, or leave it out."
            )

    @property
    def warming(self) -> Warming:
        """How the cache is filled for new pins."""
        return Warming(seconds=self.warm_s)

    @property
    def calls(self) -> Bounds:
        """How many calls are taken on at a time."""
        return Bounds(threads=self.threads, queued=self.queued)

    @property
    def batches(self) -> Bounds:
        """The same of RecommendBatch."""
        return Bounds(threads=self.batch_threads, queued=_BATCHES_QUEUED * self.batch_threads)

    @property
    def pressure(self) -> PressurePolicy:
        """When misses are searched for with less effort."""
        queued = self.queued // 2 if self.pressure_queued is None else self.pressure_queued
        return PressurePolicy(ef_search=self.pressure_ef_search, queued=max(1, queued))

    @property
    def connections(self) -> Connections:
        """What one connection may do."""
        return Connections(
            streams=self.streams,
            max_age_s=self.connection_age_s,
            age_grace_s=self.connection_age_grace_s,
            keepalive_s=self.keepalive_s,
        )

    @property
    def draining_s(self) -> float:
        """How long to go on serving as NOT_SERVING."""
        return self.connections.all_left_s if self.drain_s is None else self.drain_s
