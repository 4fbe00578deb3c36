"""Recommend over the wire: who gets what, and why."""

import threading
from collections import Counter

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.retrieval import TIERS
from server.settings import Fallback
from storage.hashes import hash_ids
from storage.pins.memory import InMemoryPins
from tests.server.conftest import Serve
from tests.server.world import (
    CUT_S,
    DAY_S,
    SPACE,
    People,
    default_people,
    fan,
    make_interests,
    make_online,
    make_pins,
)


def candidates(response: pb.RecommendResponse) -> list[str]:
    return [each.pin_id for each in response.candidates]


def test_interests_are_interleaved_nearest_first(stub: RecommenderStub) -> None:
    """Each sampled interest gives its nearest unseen pins, turn by turn, the most important first."""
    answer = stub.Recommend(pb.RecommendRequest(user_id="ben", max_candidates=6, seed=1))

    assert candidates(answer) == ["cat-1", "cake-1", "cat-2", "cake-2", "cat-3", "cake-3"]
    assert [each.medoid_pin_id for each in answer.candidates] == ["cat-0", "cake-0"] * 3
    assert answer.candidates[0].score == pytest.approx(0.99985, abs=1e-3)


def test_the_answer_says_what_it_was_made_from(stub: RecommenderStub) -> None:
    """Sampled interests come with their share of the importance, their origin and the artefact's version."""
    answer = stub.Recommend(pb.RecommendRequest(user_id="ben", max_candidates=6))

    assert [each.medoid_pin_id for each in answer.interests] == ["cat-0", "cake-0"]
    assert [each.probability for each in answer.interests] == pytest.approx([0.9, 0.1])
    assert {each.origin for each in answer.interests} == {pb.INTEREST_ORIGIN_BATCH}
    assert answer.artefact_version == "000001-test"
    assert len(answer.request_id) == 32
    assert answer.reason == pb.ANSWER_REASON_UNSPECIFIED


def test_a_seen_pin_never_comes_back(stub: RecommenderStub) -> None:
    """Pins the user acted on are dropped, and so are pins they stand behind: a saved near-duplicate too."""
    answer = stub.Recommend(pb.RecommendRequest(user_id="ann", max_candidates=1_000))

    # Ann saved cat-twin, for which cat-1 stands, and car-2.
    assert {"cat-0", "cat-1", "car-0", "car-2"}.isdisjoint(candidates(answer))
    assert {"cat-2", "car-1"} <= set(candidates(answer))


def test_exclusions_hold_for_twins_and_are_refilled(stub: RecommenderStub) -> None:
    """What the caller excludes is dropped with its near-duplicates, and the next nearest move up."""
    request = pb.RecommendRequest(
        user_id="ben", max_candidates=4, exclude_pin_ids=["cat-twin", "cake-1", "no-such-pin"]
    )

    assert candidates(stub.Recommend(request)) == ["cat-2", "cake-2", "cat-3", "cake-3"]


def test_lists_that_exclusions_leave_short_are_fetched_wider(serve: Serve) -> None:
    """A list whose first tier is all seen goes on to the next tier: exclusions still fill the answer."""
    cats = [f"cat-{i}" for i in range(230)]
    people = People(shares={"cleo": {"cat-0": 1.0}}, seen={"cleo": cats})
    stub = serve(make_pins(n=300), people.store())

    answer = stub.Recommend(pb.RecommendRequest(user_id="cleo", max_candidates=50))

    assert candidates(answer) == [f"cat-{i}" for i in range(230, 280)]


def test_importance_decides_who_is_sampled(stub: RecommenderStub) -> None:
    """Over many calls an interest with nine tenths of the importance is drawn alone nine times in ten."""
    drawn = Counter(
        stub.Recommend(pb.RecommendRequest(user_id="ben", max_interests=1, max_candidates=1, seed=seed))
        .interests[0]
        .medoid_pin_id
        for seed in range(300)
    )

    # 300 x 0.9 = 270, standard deviation 5.2.
    assert 245 <= drawn["cat-0"] <= 292
    assert drawn["cat-0"] + drawn["cake-0"] == 300


