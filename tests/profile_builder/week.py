"""A simulated week: people act all day and late, batches run at night, readers look in at any moment.

Every pin is far from every other, and nothing decays: what an interest is worth is how many actions on its
pin were counted. So one look at a profile says of each action whether it was counted never, once, or twice.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

import numpy as np
from prometheus_client import CollectorRegistry

from model.parameters import Parameters
from process.progress import Reporter
from profile_builder.batch import BatchParts, BatchPolicy, run_batch
from profile_builder.inputs import ActionInput, ReadPolicy
from profile_builder.local import LocalPolicy
from profile_builder.newest import MAX_NEWEST
from profile_builder.online import OnlinePolicy, OnlineSession
from profile_builder.online_users import Basis
from profile_builder.reading import find_action_files
from profile_builder.times import BEFORE_ALL_S
from server.metrics import Metrics
from server.profiles import ProfileSource
from storage.embedding_space import EmbeddingSpace
from storage.events.records import Event
from storage.model_file import ModelFile
from storage.pins.memory import InMemoryPins
from storage.profiles.memory import InMemoryBatches, InMemoryProfiles
from storage.profiles.store import BatchDescription
from storage.rejects import Rejects
from tests.profile_builder.online_world import Online

DAY_S, HOUR_S = 86_400, 3_600
BEGIN_S = 1_700_006_400
SPACE = EmbeddingSpace("far-apart-1", 32)
MODEL = ModelFile(embedding_space=SPACE, parameters=Parameters(alpha=0.01, lambda_per_day=0.0))
N_PINS = 400
# Heavy users have more than 20 actions between a watermark and the next, light ones none on many days.
ACTIONS_A_DAY = {"ann": 60, "ben": 25, "cid": 8, "dan": 2, "eve": 0.4}


def far_apart() -> InMemoryPins:
    X = np.random.default_rng(5).normal(size=(N_PINS, SPACE.dimension))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    ids = [f"pin-{at}" for at in range(N_PINS)]
    return InMemoryPins(ids, X.astype(np.float16), embedding_space=SPACE, version="000001-00000000")


PINS = far_apart()


@dataclass(frozen=True)
class Arrival:
    """An event, and when the stream has it."""

    at_s: int
    event: Event


def arrivals(chance: Random, n_days: int) -> list[Arrival]:
    """What everybody does, as it arrives: mostly at once, some hours or days late, some twice."""
    found = []
    for user, a_day in ACTIONS_A_DAY.items():
        for number in range(round(a_day * n_days)):
            at_s = BEGIN_S + chance.randrange(n_days * DAY_S)
            event_id = f"{user}-{number}" if chance.random() < 0.5 else None
            event = Event(user, f"pin-{chance.randrange(N_PINS)}", at_s, "save", event_id)
            found += [Arrival(at_s + delay_s, event) for delay_s in _delays_s(chance)]
    return sorted(found, key=lambda each: each.at_s)


def _delays_s(chance: Random) -> list[int]:
    late_s = chance.choice([0, 0, 0, 0, 5, 60, chance.randrange(HOUR_S), chance.randrange(2 * DAY_S)])
    return [late_s] if chance.random() < 0.9 else [late_s, late_s + chance.randrange(DAY_S)]


@dataclass(frozen=True)
class Night:
    """One published batch, and what it can have counted.

    Attributes:
        watermark_s: W.
        cut_s: When it ran.
        arrived: What it found in the archive.
        description: As readers see it.
        profiles: What it published.
    """

    watermark_s: int
    cut_s: int
    arrived: frozenset[Event]
    description: BatchDescription
    profiles: InMemoryProfiles


@dataclass
class Week:
    """All that goes on; `seed` decides everything."""

    seed: int
    folder: Path
    n_days: int = 7
    online: Online = field(init=False)
    nights: list[Night] = field(default_factory=list)
    batches: InMemoryBatches = field(default_factory=InMemoryBatches)
    n_looks: int = 0

    def __post_init__(self) -> None:
        self.online = Online(
            archive=self.folder / "actions",
            basis=_basis(BEFORE_ALL_S),
            policy=OnlinePolicy(gather_s=0.0, max_events=50),
        )
        self._session: OnlineSession | None = None
        self._appended: list[Event] = []

    @cached_property
    def chance(self) -> Random:
        return Random(repr(("week", self.seed)))  # noqa: S311 - no secrets here

    def live(self) -> None:
        """Go through the week; raises AssertionError where an action is counted twice, or left out."""
        events = iter(arrivals(self.chance, self.n_days))
        waiting = next(events, None)
        for at_s, happens in self._moments():
            due = []
            while waiting is not None and waiting.at_s <= at_s:
                due.append(waiting.event)
                waiting = next(events, None)
            self.online.now_s = at_s
            self.online.events.append(due)
            self._appended += due
            getattr(self, f"_{happens}")(at_s)
        self.online.end()

    def _moments(self) -> Iterator[tuple[int, str]]:
        """What happens when, besides events: nights, deaths, and looks between them all."""
        failing, replayed = self.chance.sample(range(1, self.n_days), 2)
        moments = [(BEGIN_S + 2 * HOUR_S, "count")]
        for day in range(self.n_days):
            at_s = BEGIN_S + day * DAY_S + 20 * HOUR_S
            moments.append((at_s, "fail_a_batch" if day == failing else "batch"))
            if day == replayed:
                moments.append((at_s + 9 * HOUR_S, "replay"))
        happenings = ["count"] * 8 + ["look"] * 8 + ["die", "follow", "follow"]
        for _ in range(20 * self.n_days):
            at_s = BEGIN_S + self.chance.randrange(self.n_days * DAY_S)
            moments.append((at_s, self.chance.choice(happenings)))
        return iter(sorted(moments))

    def _count(self, _at_s: int) -> None:
        self._session = self.online.run(self._session)

    def _die(self, at_s: int) -> None:
        """In the middle of things: what was read and not stored is read again."""
        self._session = None

    def _follow(self, _at_s: int) -> None:
        """The online process hears of the last batch, or of one before it that was gone back to."""
        if self.nights:
            self.online.basis = _basis(self.chance.choice(self.nights[-2:]).watermark_s)

    def _batch(self, at_s: int) -> None:
        self._publish(at_s, at_s)

    def _fail_a_batch(self, at_s: int) -> None:
        """The archive is turned as on any night; nothing is published."""
        self._turn()

    def _replay(self, at_s: int) -> None:
        """The last night's batch once more, with the same cut: it finds what has arrived since."""
        if self.nights:
            self._publish(self.nights[-1].cut_s, at_s)

    def _look(self, at_s: int) -> None:
        """A reader of the live batch, and one that goes on with an earlier one, see everybody."""
        for night in self.chance.sample(self.nights, min(2, len(self.nights))):
            source = ProfileSource(self._reader(night), PINS, Metrics(CollectorRegistry()))
            for user in ACTIONS_A_DAY:
                loaded = source.load(user, at_s)
                found = Counter[str]()
                if loaded is not None:
                    worth = zip(loaded.interests.medoid_pin_ids, loaded.interests.importances, strict=True)
                    found.update({pin_id: round(importance) for pin_id, importance in worth})
                expected = counted_once(self._processed(user), night, user)
                assert found == expected, f"seed {self.seed}, {user} at {at_s}, W {night.watermark_s}"
                self.n_looks += 1

    def _reader(self, night: Night) -> InMemoryProfiles:
        users = [self.online.store.get(user) for user in ACTIONS_A_DAY]
        profiles = [night.profiles.batch(user) for user in ACTIONS_A_DAY]
        return InMemoryProfiles(
            night.description,
            profiles=[each for each in profiles if each is not None],
            online=[each for each in users if each is not None],
        )

    def _processed(self, user: str) -> frozenset[Event]:
        """What the online process has counted of a user's events: what the store says it has read."""
        n_read = int(self.online.store.mark("test/0") or 0)
        return frozenset(each for each in self._appended[:n_read] if each.user_id == user)

    def _turn(self) -> None:
        self._session = self.online.run(self._session)
        self._session.finish()

    def _publish(self, cut_s: int, at_s: int) -> None:
        self._turn()
        assert self.online.archive is not None
        read = ReadPolicy(now_s=cut_s, allowed_lateness_s=HOUR_S, window_days=90, max_reject_share=1.0)
        with Rejects(self.folder / f"rejects-{at_s}.jsonl") as rejects:
            parts = BatchParts(
                source=ActionInput(files=find_action_files(self.online.archive), weights=None),
                pins=PINS,
                open_pins=far_apart,
                model_file=MODEL,
                publisher=self.batches,
                rejects=rejects,
                reporter=Reporter(quiet=True),
            )
            policy = BatchPolicy(read=read, max_actions=2_000, n_popular=0, local=LocalPolicy(processes=1))
            run_batch(parts, policy)
        profiles = self.batches.open_reader()
        description = profiles.describe()
        arrived = frozenset(self._appended[: int(self.online.store.mark("test/0") or 0)])
        self.nights.append(Night(description.actions_until_s, cut_s, arrived, description, profiles))


def counted_once(processed: frozenset[Event], night: Night, user: str) -> Counter[str]:
    """What a reader must see, by the sentence itself.

    The batch counts the actions up to its watermark that had arrived by its cut. Of the user's newest 20, the
    later ones count besides. Nothing else counts, and nothing twice.
    """
    begin_s = night.cut_s - 90 * DAY_S
    by_batch = {
        each
        for each in night.arrived
        if each.user_id == user and begin_s < each.timestamp_s <= night.watermark_s
    }
    newest = sorted(processed, key=lambda each: (-each.timestamp_s, each.pin_id))[:MAX_NEWEST]
    later = {each for each in newest if each.timestamp_s > night.watermark_s}
    return Counter(each.pin_id for each in (*by_batch, *later))


def _basis(watermark_s: int) -> Basis:
    return Basis(
        pins=PINS,
        parameters=MODEL.parameters,
        parameters_version=MODEL.version,
        watermark_s=watermark_s,
    )
