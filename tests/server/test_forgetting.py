"""Who asked to be forgotten is gone from every answer, whatever was kept and whatever the store does then."""

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from server.forgetting import Forgetting
from server.served_profiles import ServedProfile
from server.users import FRESH_S, ServedProfiles
from storage.errors import StoreUnavailableError
from storage.profiles.records import StoredUser
from tests.server.conftest import Serve
from tests.server.test_profile_cache import World
from tests.server.world import CUT_S, DAY_S, default_people, make_interests, make_online


class Follower:
    """What a server does every second, over the world of the profile cache."""

    def __init__(self, world: World) -> None:
        self.world = world
        source = world.users._source
        self.forgetting = Forgetting(world.cache, lambda: source, lambda: world.now_s)
        self.forgetting.poll()


def get(users: ServedProfiles) -> ServedProfile | None:
    return users.get("ann", CUT_S)


def test_who_is_forgotten_is_unknown_within_half_a_second() -> None:
    """The store is asked again then, as always: nobody waits for the look of every second."""
    world = World()
    world.ann()
    world.store.forget("ann", CUT_S)
    world.now_s += FRESH_S
    assert get(world.users) is None


def test_a_store_that_falls_silent_brings_nobody_back() -> None:
    """Kept, forgotten, and not asked about until the store is gone: there is no answer, not an old one."""
    world = World()
    follower = Follower(world)
    world.ann()
    world.store.forget("ann", CUT_S)
    follower.forgetting.poll()

    world.store.is_silent = True
    world.now_s += FRESH_S
    with pytest.raises(StoreUnavailableError):
        get(world.users)


def test_a_profile_on_its_way_when_its_user_is_forgotten_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read before, put after: the call gets what it read; the next one asks the store."""
    world = World()
    follower = Follower(world)
    read = world.store.read

    def read_and_forget(user_id: str, held: StoredUser | None = None) -> StoredUser:
        stored = read(user_id, held)
        world.store.forget("ann", CUT_S)
        follower.forgetting.poll()
        return stored

    monkeypatch.setattr(world.store, "read", read_and_forget)
    assert get(world.users) is not None
    assert len(world.cache) == 0


def test_others_are_kept_and_so_is_who_comes_back() -> None:
    """Only the forgotten are dropped; what they do afterwards is kept like anybody's."""
    world = World()
    follower = Follower(world)
    world.store.forget("zoe", CUT_S)
    first = world.ann()
    follower.forgetting.poll()
    assert world.ann() is first

    world.store.forget("ann", CUT_S + 10)
    follower.forgetting.poll()
    interests = make_interests({"cake-9": 1.0})
    world.store.put(make_online("ann", {"cake-9": CUT_S + 50}, interests, after_s=CUT_S))
    anew = world.ann(after_s=1)
    assert len(anew) == 1
    assert world.ann() is anew


def test_a_look_that_fails_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the first look succeeds nothing is known of what was forgotten: nothing of before is kept."""
    world = World()

    def failing() -> int:
        raise StoreUnavailableError("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "newest_tombstone", failing)
        follower = Follower(world)
        world.ann()
    world.store.forget("ann", CUT_S)
    follower.forgetting.poll()
    assert len(world.cache) == 0


def test_a_store_that_went_back_in_time_is_heard_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restored from a copy it counts anew: what it says then is not taken for old news."""
    world = World()
    for user in ("zoe", "tom"):
        world.store.forget(user, CUT_S)
    follower = Follower(world)
    world.ann()
    monkeypatch.setattr(world.store, "_tombstones", {})
    follower.forgetting.poll()
    assert len(world.cache) == 0

    world.ann()
    world.store.forget("ann", CUT_S)
    follower.forgetting.poll()
    assert len(world.cache) == 0


def test_actions_since_count_although_the_batch_reaches_further(serve: Serve) -> None:
    """The batch was made without the tombstone, which lies before its watermark: all since is online then."""
    people = default_people()
    since = {"cake-5": CUT_S - 30, "cake-6": CUT_S - 20}
    people.online = [make_online("ann", since, make_interests({}), after_s=CUT_S)]
    store = people.store()
    store.forget("ann", CUT_S - DAY_S)
    stub = serve(profiles=store)

    profile = stub.GetProfile(pb.GetProfileRequest(user_id="ann"))
    assert [each.medoid_pin_id for each in profile.interests] == ["cake-6"]
    assert profile.interests[0].origin == pb.INTEREST_ORIGIN_ONLINE
    assert profile.seen_pins == 2


def test_callers_are_told_of_a_user_that_nobody_knows(serve: Serve) -> None:
    """As of one who never was: nothing says that there was somebody."""
    store = default_people().store()
    stub = serve(profiles=store)
    store.forget("ann", CUT_S + DAY_S)

    forgotten, never = (stub.Recommend(pb.RecommendRequest(user_id=user)) for user in ("ann", "never-was"))
    forgotten.request_id = never.request_id
    assert forgotten == never
    with pytest.raises(grpc.RpcError, match="the profile store knows no user 'ann'"):
        stub.GetProfile(pb.GetProfileRequest(user_id="ann"))