def test_a_seed_repeats_the_answer_and_no_seed_does_not_fix_it(stub: RecommenderStub) -> None:
    """The same seed gives the same bytes; without one, both of two equal interests appear over calls."""
    seeded = pb.RecommendRequest(user_id="ann", max_interests=1, max_candidates=5, seed=7)
    repeated = {tuple(candidates(stub.Recommend(seeded))) for _ in range(60)}
    free = pb.RecommendRequest(user_id="ann", max_interests=1, max_candidates=1)
    drawn = {stub.Recommend(free).interests[0].medoid_pin_id for _ in range(60)}

    assert len(repeated) == 1
    assert drawn == {"cat-0", "car-0"}


def test_interests_that_have_decayed_to_nothing_share_equally(serve: Serve) -> None:
    """Someone away for so long that every importance is 0 is served all the same."""
    stub = serve(profiles=People(shares={"rip": {"cat-0": 0.0, "car-0": 0.0}}).store())
    answer = stub.Recommend(pb.RecommendRequest(user_id="rip", max_candidates=2))

    assert [each.probability for each in answer.interests] == [0.5, 0.5]
    assert candidates(answer) == ["car-1", "cat-1"]


def test_an_answer_is_short_only_when_the_pool_is(serve: Serve) -> None:
    """With every limit used at once, 2,000 pins seen and 2,000 excluded, 1,000 candidates still come."""
    cats = [f"cat-{i}" for i in range(6_000)]
    people = People(shares={"cleo": {"cat-0": 1.0}}, seen={"cleo": cats[:2_000]})
    stub = serve(make_pins(topics=("cat",), n=6_000), people.store())

    answer = stub.Recommend(
        pb.RecommendRequest(user_id="cleo", max_candidates=1_000, exclude_pin_ids=cats[2_000:4_000])
    )

    assert len(answer.candidates) == 1_000
    assert set(candidates(answer)).isdisjoint(cats[:4_000])


