"""The fused merge policy over the wire: all of a user's medoids answer together."""

from collections.abc import Iterable
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from model.fusing import (
    NOT_COUNTED,
    SPREAD_OVER,
    FusePolicy,
    contributions,
    fuse,
    fused_scores,
    spread_of,
    union,
)
from model.parameters import Parameters
from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.retrieval import TIERS
from server.settings import Fallback, MergePolicy
from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.pins.memory import InMemoryPins
from storage.profiles.memory import InMemoryProfiles
from tests.server.conftest import Serve
from tests.server.test_recommend import CountedPins
from tests.server.world import (
    CUT_S,
    SPACE,
    People,
    default_people,
    describe,
    fan,
    make_interests,
    make_online,
    make_pins,
    make_profile,
    stood_for_by,
)

FUSED, INTERLEAVED = pb.MERGE_POLICY_FUSED, pb.MERGE_POLICY_INTERLEAVED


NARROW = Parameters(alpha=0.5, fusing=FusePolicy(perplexity=60, fused_share=0.7))
"""In the test world every medoid is spread as if over 27 of the pool's 180 pins."""


def fused(user_id: str, **options: Any) -> pb.RecommendRequest:
    return pb.RecommendRequest(user_id=user_id, merge_policy=FUSED, **options)


def names(candidates: Iterable[pb.Candidate]) -> list[str]:
    return [each.pin_id for each in candidates]


@pytest.fixture
def fans(serve: Serve) -> RecommenderStub:
    """A server with a user of two medoids, 10 degrees apart and of one weight, in one interest."""
    people = default_people()
    people.parameters = NARROW
    people.shares["cleo"] = {"cat-0": 2.0}
    people.medoids["cleo"] = {"cat-0": (1.0, 0), "cat-10": (1.0, 0)}
    return serve(profiles=people.store())


def test_the_best_are_near_to_all_medoids_and_the_rest_takes_turns(fans: RecommenderStub) -> None:
    """Of ten, seven are those between the two medoids; then each medoid's nearest of those left."""
    answer = fans.Recommend(fused("cleo", max_candidates=10))

    assert set(names(answer.candidates)[:7]) == {f"cat-{i}" for i in range(3, 10)}
    assert names(answer.candidates)[7:] == ["cat-1", "cat-11", "cat-2"]


def test_a_candidate_names_the_medoid_that_counts_most_for_it(fans: RecommenderStub) -> None:
    """Of one weight, the nearer: with the cosine to that one, of the angle between them."""
    answer = fans.Recommend(fused("cleo", max_candidates=10))
    came = {each.pin_id: each for each in answer.candidates}

    for pin_id, medoid in (("cat-2", "cat-0"), ("cat-8", "cat-10")):
        assert came[pin_id].medoid_pin_id == medoid
        assert came[pin_id].score == pytest.approx(np.cos(np.deg2rad(2)), abs=1e-3)


def test_the_answer_says_who_stood_for_what(fans: RecommenderStub) -> None:
    """Every interest that has medoids, with their shares, and the policy that was used."""
    cold = fans.Recommend(fused("cleo", max_candidates=10))
    (interest,) = cold.interests

    assert cold.merge_policy == FUSED
    assert interest.medoid_pin_id == "cat-0"
    assert [(each.pin_id, each.share) for each in interest.medoids] == [("cat-0", 0.5), ("cat-10", 0.5)]
    assert (interest.probability, interest.origin) == (1.0, pb.INTEREST_ORIGIN_BATCH)
    assert not interest.cache_hit
    assert fans.Recommend(fused("cleo", max_candidates=10)).interests[0].cache_hit


def test_an_interest_nobody_stands_for_is_not_in_the_answer(serve: Serve) -> None:
    """Too unimportant to have a medoid among those that answer: it is not said to have given anything."""
    people = People(
        shares={"cleo": {"cat-0": 2.0, "car-0": 1.0, "cake-0": 0.1}},
        medoids={"cleo": {"cat-0": (2.0, 0), "car-0": (1.0, 1)}},
    )
    stub = serve(profiles=people.store())
    answer = stub.Recommend(fused("cleo"))
    profile = stub.GetProfile(pb.GetProfileRequest(user_id="cleo"))

    assert [each.medoid_pin_id for each in answer.interests] == ["cat-0", "car-0"]
    assert [[each.pin_id for each in interest.medoids] for interest in profile.interests] == [
        ["cat-0"],
        ["car-0"],
        [],
    ]
    assert profile.interests[0].medoids[0].share == pytest.approx(2 / 3)


