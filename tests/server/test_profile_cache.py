"""Parsed profiles that are kept: fresh for half a second, true while the store says so, late for an hour."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from pinnersage.v1 import recommender_pb2 as pb
from server.interest_records import interests_in
from server.metrics import Metrics
from server.profile_cache import FRESH_S, STALE_S, ProfileCache, ServedProfiles
from server.profiles import ProfileSource
from server.served_profiles import ServedProfile
from server.takedown import NO_ROWS_BLOCKED, BlockedRows
from storage.errors import StoreUnavailableError
from storage.hashes import hash_ids
from storage.pins.port import PinView
from storage.profiles.encoding import encode_profile
from storage.profiles.forgetting import decode_user
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from tests.server.world import CUT_S, DAY_S, describe, make_interests, make_online, make_pins, make_profile

ANN = ("ann", None)


class Store(InMemoryProfiles):
    """Counts what it is asked, and can fall silent."""

    def __init__(self) -> None:
        profile = make_profile("ann", {"cat-0": 3.0, "car-0": 1.0})
        super().__init__(describe(), profiles=[profile], seen={"ann": hash_ids(["cat-3"])})
        self.n_asked = 0
        self.is_silent = False

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        self.n_asked += 1
        if self.is_silent:
            raise StoreUnavailableError("nobody there")
        return super().read(user_id, held)

    def remove(self, user_id: str) -> None:
        del self._profiles[user_id], self._seen[user_id]


class World:
    """A store, a cache, and a clock that a test moves."""

    def __init__(self, pins: PinView | None = None) -> None:
        self.store, self.cache = Store(), ProfileCache(1_000_000)
        self.blocked = NO_ROWS_BLOCKED
        self.now_s = 0.0
        self.users = self.over(pins or make_pins())

    def over(self, pins: PinView) -> ServedProfiles:
        """The same users over some pins."""
        source = ProfileSource(self.store, pins, Metrics(CollectorRegistry()), lambda: self.blocked)
        return ServedProfiles(source, self.cache, lambda: self.now_s)

    def ann(self, after_s: float = 0.0, now_s: int = CUT_S) -> ServedProfile:
        self.now_s += after_s
        profile = self.users.get("ann", now_s)
        assert profile is not None
        return profile


def test_a_fresh_profile_is_taken_as_it_is() -> None:
    """For half a second the store is not asked again."""
    world = World()
    first = world.ann()

    assert world.ann(after_s=FRESH_S - 0.01) is first
    assert world.store.n_asked == 1


def test_many_users_are_those_one_by_one() -> None:
    """In the order asked: kept, just parsed, unknown, asked for twice."""
    world = World()
    ann = world.ann()

    assert world.users.get_each([ANN, ("nobody", None), ANN], CUT_S) == [ann, None, ann]
    world.now_s += FRESH_S
    assert world.users.get_each([ANN, ("nobody", None)], CUT_S) == [ann, None]
    (other,) = world.users.get_each([("ann", 0.5)], CUT_S)
    assert isinstance(other, ServedProfile)
    assert other.lambda_per_day == pytest.approx(0.5)


def test_many_users_of_a_silent_store_are_those_that_are_kept() -> None:
    """And flagged; with one among them who is not, the store's silence is all there is to say."""
    world = World()
    world.ann()
    world.store.is_silent = True
    world.now_s += FRESH_S
    (late,) = world.users.get_each([ANN], CUT_S)

    assert isinstance(late, ServedProfile)
    assert late.degraded == (pb.DEGRADATION_STALE_PROFILE,)
    with pytest.raises(StoreUnavailableError):
        world.users.get_each([ANN, ("nobody", None)], CUT_S)


def test_what_the_store_says_is_still_so_is_not_parsed_again() -> None:
    """Then it is asked, and half a second begins anew."""
    world = World()
    first = world.ann()

    assert world.ann(after_s=FRESH_S) is first
    assert world.ann(after_s=FRESH_S - 0.01) is first
    assert world.store.n_asked == 2


def test_a_change_shows_after_half_a_second() -> None:
    """An action just stored is in the next profile that is read."""
    world = World()
    world.ann()
    interests = replace(make_interests({"cake-9": 1.0}), computed_at_s=CUT_S + 60)
    world.store.put(make_online("ann", {"cake-9": CUT_S + 50}, interests, after_s=CUT_S))

    assert len(world.ann(after_s=FRESH_S / 2)) == 2
    assert len(world.ann(after_s=FRESH_S)) == 3


def test_importances_decay_while_a_profile_is_kept() -> None:
    """A profile parsed a day ago says what one parsed now says."""
    world = World()
    kept = world.ann(now_s=CUT_S)
    later = World().ann(now_s=CUT_S + DAY_S)

    before, after = interests_in(kept.records), interests_in(later.records)
    assert before["importance"] * kept.decay(CUT_S + DAY_S) == pytest.approx(after["importance"])
    assert kept.decay(CUT_S - DAY_S) == 1.0
    assert before["share"].tolist() == pytest.approx(after["share"].tolist()) == [0.75, 0.25]