class CountedPins(InMemoryPins):
    """A fan of pins that remembers what was searched for and looked up."""

    def __init__(self, n: int) -> None:
        super().__init__([f"cat-{i}" for i in range(n)], fan(0, n), embedding_space=SPACE)
        self.searched_k: list[int] = []
        self.lookups: list[tuple[str, list[int]]] = []

    def rows_of_hashes(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        self.lookups.append((threading.current_thread().name, hashes.tolist()))
        return super().rows_of_hashes(hashes)

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self.searched_k.append(k)
        return super().search(queries, k, ef_search=ef_search)


def test_a_full_answer_fetches_nothing_further(serve: Serve) -> None:
    """A list that gave less than its budget is not fetched wider when the answer is full without it."""
    pins = CountedPins(300)
    stub = serve(pins, People(shares={"ann": {"cat-0": 2.0, "cat-299": 1.0}}).store())
    pins.searched_k.clear()

    answer = stub.Recommend(pb.RecommendRequest(user_id="ann", max_candidates=3))

    assert [each.medoid_pin_id for each in answer.candidates] == ["cat-0", "cat-299", "cat-0"]
    assert pins.searched_k == [TIERS[0]]


def test_beyond_the_widest_list_the_answer_is_short(serve: Serve) -> None:
    """Who has seen more than any list holds gets what is left of the widest: the search ends there."""
    pins = CountedPins(TIERS[-1] + 200)
    seen = [f"cat-{i}" for i in range(TIERS[-1] - 10)]
    stub = serve(pins, People(shares={"ann": {"cat-0": 1.0}}, seen={"ann": seen}).store())
    pins.searched_k.clear()

    answer = stub.Recommend(pb.RecommendRequest(user_id="ann", max_candidates=50))

    assert len(answer.candidates) == 10
    assert pins.searched_k == list(TIERS)


def test_the_smallest_answer_of_the_most_interests(serve: Serve) -> None:
    """One candidate from all interests is the nearest to the most important one."""
    stub = serve(profiles=People(shares={"max": {f"cat-{i}": 30.0 - i for i in range(30)}}).store())
    answer = stub.Recommend(pb.RecommendRequest(user_id="max", max_candidates=1, max_interests=20))

    assert len(answer.interests) == 20
    (only,) = answer.candidates
    assert only.medoid_pin_id == answer.interests[0].medoid_pin_id


def test_a_pool_of_one_pin(serve: Serve) -> None:
    """Where there is nothing but what the user saved, the answer is empty and says why."""
    pins = InMemoryPins(["cat-0"], fan(0, 1), embedding_space=SPACE)
    stub = serve(pins, People(shares={"ann": {"cat-0": 1.0}}).store())

    answer = stub.Recommend(pb.RecommendRequest(user_id="ann"))

    assert (candidates(answer), answer.reason) == ([], pb.ANSWER_REASON_ALL_FILTERED)
    assert [each.medoid_pin_id for each in answer.interests] == ["cat-0"]


@pytest.mark.parametrize("odd", ["85123A", "👩🏽‍🚀", "x" * 128, "ü" * 64, "a b/c%d\n", "\x00", "'; --"])
def test_ids_are_opaque(serve: Serve, odd: str) -> None:
    """Any string up to 128 bytes is an id: as user, as medoid, as candidate, as exclusion."""
    pins = InMemoryPins([odd, odd[:-1] + "?", "c"], fan(0, 3), embedding_space=SPACE)
    stub = serve(pins, People(shares={odd: {odd: 1.0}}).store())

    answer = stub.Recommend(pb.RecommendRequest(user_id=odd, exclude_pin_ids=["c"]))

    assert [(each.pin_id, each.medoid_pin_id) for each in answer.candidates] == [(odd[:-1] + "?", odd)]
    assert [each.pin_id for each in stub.GetPins(pb.GetPinsRequest(pin_ids=[odd])).pins] == [odd]
    assert stub.GetProfile(pb.GetProfileRequest(user_id=odd)).user_id == odd


def test_min_score_bounds_the_list(stub: RecommenderStub) -> None:
    """Only candidates at min_score or above come back; a bound nobody reaches is answered with the reason."""
    near = stub.Recommend(pb.RecommendRequest(user_id="ben", min_score=0.99))
    least = min(each.score for each in near.candidates)
    at_bound = stub.Recommend(pb.RecommendRequest(user_id="ben", min_score=least))
    excluded = list(candidates(near))
    none = stub.Recommend(pb.RecommendRequest(user_id="ben", min_score=0.99, exclude_pin_ids=excluded))

    # The cosine of 8 degrees is 0.9903, that of 9 degrees 0.9877.
    assert set(candidates(near)) == {f"{topic}-{i}" for topic in ("cat", "cake") for i in range(1, 9)}
    assert candidates(at_bound) == candidates(near)
    assert candidates(none) == []
    assert none.reason == pb.ANSWER_REASON_ALL_FILTERED


def test_an_unknown_user_is_not_an_error(stub: RecommenderStub) -> None:
    """A user the store does not know gets an empty answer and the reason."""
    answer = stub.Recommend(pb.RecommendRequest(user_id="nobody"))

    assert (len(answer.candidates), answer.reason) == (0, pb.ANSWER_REASON_UNKNOWN_USER)


def test_the_fallback_is_popular_pins_labelled_as_such(serve: Serve) -> None:
    """With the fallback on, an unknown user gets the window's popular pins that the index holds, marked."""
    stub = serve(fallback=Fallback.POPULAR)

    answer = stub.Recommend(pb.RecommendRequest(user_id="nobody", exclude_pin_ids=["car-3"], min_score=0.5))

    assert candidates(answer) == ["cat-3"]
    assert answer.reason == pb.ANSWER_REASON_UNKNOWN_USER
    assert answer.interests[0].origin == pb.INTEREST_ORIGIN_FALLBACK
    assert not answer.candidates[0].HasField("score")
    assert answer.candidates[0].medoid_pin_id == ""


def test_the_fallback_is_for_everybody_without_interests(serve: Serve) -> None:
    """Known users without a usable interest, and unknown pins, get the popular pins and their own reason."""
    stub = serve(fallback=Fallback.POPULAR)

    gone = stub.Recommend(pb.RecommendRequest(user_id="gus"))
    unknown = stub.RecommendForPins(pb.RecommendForPinsRequest(pins=[pb.RecentPin(pin_id="x")]))

    for answer in (gone, unknown):
        assert [each.pin_id for each in answer.candidates] == ["cat-3", "car-3"]
        assert answer.reason == pb.ANSWER_REASON_NO_USABLE_INTERESTS


def test_who_only_hid_a_pin_is_known_and_never_sees_it(serve: Serve) -> None:
    """A user whose actions make no interest has seen pins all the same: not even the fallback shows them."""
    people = default_people()
    people.seen["hal"] = ["cat-3"]
    stub = serve(profiles=people.store(), fallback=Fallback.POPULAR)

    answer = stub.Recommend(pb.RecommendRequest(user_id="hal"))
    profile = stub.GetProfile(pb.GetProfileRequest(user_id="hal"))

    assert (candidates(answer), answer.reason) == (["car-3"], pb.ANSWER_REASON_NO_USABLE_INTERESTS)
    assert (len(profile.interests), profile.seen_pins) == (0, 1)


def test_a_medoid_that_left_the_artefact_is_skipped_before_sampling(stub: RecommenderStub) -> None:
    """Interests whose medoid is gone take no part; a user with no other gets the reason. Odd ids work."""
    other = stub.Recommend(pb.RecommendRequest(user_id="85123A", max_candidates=2))
    gone = stub.Recommend(pb.RecommendRequest(user_id="gus"))

    assert [(each.medoid_pin_id, each.probability) for each in other.interests] == [("cake-5", 1.0)]
    assert gone.reason == pb.ANSWER_REASON_NO_USABLE_INTERESTS


def test_the_second_call_finds_the_lists_in_the_cache(stub: RecommenderStub) -> None:
    """Lists are cached by medoid, not by user: another user's call warms them."""
    cold = stub.Recommend(pb.RecommendRequest(user_id="ben"))
    warm = stub.Recommend(pb.RecommendRequest(user_id="ann"))

    assert [each.cache_hit for each in cold.interests] == [False, False]
    assert {each.medoid_pin_id: each.cache_hit for each in warm.interests} == {"cat-0": True, "car-0": False}


def test_an_online_interest_joins_the_batch(serve: Serve) -> None:
    """Newest actions add an interest of their own, or strengthen the batch interest they fall into."""
    people = default_people()
    people.shares["ann"] = {"cat-0": 1.0}
    people.seen["ann"] = ["cat-0"]
    newest = {"cat-2": CUT_S + 10, "cake-0": CUT_S + 20}
    interests = make_interests({"cat-2": 1.0, "cake-0": 1.0})
    people.online = [make_online("ann", newest, interests, after_s=CUT_S)]
    stub = serve(profiles=people.store())

    answer = stub.Recommend(pb.RecommendRequest(user_id="ann", max_candidates=4))

    origins = {each.medoid_pin_id: each.origin for each in answer.interests}
    assert origins == {"cat-0": pb.INTEREST_ORIGIN_BATCH_AND_ONLINE, "cake-0": pb.INTEREST_ORIGIN_ONLINE}
    assert candidates(answer) == ["cat-1", "cake-1", "cat-3", "cake-2"]


def test_the_newest_actions_are_enough_to_be_known(serve: Serve) -> None:
    """A user whom the batch has not met yet is served from their online record, and sees no pin twice."""
    newest = {"cake-1": CUT_S + 10, "cake-2": CUT_S + 20}
    online = [make_online("zoe", newest, make_interests({"cake-2": 1.0}), after_s=CUT_S)]
    stub = serve(profiles=People(online=online).store())

    answer = stub.Recommend(pb.RecommendRequest(user_id="zoe", max_candidates=3))

    assert [each.origin for each in answer.interests] == [pb.INTEREST_ORIGIN_ONLINE]
    assert candidates(answer) == ["cake-3", "cake-0", "cake-4"]
    profile = stub.GetProfile(pb.GetProfileRequest(user_id="zoe"))
    assert profile.seen_pins == 2
    # No batch was computed for her.
    assert not profile.HasField("computed_at")


def test_an_online_medoid_that_left_the_artefact_is_replaced(serve: Serve) -> None:
    """The raw actions are there: the interest goes on with the best of the pins that the artefact holds."""
    newest = {"gone-1": CUT_S + 10, "cake-2": CUT_S + 20}
    online = [make_online("zoe", newest, make_interests({"gone-1": 2.0}), after_s=CUT_S)]
    stub = serve(profiles=People(online=online).store())

    answer = stub.Recommend(pb.RecommendRequest(user_id="zoe", max_candidates=1))

    assert [each.medoid_pin_id for each in answer.interests] == ["cake-2"]


def test_another_watermark_recomputes_the_online_interests(serve: Serve) -> None:
    """After a roll-back each action counts once: up to the watermark in the batch. A hidden pin never."""
    people = default_people()
    newest = {"car-5": CUT_S, "cake-0": CUT_S + 20, "car-8": CUT_S + 30, "car-9": CUT_S + 40}
    stale = make_interests({"car-5": 1.0, "cake-0": 1.0})
    hidden = {"car-9": -1.0, "car-8": 0.0}
    people.online = [make_online("ben", newest, stale, after_s=CUT_S - 2 * DAY_S, weights=hidden)]
    stub = serve(profiles=people.store())

    profile = stub.GetProfile(pb.GetProfileRequest(user_id="ben"))

    assert [each.medoid_pin_id for each in profile.interests] == ["cat-0", "cake-0"]
    assert profile.interests[1].origin == pb.INTEREST_ORIGIN_BATCH_AND_ONLINE


def test_recommend_for_pins_needs_no_stored_user(stub: RecommenderStub) -> None:
    """Recent pins are clustered as Algorithm 2 does; unknown ones are counted, known ones do not return."""
    pins = [pb.RecentPin(pin_id=each) for each in ("cat-0", "cat-2", "cat-4", "cake-0", "no-such-pin")]
    answer = stub.RecommendForPins(pb.RecommendForPinsRequest(pins=pins, max_candidates=4))

    assert answer.unknown_pins == 1
    assert [each.medoid_pin_id for each in answer.interests] == ["cat-2", "cake-0"]
    assert [each.pin_id for each in answer.candidates] == ["cat-1", "cake-1", "cat-3", "cake-2"]
    assert {each.origin for each in answer.interests} == {pb.INTEREST_ORIGIN_REQUEST}


def test_recommend_for_pins_weighs_old_actions_less(stub: RecommenderStub) -> None:
    """An action 100 days older weighs exp(-0.01 x 100) as much."""
    old, new = pb.RecentPin(pin_id="cat-0"), pb.RecentPin(pin_id="cake-0")
    old.action_time.FromSeconds(CUT_S - 100 * DAY_S)
    new.action_time.FromSeconds(CUT_S)
    answer = stub.RecommendForPins(pb.RecommendForPinsRequest(pins=[old, new]))

    cake, cat = answer.interests
    assert (cake.medoid_pin_id, cat.medoid_pin_id) == ("cake-0", "cat-0")
    assert cat.importance / cake.importance == pytest.approx(0.36788, rel=1e-4)


def test_only_unknown_pins_leave_nothing_to_go_by(stub: RecommenderStub) -> None:
    """When the artefact knows none of the pins the answer is empty, with the reason and the count."""
    answer = stub.RecommendForPins(pb.RecommendForPinsRequest(pins=[pb.RecentPin(pin_id="x")]))

    assert (answer.reason, answer.unknown_pins) == (pb.ANSWER_REASON_NO_USABLE_INTERESTS, 1)


def test_batch_answers_in_the_order_asked(stub: RecommenderStub) -> None:
    """Every user of a batch gets what Recommend gives them, in order, unknown ones included."""
    users = ["ben", "nobody", "ann", "ben"]
    stream = stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=users, max_candidates=6, seed=3))
    results = [result for message in stream for result in message.results]
    alone = stub.Recommend(pb.RecommendRequest(user_id="ben", max_candidates=6, seed=3))

    assert [each.user_id for each in results] == users
    assert candidates(results[0].recommendation) == candidates(results[3].recommendation) == candidates(alone)
    assert results[1].recommendation.reason == pb.ANSWER_REASON_UNKNOWN_USER