def test_a_profile_of_an_earlier_version_is_stood_for_by_its_medoids(fans: RecommenderStub) -> None:
    """Records without representatives are answered from: nine to one, as important as they are."""
    answer = fans.Recommend(fused("ben", max_candidates=10))
    medoids = [each for one in answer.interests for each in one.medoids]

    assert [each.pin_id for each in medoids] == ["cat-0", "cake-0"]
    assert [each.share for each in medoids] == pytest.approx([0.9, 0.1])
    assert names(answer.candidates)[:7] == [f"cat-{i}" for i in range(1, 8)]
    assert names(answer.candidates)[7:] == ["cat-8", "cake-1", "cat-9"]


def test_no_more_medoids_answer_than_the_model_says(serve: Serve) -> None:
    """Of an earlier version's thirty, the twenty heaviest."""
    parameters = Parameters(alpha=0.5, fusing=FusePolicy(n_representatives=20))
    people = People(shares={"max": {f"cat-{i}": 30.0 - i for i in range(30)}}, parameters=parameters)
    answer = serve(profiles=people.store()).Recommend(fused("max"))

    assert [each.medoid_pin_id for each in answer.interests] == [f"cat-{i}" for i in range(20)]


def test_saved_pins_and_their_twins_do_not_come_back(serve: Serve) -> None:
    """Seen ones, excluded ones, the medoids themselves, and those that stand for any of them."""
    people = People(
        shares={"ann": {"cat-0": 1.0}}, medoids={"ann": {"cat-0": (1.0, 0), "cat-twin": (1.0, 0)}}
    )
    people.seen["ann"] = ["cat-3"]
    answer = serve(profiles=people.store()).Recommend(
        fused("ann", max_candidates=1_000, exclude_pin_ids=["cat-5"])
    )

    assert {"cat-0", "cat-1", "cat-3", "cat-5"}.isdisjoint(names(answer.candidates))
    assert len(answer.candidates) == 180 - 4


def test_exclusions_are_refilled(serve: Serve) -> None:
    """Lists of which all is seen are fetched wider until the answer is full."""
    cats = [f"cat-{i}" for i in range(230)]
    people = People(
        shares={"cleo": {"cat-0": 2.0}},
        medoids={"cleo": {"cat-0": (1.0, 0), "cat-1": (1.0, 0)}},
        seen={"cleo": cats},
    )
    answer = serve(make_pins(n=300), people.store()).Recommend(fused("cleo", max_candidates=50))

    assert set(names(answer.candidates)) == {f"cat-{i}" for i in range(230, 280)}


def test_a_list_that_a_call_has_fetched_itself_is_no_hit(serve: Serve) -> None:
    """Refilled twice, from the list that is there and from a wider one: neither came from the cache."""
    pins = CountedPins(1_000)
    people = People(
        shares={"ann": {"cat-0": 1.0}, "ben": {"cat-500": 1.0}},
        seen={"ann": [f"cat-{i}" for i in range(450)], "ben": [f"cat-{i}" for i in range(390, 610)]},
    )
    stub = serve(pins, people.store())
    for user, searched in (("ann", [400, 800]), ("ben", [400])):
        pins.searched_k.clear()
        cold = stub.Recommend(fused(user, max_candidates=50))
        assert (len(cold.candidates), pins.searched_k) == (50, searched)
        assert not cold.interests[0].cache_hit
        assert stub.Recommend(fused(user, max_candidates=50)).interests[0].cache_hit


def test_a_hit_that_exclusions_left_short_is_a_hit(serve: Serve) -> None:
    """The list was in the cache; that a wider one had to be fetched after all is another thing."""
    people = People(shares={"ann": {"cat-0": 1.0}}, seen={"ann": [f"cat-{i}" for i in range(450)]})
    pins = CountedPins(1_000)
    stub = serve(pins, people.store())
    stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-0", max_candidates=300))

    assert stub.Recommend(fused("ann", max_candidates=50)).interests[0].cache_hit
    assert pins.searched_k[-2:] == [400, 800]


