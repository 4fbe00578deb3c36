"""A silent store: who is kept is answered on, whatever is added to the pins or taken down meanwhile."""

from collections.abc import Hashable, Sequence

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from pinnersage.v1 import recommender_pb2 as pb
from server.answers import recommendation_pieces
from server.candidate_cache import CandidateCache
from server.deadlines import Deadline
from server.filling import Filling
from server.filtering import FilteredRetrieval
from server.interest_records import interests_in
from server.joining import JoinedRetrieval
from server.metrics import Metrics
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from server.recommending import Recommender
from server.retrieval import Retrieval
from server.sampling import Sampler
from server.served_profiles import ServedProfile
from server.takedown import blocked_rows
from server.users import FRESH_S, ServedProfiles
from server.validation import Options
from storage.errors import StoreUnavailableError
from storage.hashes import hash_ids
from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.pins.side import SideRows
from storage.pins.takedown import Block, TakedownList
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from tests.server.test_following import side_rows, with_added
from tests.server.world import CUT_S, describe, make_pins, make_profile

POLICIES = (pb.MERGE_POLICY_INTERLEAVED, pb.MERGE_POLICY_FUSED)
LATE = (pb.DEGRADATION_STALE_PROFILE,)
MAIN = make_pins()

INTERESTS = {"new-0": 5.0, "cat-5": 4.0, "car-0": 3.0, "twin-0": 2.0, "cake-0": 1.0}
REPRESENTATIVES = {
    "cat-5": (6.0, 1),
    "new-0": (5.0, 0),
    "car-0": (4.0, 2),
    "cat-40": (3.0, 0),
    "cat-6": (2.0, 1),
    "twin-0": (1.0, 3),
}
"""Nobody stands for the cakes, which are of the least importance."""
SEEN = [*INTERESTS, "cat-1", "new-0", "cake-9"]
"""Of the representatives that are no medoids none is among them."""

ADDED = side_rows([0.3], twins=[5])
CHANGES = {
    "none": ADDED,
    "one more": side_rows([0.3, 60.2], twins=[5]),
    "gone back": side_rows([0.3]),
    "all gone": None,
}
TAKEDOWNS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "another stands in": ("cat-5",),
    "an interest goes": ("car-0",),
    "nobody is left that stands for any": ("cat-5", "cat-6", "cat-40", "new-0", "car-0"),
    "no interest is left": ("cat-5", "cat-6", "cat-40", "new-0", "car-0", "cake-0"),
}


class Store(InMemoryProfiles):
    """Knows zoe, some of whose pins were added between builds, and can fall silent."""

    def __init__(self) -> None:
        profile = make_profile("zoe", INTERESTS, REPRESENTATIVES)
        super().__init__(describe(), profiles=[profile], seen={"zoe": np.sort(hash_ids(SEEN))})
        self.is_silent = False

    def forget_what_was_added(self) -> None:
        """As if zoe had never acted on an added pin: her first interest is that of who stands in for one."""
        profile = make_profile(
            "zoe",
            {"cat-40": 5.0, "cat-5": 4.0, "car-0": 3.0, "cake-0": 1.0},
            {"cat-5": (6.0, 1), "car-0": (4.0, 2), "cat-40": (3.0, 0), "cat-6": (2.0, 1)},
        )
        seen = [pin_id for pin_id in SEEN if pin_id not in ADDED.pin_ids]
        super().__init__(describe(), profiles=[profile], seen={"zoe": np.sort(hash_ids(seen))})

    def revision(self) -> Hashable | None:
        if self.is_silent:
            raise StoreUnavailableError("nobody there")
        return super().revision()

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        if self.is_silent:
            raise StoreUnavailableError("nobody there")
        return super().read(user_id, held)


class World:
    """A store, caches that outlast the stages over them, and a clock that stands still."""

    def __init__(self) -> None:
        self.store, self.users = Store(), ProfileCache(1_000_000)
        self.lists, self.metrics = CandidateCache(10_000_000), Metrics(CollectorRegistry())
        self.now_s = 0.0

    def over(self, rows: SideRows | None, blocked: Sequence[str] = ()) -> Recommender:
        """The stages over the artefact and what was added to it, under a takedown list."""
        pins = MAIN if rows is None else with_added(rows)
        hidden = blocked_rows(TakedownList(tuple(map(Block, blocked))), pins)
        source = ProfileSource(self.store, pins, self.metrics, lambda: hidden)
        retrieval = self._retrieval(pins)
        filtering = FilteredRetrieval(pins, retrieval, ef_search=64, metrics=self.metrics)
        return Recommender(
            pins=pins,
            profiles=source,
            users=ServedProfiles(source, self.users, lambda: self.now_s),
            sampler=Sampler(),
            filling=Filling(pins=pins, retrieval=retrieval, filtering=filtering, metrics=self.metrics),
            metrics=self.metrics,
            popular=None,
            clock=lambda: CUT_S,
            blocked=lambda: hidden,
        )

    def _retrieval(self, pins: PinView) -> Retrieval:
        if isinstance(pins, JoinedPins):
            return JoinedRetrieval(pins, self.lists, ef_search=64, perplexity=325.0, metrics=self.metrics)
        return Retrieval(pins, self.lists, ef_search=64, perplexity=325.0, metrics=self.metrics)

    def fall_silent(self) -> None:
        """Later than any profile is taken as it is."""
        self.store.is_silent = True
        self.now_s += FRESH_S