def test_a_batch_looks_its_exclusions_up_once(serve: Serve) -> None:
    """However many users a batch has, what the caller excludes is found in the artefact a single time."""
    pins = CountedPins(3)
    stub = serve(pins)
    excluded = ["cat-1", "x", "y"]
    stream = stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ben"] * 3, exclude_pin_ids=excluded))

    assert [
        [each.pin_id for each in result.recommendation.candidates]
        for part in stream
        for result in part.results
    ] == [["cat-2"]] * 3
    # Those who observe a share of the answers look them up again, in threads of their own.
    by = [name for name, hashes in pins.lookups if hashes == hash_ids(excluded).tolist()]
    assert [name.startswith("batch_") for name in by].count(True) == 1


def test_a_large_batch_comes_in_messages_of_at_most_a_mebibyte(serve: Serve) -> None:
    """A thousand users stream back in several messages, none above 1 MiB, nobody lost."""
    users = [f"user-{i}" for i in range(1_000)]
    people = People(shares={user: {"cat-0": 1.0} for user in users})
    stub = serve(profiles=people.store())

    messages = list(stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=users)))

    assert len(messages) > 1
    assert max(message.ByteSize() for message in messages) <= 1024 * 1024
    assert [result.user_id for message in messages for result in message.results] == users


def test_similar_pins_are_the_neighbours(stub: RecommenderStub) -> None:
    """SimilarPins gives the nearest pins without the pin and its group, from the same cache as Recommend."""
    stub.Recommend(pb.RecommendRequest(user_id="ben"))
    answer = stub.SimilarPins(
        pb.SimilarPinsRequest(pin_id="cat-0", max_candidates=3, exclude_pin_ids=["cat-2"])
    )
    twin = stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-twin", max_candidates=2))

    assert [each.pin_id for each in answer.candidates] == ["cat-1", "cat-3", "cat-4"]
    assert answer.cache_hit
    assert "cat-1" not in [each.pin_id for each in twin.candidates]
    assert not twin.cache_hit