def test_no_list_is_fetched_wider_when_the_rest_is_too_far(serve: Serve) -> None:
    """Where a list ends below min_score, the pins beyond it would not come either."""
    pins = CountedPins(1_000)
    stub = serve(pins, People(shares={"ann": {"cat-0": 1.0}}).store())
    pins.searched_k.clear()
    # 10 degrees, in steps of 0.09: the first 111 pins, less the medoid.
    answer = stub.Recommend(fused("ann", min_score=float(np.cos(np.deg2rad(10)))))

    assert len(answer.candidates) == 111
    assert pins.searched_k == [400]


def test_as_long_as_one_list_may_have_more_all_are_fetched_wider(serve: Serve) -> None:
    """The list of cat-0 ends below the bound, that of cat-500 above it: what is further out comes."""
    people = People(
        shares={"ann": {"cat-0": 2.0}},
        medoids={"ann": {"cat-0": (1.0, 0), "cat-500": (1.0, 0)}},
        seen={"ann": [f"cat-{i}" for i in range(700)]},
    )
    stub = serve(make_pins(topics=("cat",), n=1_000), people.store())
    # 27 degrees, in steps of 0.09: 300 pins to either side.
    answer = stub.Recommend(fused("ann", min_score=float(np.cos(np.deg2rad(27.05)))))

    assert set(names(answer.candidates)) == {f"cat-{i}" for i in range(700, 801)}


def test_an_interest_was_in_the_cache_when_all_its_lists_were(fans: RecommenderStub) -> None:
    """That of one medoid is not enough."""
    fans.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-0", max_candidates=400))

    assert not fans.Recommend(fused("cleo")).interests[0].cache_hit
    assert fans.Recommend(fused("cleo")).interests[0].cache_hit


def test_an_answer_is_short_only_when_the_pool_is(serve: Serve) -> None:
    """2,000 pins seen and 2,000 excluded: 1,000 candidates still come; and of three pins, what is left."""
    cats = [f"cat-{i}" for i in range(6_000)]
    people = People(shares={"cleo": {"cat-0": 1.0}}, seen={"cleo": cats[:2_000]})
    stub = serve(make_pins(topics=("cat",), n=6_000), people.store())
    answer = stub.Recommend(fused("cleo", max_candidates=1_000, exclude_pin_ids=cats[2_000:4_000]))
    few = serve(CountedPins(3), People(shares={"ann": {"cat-0": 1.0}}).store())

    assert len(answer.candidates) == 1_000
    assert set(names(answer.candidates)).isdisjoint(cats[:4_000])
    assert names(few.Recommend(fused("ann")).candidates) == ["cat-1", "cat-2"]


def test_the_widest_list_is_the_end(serve: Serve) -> None:
    """Who has seen more than any list holds gets what is left of the widest."""
    pins = CountedPins(TIERS[-1] + 200)
    seen = [f"cat-{i}" for i in range(TIERS[-1] - 10)]
    stub = serve(pins, People(shares={"ann": {"cat-0": 1.0}}, seen={"ann": seen}).store())
    pins.searched_k.clear()

    assert len(stub.Recommend(fused("ann", max_candidates=50)).candidates) == 10
    # No list is shorter than what a medoid is spread over.
    assert pins.searched_k == [k for k in TIERS if k >= SPREAD_OVER]


def test_all_filtered_is_said(serve: Serve) -> None:
    """Where there is nothing but what the user saved, the answer is empty and says why."""
    pins = InMemoryPins(["cat-0"], fan(0, 1), embedding_space=SPACE)
    stub = serve(pins, People(shares={"ann": {"cat-0": 1.0}}).store())
    answer = stub.Recommend(fused("ann"))

    assert (names(answer.candidates), answer.reason) == ([], pb.ANSWER_REASON_ALL_FILTERED)


def test_min_score_bounds_the_cosine_to_the_medoid_named(fans: RecommenderStub) -> None:
    """A candidate that no list holds at the bound or above does not come, whatever its fused score."""
    answer = fans.Recommend(fused("cleo", min_score=0.99))

    # The cosine of 8 degrees is 0.9903, that of 9 degrees 0.9877.
    assert set(names(answer.candidates)) == {f"cat-{i}" for i in range(1, 19)} - {"cat-10"}
    assert all(each.score >= 0.99 for each in answer.candidates)


