"""Parsed profiles that are kept: fresh for half a second, true while nothing changes, late for an hour."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from pinnersage.v1 import recommender_pb2 as pb
from server.interest_records import interests_in
from server.metrics import Metrics
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from server.served_profiles import ServedProfile
from server.sight import LOOK_S
from server.takedown import NO_ROWS_BLOCKED, BlockedRows
from server.users import FRESH_S, STALE_S, ServedProfiles
from storage.errors import StoreUnavailableError
from storage.hashes import hash_ids
from storage.pins.port import PinView
from storage.profiles.encoding import encode_profile
from storage.profiles.forgetting import decode_user
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from tests.allocating import allocated_bytes
from tests.server.world import CUT_S, DAY_S, describe, make_interests, make_online, make_pins, make_profile

ANN = ("ann", None)
STRANGERS = ("ben", "cid", "dan")


class Store(InMemoryProfiles):
    """Counts what it is asked of users, can fall silent, and can be one that knows no revision."""

    def __init__(self) -> None:
        profile = make_profile("ann", {"cat-0": 3.0, "car-0": 1.0})
        super().__init__(describe(), profiles=[profile], seen={"ann": hash_ids(["cat-3"])})
        self.n_asked = 0
        self.is_silent = False
        self.is_plain = False

    def revision(self) -> Hashable | None:
        if self.is_silent:
            raise StoreUnavailableError("nobody there")
        return None if self.is_plain else super().revision()

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        self.n_asked += 1
        if self.is_silent:
            raise StoreUnavailableError("nobody there")
        return super().read(user_id, held)

    def remove(self, user_id: str) -> None:
        del self._profiles[user_id], self._seen[user_id]
        self._n_writes += 1


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


@pytest.fixture(scope="module")
def pins() -> PinView:
    return make_pins()


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


def test_a_store_that_knows_no_revision_is_asked_every_half_second() -> None:
    """Nothing is parsed again as long as the user is as before."""
    world = World()
    world.store.is_plain = True
    first = world.ann()

    assert world.ann(after_s=FRESH_S) is first
    assert world.ann(after_s=FRESH_S - 0.01) is first
    assert world.store.n_asked == 2


def test_while_nothing_of_anybody_changes_no_user_is_asked_about() -> None:
    """However long that is, and whether users come alone or many at once."""
    world = World()
    first = world.ann()

    assert world.ann(after_s=10 * FRESH_S) is first
    world.now_s += STALE_S
    assert world.users.get_each([ANN, ANN], CUT_S) == [first, first]
    assert world.store.n_asked == 1


def test_what_others_did_has_the_store_asked_once() -> None:
    """The store cannot say whose change it was: each user is asked about, and nothing is parsed again."""
    world = World()
    first = world.ann()
    act(world.store, "ben")

    assert world.ann(after_s=FRESH_S) is first
    assert world.ann(after_s=FRESH_S) is first
    assert world.store.n_asked == 2


def act(store: Store, user_id: str) -> None:
    """Store an action that makes one more interest."""
    interests = replace(make_interests({"cake-9": 1.0}), computed_at_s=CUT_S + 60)
    store.put(make_online(user_id, {"cake-9": CUT_S + 50}, interests, after_s=CUT_S))


@pytest.mark.parametrize("is_plain", [False, True])
def test_a_change_shows_after_half_a_second(is_plain: bool) -> None:
    """An action just stored is in the next profile that is read."""
    world = World()
    world.store.is_plain = is_plain
    world.ann()
    act(world.store, "ann")

    assert len(world.ann(after_s=FRESH_S / 2)) == 2
    assert len(world.ann(after_s=FRESH_S)) == 3


def test_a_change_of_one_who_is_kept_for_long_shows_with_the_next_look() -> None:
    """Nobody has asked the store about them for longer than half a second: the change is not waited for."""
    world = World()
    world.ann()
    world.ann(after_s=FRESH_S)
    act(world.store, "ann")

    assert len(world.ann(after_s=LOOK_S)) == 3


def test_what_is_written_while_a_user_is_read_shows_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile stands for the revision that was looked at before the user was read, never for a later."""
    world = World()
    read = world.store.read

    def read_and_act(user_id: str, held: StoredUser | None = None) -> StoredUser:
        stored = read(user_id, held)
        act(world.store, "ann")
        return stored

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "read", read_and_act)
        assert len(world.ann()) == 2
    assert len(world.ann(after_s=FRESH_S)) == 3


@dataclass(frozen=True)
class Step:
    """What happens to whom, so long after the step before."""

    what: Literal["act", "forget", "ask", "ask with all"]
    user_id: str
    after_s: float


steps = st.builds(
    Step,
    what=st.sampled_from(["act", "forget", "ask", "ask with all"]),
    user_id=st.sampled_from(STRANGERS),
    after_s=st.sampled_from([0.0, LOOK_S / 2, LOOK_S, FRESH_S / 2, FRESH_S]),
)