def test_an_unknown_pin_is_not_found(stub: RecommenderStub) -> None:
    """SimilarPins of a pin the artefact does not hold says which pin and which artefact."""
    with pytest.raises(grpc.RpcError) as refusal:
        stub.SimilarPins(pb.SimilarPinsRequest(pin_id="x1"))

    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
    assert refusal.value.details() == "pin_id: the artefact 000001-test does not hold pin 'x1'"


def test_a_profile_shows_all_interests(stub: RecommenderStub) -> None:
    """GetProfile lists usable interests with titles and shares, then the skipped ones."""
    profile = stub.GetProfile(pb.GetProfileRequest(user_id="85123A"))

    assert [(each.medoid_pin_id, each.title, each.in_artefact) for each in profile.interests] == [
        ("cake-5", "Title of cake-5", True),
        ("gone-1", "", False),
    ]
    assert [each.probability for each in profile.interests] == [1.0, 0.0]
    assert (profile.profiles_version, profile.parameters_version) == ("000007-test", "model-1")
    assert profile.actions_until.ToSeconds() == CUT_S
    assert stub.GetProfile(pb.GetProfileRequest(user_id="ann")).seen_pins == 4


def test_a_profile_of_nobody_is_not_found(stub: RecommenderStub) -> None:
    """GetProfile of an unknown user names the user."""
    with pytest.raises(grpc.RpcError) as refusal:
        stub.GetProfile(pb.GetProfileRequest(user_id="nobody"))

    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
    assert refusal.value.details() == "user_id: the profile store knows no user 'nobody'"


def test_pins_tell_who_stands_for_them(stub: RecommenderStub) -> None:
    """GetPins gives titles and representatives of known pins, and names the unknown ones."""
    answer = stub.GetPins(pb.GetPinsRequest(pin_ids=["cat-twin", "x1", "blurred", "car-0"]))

    assert [(each.pin_id, each.representative_pin_id, each.indexed) for each in answer.pins] == [
        ("cat-twin", "cat-1", False),
        ("blurred", "", False),
        ("car-0", "car-0", True),
    ]
    assert answer.pins[2].title == "Title of car-0"
    assert list(answer.unknown_pin_ids) == ["x1"]