def test_all_misses_are_one_search_and_hits_are_none(serve: Serve) -> None:
    """Cold, one call searches for all medoids; warm, from whatever caller, nobody searches."""
    pins = CountedPins(500)
    medoids = {f"cat-{20 * i}": (1.0, 0) for i in range(20)}
    people = People(
        shares={"ann": {"cat-0": 20.0}, "ben": {"cat-0": 20.0}}, medoids={"ann": medoids, "ben": medoids}
    )
    stub = serve(pins, people.store())
    pins.searched_k.clear()
    stub.Recommend(fused("ann", max_candidates=400))
    stub.Recommend(fused("ben", max_candidates=400))

    assert pins.searched_k == [400]


def test_a_wider_list_in_the_cache_changes_nothing(serve: Serve) -> None:
    """Though it holds pins midway, nearer to both medoids together than any that the first 200 hold."""
    people = People(
        shares={"ann": {"cat-300": 2.0}},
        medoids={"ann": {"cat-300": (1.0, 0), "cat-700": (1.0, 0)}},
        parameters=Parameters(alpha=0.5, fusing=FusePolicy(perplexity=399)),
    )
    cold, warm = (serve(make_pins(topics=("cat",), n=1_000), people.store()) for _ in range(2))
    for pin_id in ("cat-300", "cat-700"):
        warm.SimilarPins(pb.SimilarPinsRequest(pin_id=pin_id, max_candidates=800))
    request = fused("ann", max_candidates=100)
    answer = names(cold.Recommend(request).candidates)

    assert "cat-500" not in answer
    assert names(warm.Recommend(request).candidates) == answer


def test_a_list_of_the_whole_pool_serves_both_policies(serve: Serve) -> None:
    """In a pool of fewer pins than the first tier, one that a sampled interest had fetched is enough."""
    pins = CountedPins(150)
    cold, warm = (serve(pins, People(shares={"ann": {"cat-0": 1.0}}).store()) for _ in range(2))
    expected = cold.Recommend(fused("ann"))
    warm.Recommend(pb.RecommendRequest(user_id="ann", merge_policy=INTERLEAVED, max_candidates=50))
    pins.searched_k.clear()
    answer = warm.Recommend(fused("ann"))

    assert names(answer.candidates) == names(expected.candidates)
    assert (len(answer.candidates), pins.searched_k) == (149, [])


def test_a_seed_has_no_effect(fans: RecommenderStub) -> None:
    """Nothing is drawn: whatever the seed, the answer is the same."""
    answers = {tuple(names(fans.Recommend(fused("cleo", seed=seed)).candidates)) for seed in range(5)}

    assert answers == {tuple(names(fans.Recommend(fused("cleo")).candidates))}


def test_online_actions_answer_at_once(serve: Serve) -> None:
    """A pin saved after the batch is a medoid of the interest it joined, and of one of its own otherwise."""
    people = default_people()
    people.shares["ann"] = {"cat-0": 1.0}
    newest = {"cat-4": CUT_S + 10, "cake-0": CUT_S + 20}
    interests = make_interests({"cat-4": 1.0, "cake-0": 1.0})
    people.online = [make_online("ann", newest, interests, after_s=CUT_S)]
    answer = serve(profiles=people.store()).Recommend(fused("ann", max_candidates=60))

    assert {each.medoid_pin_id: each.origin for each in answer.interests} == {
        "cat-0": pb.INTEREST_ORIGIN_BATCH_AND_ONLINE,
        "cake-0": pb.INTEREST_ORIGIN_ONLINE,
    }
    assert [sorted(each.pin_id for each in one.medoids) for one in answer.interests] == [
        ["cat-0", "cat-4"],
        ["cake-0"],
    ]
    assert {each.medoid_pin_id for each in answer.candidates} == {"cat-0", "cat-4", "cake-0"}


def test_recent_pins_answer_together(stub: RecommenderStub) -> None:
    """RecommendForPins takes the policy too; with few pins every one of them is a medoid."""
    pins = [pb.RecentPin(pin_id=each) for each in ("cat-0", "cat-2", "cat-4", "cake-0", "x")]
    answer = stub.RecommendForPins(
        pb.RecommendForPinsRequest(pins=pins, max_candidates=10, merge_policy=FUSED)
    )

    assert (answer.merge_policy, answer.unknown_pins) == (FUSED, 1)
    assert [len(each.medoids) for each in answer.interests] == [3, 1]
    assert set(names(answer.candidates)[:2]) == {"cat-1", "cat-3"}