@given(st.lists(steps, max_size=40), st.booleans())
def test_nobody_is_shown_as_they_were_more_than_half_a_second_ago(
    pins: PinView, taken: list[Step], is_plain: bool
) -> None:
    """Whatever they do and whoever is asked for in whatever order; known by how many pins they acted on."""
    world = World(pins)
    world.store.is_plain = is_plain
    was: dict[str, list[tuple[float, int]]] = {user_id: [(0.0, 0)] for user_id in STRANGERS}
    acts: dict[str, dict[str, int]] = {user_id: {} for user_id in STRANGERS}
    for number, step in enumerate(taken):
        world.now_s += step.after_s
        if step.what == "act":
            acts[step.user_id][f"cat-{number % 20}"] = CUT_S + number
            world.store.put(make_online(step.user_id, acts[step.user_id], make_interests({}), after_s=CUT_S))
        elif step.what == "forget":
            acts[step.user_id].clear()
            world.store.forget(step.user_id, CUT_S + number)
        else:
            asked = [step.user_id] if step.what == "ask" else STRANGERS
            for user_id, profile in zip(asked, found_of(world, asked), strict=True):
                n_seen = len(profile.seen) if isinstance(profile, ServedProfile) else 0
                assert n_seen in since(was[user_id], world.now_s - FRESH_S)
        was[step.user_id].append((world.now_s, len(acts[step.user_id])))


def found_of(world: World, asked: Sequence[str]) -> Sequence[object]:
    if len(asked) == 1:
        return [world.users.get(asked[0], CUT_S)]
    return world.users.get_each([(user_id, None) for user_id in asked], CUT_S)


def since(was: Sequence[tuple[float, int]], moment_s: float) -> set[int]:
    """What it was at that moment, or became later."""
    (_, at_the_moment), *_ = [each for each in reversed(was) if each[0] < moment_s] or [was[0]]
    return {at_the_moment, *(n for at_s, n in was if at_s >= moment_s)}


def test_the_hour_of_a_silent_store_begins_when_it_was_last_looked_at() -> None:
    """What it said of all users then, it said of each."""
    world = World()
    world.ann()
    world.ann(after_s=2 * STALE_S)
    world.store.is_silent = True

    assert world.ann(after_s=STALE_S - 1).degraded == (pb.DEGRADATION_STALE_PROFILE,)
    world.now_s += 1
    with pytest.raises(StoreUnavailableError):
        world.users.get("ann", CUT_S)


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


def of_room_for(n: int) -> tuple[ProfileCache, Callable[[str], None]]:
    """A cache, and what puts somebody into it."""
    world = World()
    world.ann()
    entry = world.cache.get("ann")
    assert entry is not None
    cache = ProfileCache(n * world.cache.size_bytes + 10)
    return cache, lambda user_id: cache.put(user_id, replace(entry, uses=0))


def test_who_was_put_first_goes_first_and_the_budget_holds() -> None:
    """Who is put again begins anew, and takes no room twice."""
    cache, put = of_room_for(2)
    for user_id in "abca":
        put(user_id)

    assert [cache.get(user_id) is not None for user_id in "abc"] == [True, False, True]
    one = cache.size_bytes // 2
    cache.remove("a")
    assert (len(cache), cache.size_bytes) == (1, one)


def test_who_is_asked_for_stays_while_others_come_and_go() -> None:
    """Once each round is enough; who is asked for no more goes when their turn comes again."""
    cache, put = of_room_for(3)
    put("ann")
    for newcomer in "abcdefgh":
        assert cache.get("ann") is not None
        put(newcomer)
    for newcomer in "ijkl":
        put(newcomer)
    assert cache.get("ann") is None


def test_room_is_made_even_where_all_are_asked_for_all_the_time() -> None:
    """The budget holds, and who was put just now is there."""
    cache, put = of_room_for(100)
    for number in range(300):
        put(f"user-{number}")
        assert cache.get(f"user-{number}") is not None
        assert len(cache) <= 100


def test_as_many_are_found_as_if_the_least_recently_used_went_first() -> None:
    """Of users asked for by Zipf's law; the difference is within a hundredth of all."""
    cache, put = of_room_for(100)
    least_recent_first: OrderedDict[str, None] = OrderedDict()
    n_found = n_exact = 0
    for number in np.random.default_rng(0).zipf(1.2, 10_000).tolist():
        user_id = f"user-{number}"
        if cache.get(user_id) is None:
            put(user_id)
        else:
            n_found += 1
        n_exact += user_id in least_recent_first
        least_recent_first[user_id] = None
        least_recent_first.move_to_end(user_id)
        if len(least_recent_first) > 100:
            least_recent_first.popitem(last=False)

    assert n_found >= n_exact - 100


@pytest.mark.parametrize(("n_interests", "n_seen"), [(5, 10), (50, 200), (100, 400)])
def test_the_size_is_what_the_memory_really_costs(n_interests: int, n_seen: int) -> None:
    """The accounted bytes are within a fifth of what the interpreter allocates for the entries."""
    model = parsed_profile(n_interests, n_seen)
    world, seen = World(), model.seen

    def another() -> ServedProfile:
        records, representatives = (bytes(bytearray(each)) for each in (model.records, model.representatives))
        return replace(model, records=records, representatives=representatives, seen=seen.copy())

    world.ann()
    entry = world.cache.get("ann")
    assert entry is not None
    cache = ProfileCache(100_000_000)

    def fill() -> None:
        for i in range(300):
            held = replace(entry.held, stamp=bytes(bytearray(entry.held.stamp)))
            cache.put(f"user-{i:08}", replace(entry, profile=another(), held=held))

    assert 0.8 <= allocated_bytes(fill) / cache.size_bytes <= 1.2