def test_a_silent_store_is_bridged_for_an_hour_and_that_is_said() -> None:
    """The last profile known is used, flagged; not for longer, and not for somebody never read."""
    world = World()
    first = world.ann()
    world.store.is_silent = True

    late = world.ann(after_s=STALE_S - 1)
    assert late.degraded == (pb.DEGRADATION_STALE_PROFILE,)
    assert late.records == first.records
    for user_id, seconds in (("ben", 0), ("ann", 1)):
        world.now_s += seconds
        with pytest.raises(StoreUnavailableError):
            world.users.get(user_id, CUT_S)

    world.store.is_silent = False
    assert world.ann().degraded == ()


def test_who_was_deleted_is_gone_even_when_the_store_falls_silent() -> None:
    """The store said so once: nothing is kept that could come back."""
    world = World()
    world.ann()
    world.store.remove("ann")
    world.now_s += FRESH_S
    assert world.users.get("ann", CUT_S) is None

    world.store.is_silent = True
    with pytest.raises(StoreUnavailableError):
        world.users.get("ann", CUT_S)


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_block_is_in_force_at_once(is_silent: bool) -> None:
    """Also for a profile that is fresh, and for one that is used late."""
    world = World()
    world.ann()
    mask = np.zeros(make_pins().n_pins, np.bool_)
    mask[interests_in(world.ann().records)["row"][0]] = True
    world.blocked, world.store.is_silent = BlockedRows(mask=mask, listed=1), is_silent

    profile = world.ann()
    (interest,) = interests_in(profile.records)
    assert (interest["row"], interest["share"], interest["bound"], interest["importance"]) == (60, 1, 1, 1)
    assert profile.stood_for.interests.tolist() == [0]


def test_rows_of_another_artefact_are_never_used() -> None:
    """A new version of the pins parses anew, and cannot bridge a silent store with the old rows."""
    world = World()
    first = world.ann()
    world.users = world.over(make_pins(topics=("car", "cat", "cake"), version="000002-test"))
    assert world.ann().records != first.records

    world.users = world.over(make_pins(version="000003-test"))
    world.store.is_silent = True
    with pytest.raises(StoreUnavailableError):
        world.users.get("ann", CUT_S)


def test_newest_actions_that_are_damaged_do_not_hide_the_batch() -> None:
    """They are left out, and the profile says so."""
    profile = make_profile("ann", {"cat-0": 1.0})
    user = decode_user("ann", encode_profile(profile), b"\0\0\0\0damaged", None)
    source = ProfileSource(Store(), make_pins(), Metrics(CollectorRegistry()))

    assert user.is_online_damaged
    assert not user.is_unknown
    found = source.profile_of(user, CUT_S)
    assert (found.interests.medoid_pin_ids, found.degraded) == (("cat-0",), (pb.DEGRADATION_ONLINE_IGNORED,))


def parsed_profile(n_interests: int, n_seen: int) -> ServedProfile:
    pins = make_pins(n=400)
    store = InMemoryProfiles(
        describe(),
        profiles=[make_profile("max", {f"cat-{i}": 400.0 - i for i in range(n_interests)})],
        seen={"max": hash_ids([f"car-{i}" for i in range(n_seen)])},
    )
    users = ServedProfiles(ProfileSource(store, pins, Metrics(CollectorRegistry())), ProfileCache(1_000_000))
    profile = users.get("max", CUT_S)
    assert profile is not None
    return profile


def test_the_least_recently_used_profile_goes_first() -> None:
    """Whoever was asked for stays, and the budget holds."""
    world = World()
    world.ann()
    entry = world.cache.get(("ann", None))
    assert entry is not None
    cache = ProfileCache(2 * world.cache.size_bytes + 10)
    for user_id in "abca":
        cache.put((user_id, None), entry)

    assert [cache.get((user_id, None)) is not None for user_id in "abc"] == [True, False, True]
    assert cache.size_bytes == 2 * world.cache.size_bytes
    cache.remove(("a", None))
    assert (len(cache), cache.size_bytes) == (1, world.cache.size_bytes)


@pytest.mark.parametrize(("n_interests", "n_seen"), [(5, 10), (50, 200), (100, 400)])
def test_the_size_is_what_the_memory_really_costs(n_interests: int, n_seen: int) -> None:
    """The accounted bytes are within a fifth of what the interpreter allocates for the entries."""
    model = parsed_profile(n_interests, n_seen)
    world, seen = World(), model.seen

    def another() -> ServedProfile:
        stood_for = replace(
            model.stood_for,
            **{name: getattr(model.stood_for, name).copy() for name in ("rows", "weights", "interests")},
        )
        records = bytes(bytearray(model.records))
        return replace(model, records=records, stood_for=stood_for, seen=seen.copy())

    made: Callable[[], ServedProfile] = another
    world.ann()
    entry = world.cache.get(("ann", None))
    assert entry is not None
    cache = ProfileCache(100_000_000)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for i in range(300):
        held = replace(entry.held, stamp=bytes(bytearray(entry.held.stamp)))
        cache.put((f"user-{i:08}", None), replace(entry, profile=made(), held=held))
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    allocated = sum(change.size_diff for change in after.compare_to(before, "filename"))

    assert 0.8 <= cache.size_bytes / allocated <= 1.2