def test_a_batch_of_users_is_answered_alike(fans: RecommenderStub) -> None:
    """Every user of a batch gets what Recommend gives them."""
    users = ["cleo", "nobody", "ben"]
    stream = fans.RecommendBatch(pb.RecommendBatchRequest(user_ids=users, merge_policy=FUSED))
    results = [result.recommendation for message in stream for result in message.results]

    for user, result in zip(users, results, strict=True):
        assert names(result.candidates) == names(fans.Recommend(fused(user)).candidates)
        assert result.merge_policy == FUSED
    assert results[1].reason == pb.ANSWER_REASON_UNKNOWN_USER


def test_a_medoid_that_left_the_artefact_is_stood_in_for(serve: Serve) -> None:
    """The heaviest other pin of the interest goes on for it, with either policy."""
    people = People(
        shares={"gus": {"gone-1": 3.0, "cake-0": 1.0, "gone-4": 0.5}},
        medoids={"gus": {"gone-1": (1.5, 0), "cat-4": (1.0, 0), "cake-0": (1.0, 1), "cat-9": (0.5, 0)}},
    )
    stub = serve(profiles=people.store())
    together = stub.Recommend(fused("gus"))
    by_turns = stub.Recommend(pb.RecommendRequest(user_id="gus"))

    assert [[each.pin_id for each in one.medoids] for one in together.interests] == [
        ["cat-4", "cat-9"],
        ["cake-0"],
    ]
    assert sum(each.share for one in together.interests for each in one.medoids) == pytest.approx(1)
    assert [each.medoid_pin_id for each in by_turns.interests] == ["cat-4", "cake-0"]
    assert "cat-4" not in names(by_turns.candidates)


def test_interests_whose_other_pins_are_all_gone_answer_by_their_medoids(serve: Serve) -> None:
    """Nobody who was chosen is there any more, but an unimportant interest's medoid is."""
    people = People(shares={"gus": {"gone-1": 3.0, "cake-0": 1.0}}, medoids={"gus": {"gone-1": (3.0, 0)}})
    people.online = [
        make_online(
            "zoe",
            {"cake-3": CUT_S + 10},
            stood_for_by(make_interests({"cake-3": 1.0}), {"gone-2": (1.0, 0)}),
            after_s=CUT_S,
        )
    ]
    stub = serve(profiles=people.store())

    for user, medoid in (("gus", "cake-0"), ("zoe", "cake-3")):
        (interest,) = stub.Recommend(fused(user)).interests
        assert [each.pin_id for each in interest.medoids] == [medoid]


def test_who_has_no_interests_gets_the_fallback(serve: Serve) -> None:
    """As with the other policy."""
    stub = serve(fallback=Fallback.POPULAR)
    answer = stub.Recommend(fused("gus"))

    assert names(answer.candidates) == ["cat-3", "car-3"]
    assert answer.reason == pb.ANSWER_REASON_NO_USABLE_INTERESTS


def test_the_server_has_a_policy_for_those_who_name_none(serve: Serve) -> None:
    """What it was started with; a request that names one has its way."""
    for default, wire in ((MergePolicy.INTERLEAVED, INTERLEAVED), (MergePolicy.FUSED, FUSED)):
        stub = serve(merge_policy=default)
        silent = stub.Recommend(pb.RecommendRequest(user_id="ben"))
        open_to_all = stub.Recommend(
            pb.RecommendRequest(user_id="ben", merge_policy=pb.MERGE_POLICY_UNSPECIFIED)
        )
        named = stub.Recommend(pb.RecommendRequest(user_id="ben", merge_policy=INTERLEAVED, max_interests=1))

        assert silent.merge_policy == open_to_all.merge_policy == wire
        assert (named.merge_policy, len(named.interests)) == (INTERLEAVED, 1)
        assert not named.interests[0].medoids


