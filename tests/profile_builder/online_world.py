"""An online process in memory: stream, store, pins on the axes, and sessions that may die at any moment."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from profile_builder.archive import Archive
from profile_builder.online import OnlinePolicy, OnlineSession
from profile_builder.online_metrics import OnlineMetrics
from profile_builder.online_rejections import Rejections
from profile_builder.online_users import Basis
from storage.events.memory import InMemoryConsumer, InMemoryEvents
from storage.events.records import Event
from storage.pins.port import PinView
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.store import BatchDescription
from tests.profile_builder.world import MODEL, NEWEST_S, SPACE, WEIGHTS, make_pins

W_S = NEWEST_S - 86_400
PINS = make_pins()
# Whether the stream is told, and files are made, is for a test to say, not for how slow the machine is.
AT_ONCE = OnlinePolicy(weights=WEIGHTS, gather_s=0.0, tell_every_s=math.inf, turn_every_s=math.inf)

DESCRIPTION = BatchDescription(
    version="000001-00000000",
    embedding_space=SPACE,
    parameters=MODEL.parameters,
    parameters_version=MODEL.version,
    computed_at_s=NEWEST_S,
    actions_until_s=W_S,
    n_users=0,
)


def event(user: str, pin: str, after_s: int = 1, action: str = "save", event_id: str | None = None) -> Event:
    """An event so many seconds after the watermark."""
    return Event(user, pin, W_S + after_s, action, event_id)


def basis_of(watermark_s: int = W_S, pins: PinView = PINS) -> Basis:
    return Basis(
        pins=pins,
        parameters=MODEL.parameters,
        parameters_version=MODEL.version,
        watermark_s=watermark_s,
    )


@dataclass
class Online:
    """What outlives a session: stream, store, archive, and what profiles are computed with."""

    events: InMemoryEvents = field(default_factory=InMemoryEvents)
    store: InMemoryProfiles = field(default_factory=lambda: InMemoryProfiles(DESCRIPTION))
    archive: Path | None = None
    basis: Basis = field(default_factory=basis_of)
    policy: OnlinePolicy = AT_ONCE
    metrics: OnlineMetrics = field(default_factory=OnlineMetrics)
    now_s: float = float(NEWEST_S)
    _opened: Archive | None = None

    def session(self) -> OnlineSession:
        """Open all; whoever does not close it has died, and its partitions are free."""
        self.events.readers.clear()
        self.end()
        self._opened = None if self.archive is None else Archive(self.archive)
        return OnlineSession(
            "test",
            lambda resume: InMemoryConsumer(self.events, resume=resume, now=lambda: self.now_s),
            self.store,
            self._opened,
            basis=lambda: self.basis,
            metrics=self.metrics,
            rejections=Rejections(),
            policy=self.policy,
        )

    def end(self) -> None:
        """Whoever wrote the archive has ended, or died."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def run(self, session: OnlineSession | None = None) -> OnlineSession:
        """Count all that the stream holds."""
        session = session or self.session()
        while self.step(session):
            pass
        return session

    def step(self, session: OnlineSession) -> bool:
        """Count once; whether there was anything."""
        before = self.marks
        session.step(0.001)
        return self.marks != before

    @property
    def marks(self) -> Mapping[str, str | None]:
        return {name: self.store.mark(f"test/{name}") for name in self.events.lines}

    def counted(self, name: str, **labels: str) -> float:
        """What a metric says."""
        return self.metrics.registry.get_sample_value(f"pinnersage_online_{name}", labels) or 0.0

    def outcomes(self) -> dict[str, int]:
        """What became of the records, without what nothing became."""
        names = ("counted", "known", "unknown_pin", "not_listed", "forgotten", "forget")
        found = {name: int(self.counted("records_total", outcome=name)) for name in names}
        return {name: n for name, n in found.items() if n}