def zoe(recommender: Recommender) -> ServedProfile:
    profile = recommender.users.get("zoe", CUT_S)
    assert profile is not None
    return profile


def answer_to(recommender: Recommender, policy: "pb.MergePolicy.ValueType") -> pb.RecommendResponse:
    """All that zoe may be shown, from all of her interests."""
    options = Options(max_candidates=300, max_interests=10, merge_policy=policy)
    answer = recommender.for_user("zoe", options, Deadline())
    version = recommender.pins.version
    return pb.RecommendResponse.FromString(b"".join(recommendation_pieces(answer, options, version, b"")))


def shown_in(answer: pb.RecommendResponse) -> list[tuple[str, str]]:
    return [(each.pin_id, each.medoid_pin_id) for each in answer.candidates]


def medoids_of(answer: pb.RecommendResponse) -> list[tuple[str, list[str]]]:
    return [(each.medoid_pin_id, [of.pin_id for of in each.medoids]) for each in answer.interests]


@pytest.mark.parametrize("blocked", TAKEDOWNS.values(), ids=list(TAKEDOWNS))
@pytest.mark.parametrize("changed", CHANGES.values(), ids=list(CHANGES))
def test_a_late_profile_is_the_one_that_would_be_parsed(
    changed: SideRows | None, blocked: tuple[str, ...]
) -> None:
    """Under the takedown list of now; when other pins are added, as if nothing had been added before."""
    world = World()
    zoe(world.over(ADDED))
    world.fall_silent()
    late = zoe(world.over(changed, blocked))

    parsed = zoe(World().over(ADDED if changed is ADDED else None, blocked))
    assert late.degraded == LATE
    assert late.records == parsed.records
    assert late.representatives == parsed.representatives
    assert late.seen.tolist() == parsed.seen.tolist()
    assert late.seen.dtype == parsed.seen.dtype


@pytest.mark.parametrize("blocked", TAKEDOWNS.values(), ids=list(TAKEDOWNS))
@pytest.mark.parametrize("changed", CHANGES.values(), ids=list(CHANGES))
@pytest.mark.parametrize("policy", POLICIES)
def test_a_late_answer_is_the_one_that_would_be_given(
    policy: "pb.MergePolicy.ValueType", changed: SideRows | None, blocked: tuple[str, ...]
) -> None:
    """By every policy; when other pins are added now, to somebody who never acted on an added pin."""
    world, speaking = World(), World()
    zoe(world.over(ADDED))
    world.fall_silent()
    late = answer_to(world.over(changed, blocked), policy)

    if changed is not ADDED:
        speaking.store.forget_what_was_added()
    given = answer_to(speaking.over(changed, blocked), policy)
    assert tuple(late.degraded) == LATE
    assert (late.reason, shown_in(late), medoids_of(late)) == (
        given.reason,
        shown_in(given),
        medoids_of(given),
    )
    assert bool(late.candidates) == (blocked != TAKEDOWNS["no interest is left"])
    assert not {pin_id for each in shown_in(late) for pin_id in each} & set(blocked)


def test_rows_of_other_added_pins_are_never_used() -> None:
    """The row of one is another's as soon as more are added; what was there before them is used on."""
    world = World()
    first = zoe(world.over(ADDED))
    assert {MAIN.n_pins, MAIN.n_pins + 1} <= set(rows_of(first))
    world.fall_silent()

    late = zoe(world.over(CHANGES["one more"]))
    assert max(rows_of(late), default=0) < MAIN.n_pins
    assert len(late) == 4
    assert set(late.seen.tolist()) >= {row for row in first.seen.tolist() if row < MAIN.n_pins}


def rows_of(profile: ServedProfile) -> list[int]:
    medoids: list[int] = interests_in(profile.records)["row"].tolist()
    return [*medoids, *profile.stood_for.rows.tolist(), *profile.seen.tolist()]


def test_a_late_profile_knows_its_rows_as_soon_as_the_pins_are_again_those_it_was_parsed_with() -> None:
    """As after a roll-back: what was kept was never changed."""
    world = World()
    first = zoe(world.over(ADDED))
    world.fall_silent()
    assert len(zoe(world.over(CHANGES["one more"]))) < len(first)
    late = zoe(world.over(ADDED))

    assert (late.records, late.degraded) == (first.records, LATE)


def test_many_users_are_late_as_one_is() -> None:
    """Those of a batch."""
    world = World()
    zoe(world.over(ADDED))
    world.fall_silent()
    now = world.over(CHANGES["gone back"], ["cat-5"])

    (late,) = now.users.get_each([("zoe", None)], CUT_S)
    assert isinstance(late, ServedProfile)
    assert late.records == zoe(now).records