@pytest.mark.parametrize("n_medoids", [1, 5, 20])
@pytest.mark.parametrize("max_candidates", [50, 400])
def test_the_answer_is_that_of_the_models_functions(
    serve: Serve, n_medoids: int, max_candidates: int
) -> None:
    """Twins: lists cut at the tier, what is seen taken out, scored and merged as model.fusing does."""
    pins, generator = _cloud(2_000, 32), np.random.default_rng(n_medoids)
    policy = FusePolicy(perplexity=100.0, fused_share=0.6)
    chosen = generator.choice(2_000, n_medoids, replace=False)
    weights = np.sort(generator.uniform(0.1, 1, n_medoids))[::-1]
    seen = np.union1d(chosen, generator.choice(2_000, 300, replace=False))
    stub = serve(pins, _store_of_one(pins, chosen, weights, seen, policy))
    answer = stub.Recommend(fused("ann", max_candidates=max_candidates))

    k = next(tier for tier in TIERS if tier >= max_candidates)
    if n_medoids == 1:
        k *= 2  # What is seen leaves the only list short: it is fetched wider.
    X = pins.embeddings.astype(np.float32)
    lists = [row[~np.isin(row, seen)] for row in pins.search(pins.embeddings[chosen], k, ef_search=k)[1]]
    rows, places = union(lists)
    spread = spread_of(_unfiltered(pins, chosen), policy.perplexity)
    scores = fused_scores(X[chosen] @ X[rows].T, weights, spread)
    expected = rows[fuse(places, scores, fused_share=policy.fused_share, n=max_candidates)]
    found = pins.rows(names(answer.candidates))

    assert set(found.tolist()) == set(expected.tolist())
    # Scores may differ in their last bits: where two are that near, either may come first.
    score_of = dict(zip(rows.tolist(), scores.tolist(), strict=True))
    assert [score_of[row] for row in found.tolist()] == pytest.approx(
        [score_of[row] for row in expected.tolist()], rel=1e-4
    )
    for candidate, row in zip(answer.candidates, found, strict=True):
        medoid = pins.row(candidate.medoid_pin_id)
        assert candidate.score == pytest.approx(float(X[medoid] @ X[row]), abs=1e-6)
        adds = contributions(X[chosen] @ X[[row]].T, weights, spread)[:, 0]
        holders = [at for at, of_list in enumerate(lists) if row in of_list]
        assert adds[chosen.tolist().index(medoid)] == pytest.approx(max(adds[holders]), rel=1e-4)


def _unfiltered(pins: InMemoryPins, medoids: NDArray[np.int64]) -> NDArray[np.float32]:
    """float32 [q, 400]: the cosines of each medoid to the pins nearest to it, but for itself."""
    cosines, rows = pins.search(pins.embeddings[medoids], SPREAD_OVER, ef_search=SPREAD_OVER)
    return np.where(rows == medoids[:, np.newaxis], NOT_COUNTED, cosines)


def _cloud(n: int, d: int) -> InMemoryPins:
    """Directions at random, seen from one side so that cosines differ widely."""
    X = np.random.default_rng(0).normal(size=(n, d)) + 0.3
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return InMemoryPins(
        [f"pin-{i}" for i in range(n)], X.astype(np.float16), embedding_space=EmbeddingSpace("cloud", d)
    )


def _store_of_one(
    pins: InMemoryPins,
    medoids: NDArray[np.int64],
    weights: NDArray[np.float64],
    seen: NDArray[np.int64],
    policy: FusePolicy,
) -> InMemoryProfiles:
    """A user called ann, with one interest that these medoids stand for."""
    stands_for = {f"pin-{row}": (weight, 0) for row, weight in zip(medoids, weights, strict=True)}
    space = pins.embedding_space
    shares = {f"pin-{medoids[0]}": float(weights.sum())}
    return InMemoryProfiles(
        describe(space=space, parameters=Parameters(alpha=0.5, fusing=policy)),
        profiles=[make_profile("ann", shares, stands_for, space=space)],
        seen={"ann": hash_ids(pins.pin_ids(seen))},
    )


@pytest.mark.parametrize("merge_policy", list(MergePolicy))
def test_max_interests_does_not_go_with_it(serve: Serve, merge_policy: MergePolicy) -> None:
    """Nothing is sampled, so a number of interests is refused, not ignored; the message says what to do."""
    stub = serve(merge_policy=merge_policy)
    requests = [fused("ben", max_interests=3)]
    if merge_policy is MergePolicy.FUSED:
        requests.append(pb.RecommendRequest(user_id="ben", max_interests=3))
    for request in requests:
        with pytest.raises(grpc.RpcError) as refusal:
            stub.Recommend(request)
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert refusal.value.details() == (
            "max_interests: goes with MERGE_POLICY_INTERLEAVED: with MERGE_POLICY_FUSED nothing is sampled. "
            "Leave it out, or set merge_policy to MERGE_POLICY_INTERLEAVED"
        )
