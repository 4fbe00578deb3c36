"""Which variant a user gets, and what its parameters do to answers."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from model.interests import no_interests
from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.budgets import budgets_of
from server.interest_records import records_of
from server.profiles import UserProfile
from server.recency import under_decay
from server.takedown import NO_ROWS_BLOCKED
from server.variants import NO_VARIANT, Budget, Variant, Variants
from tests.server.world import CUT_S, DAY_S, People, make_interests

HALVES = (Variant(name="left", share=0.5), Variant(name="right", share=0.5))
FILE = """
salt = "autumn"

[variants.one]
share = 1.0
max_interests = 1

[variants.near]
min_score = 0.999

[variants.weighted]
max_interests = 2
budget = "by_importance"

[variants.together]
merge_policy = "fused"

[variants.fresh]
max_interests = 2
lambda_per_day = 2.0
"""


def test_users_are_divided_by_the_shares() -> None:
    """Of many users each variant gets its share, and who is left over gets none."""
    variants = Variants([Variant(name="a", share=0.2), Variant(name="b", share=0.5)], salt="x")
    names = Counter(variants.of_user(f"user-{n}").name for n in range(20_000))

    # Five standard deviations of a binomial share.
    for name, share in (("a", 0.2), ("b", 0.5), ("", 0.3)):
        assert abs(names[name] / 20_000 - share) < 5 * (share * (1 - share) / 20_000) ** 0.5


def test_a_user_stays_where_they_are() -> None:
    """The same salt and shares give the same variant in every process: these were computed in another one."""
    variants = Variants(HALVES, salt="autumn")

    names = [variants.of_user(f"user-{n}").name for n in range(6)]
    assert names == ["left", "left", "left", "right", "right", "right"]


def test_another_salt_shuffles_anew() -> None:
    """Two tests with different salts share no groups: each half of one is halved by the other."""
    spring, autumn = Variants(HALVES, salt="spring"), Variants(HALVES, salt="autumn")
    both = Counter((spring.of_user(f"u{n}").name, autumn.of_user(f"u{n}").name) for n in range(20_000))

    assert len(both) == 4
    assert all(abs(count / 20_000 - 0.25) < 0.02 for count in both.values())


def test_growing_a_share_moves_nobody_else() -> None:
    """A variant that takes from those left over keeps everybody who had it."""
    small, large = (Variants([Variant(name="new", share=share)]) for share in (0.1, 0.4))
    users = [f"user-{n}" for n in range(1_000)]

    assert all(large.of_user(user).name == "new" for user in users if small.of_user(user).name == "new")


def test_without_variants_everybody_has_none() -> None:
    """A server without a file of variants picks none."""
    assert Variants().of_user("ann") is NO_VARIANT


@pytest.mark.parametrize(
    ("importances", "n", "budgets"),
    [([3.0, 1.0], 400, (300, 100)), ([1.0, 1.0, 1.0], 400, (134, 134, 134)), ([1.0, 1e-12], 10, (10, 1))],
)
def test_budgets_by_importance(importances: list[float], n: int, budgets: tuple[int, ...]) -> None:
    """In proportion, rounded up, and one at least."""
    some = [pb.INTEREST_ORIGIN_BATCH] * len(importances)
    records = records_of(np.arange(len(importances)), np.array(importances), some)
    assert budgets_of(Budget.BY_IMPORTANCE, n, records) == budgets


def profile(shares: dict[str, float], ages_days: dict[str, float]) -> UserProfile:
    interests = make_interests(shares)
    times_s = [CUT_S - int(ages_days[pin_id] * DAY_S) for pin_id in interests.medoid_pin_ids]
    return UserProfile(
        interests=replace(interests, last_action_times_s=np.array(times_s)),
        rows=np.arange(len(interests)),
        origins=(pb.INTEREST_ORIGIN_BATCH, pb.INTEREST_ORIGIN_ONLINE),
        skipped=no_interests(CUT_S),
        seen=np.empty(0, np.int64),
        blocked=NO_ROWS_BLOCKED,
    )


def test_another_decay_weighs_interests_of_one_day_exactly() -> None:
    """With lambda 0.1 in place of 0.01, an interest of 10 days ago has w e^-1 in place of w e^-0.1."""
    user = profile({"old": 4.0 * np.exp(-0.1), "new": 2.0}, {"old": 10, "new": 0})
    fresh = under_decay(user, 0.1, in_place_of=0.01)

    assert fresh.interests.medoid_pin_ids == ("new", "old")
    assert fresh.interests.importances.tolist() == pytest.approx([2.0, 4.0 * np.exp(-1)])
    assert fresh.rows.tolist() == [1, 0]
    assert fresh.origins == (pb.INTEREST_ORIGIN_ONLINE, pb.INTEREST_ORIGIN_BATCH)
    representatives = fresh.interests.representatives
    assert representatives.pin_ids == ("new", "old")
    assert representatives.interests.tolist() == [0, 1]


def test_the_same_decay_changes_nothing() -> None:
    """The model's own lambda gives the model's own importances."""
    user = profile({"old": 3.0, "new": 1.0}, {"old": 50, "new": 1})
    same = under_decay(user, 0.01, in_place_of=0.01)

    assert same.interests.medoid_pin_ids == user.interests.medoid_pin_ids
    assert same.interests.importances.tolist() == user.interests.importances.tolist()


@pytest.fixture
def stub(serve: Callable[..., RecommenderStub], tmp_path: Path) -> RecommenderStub:
    """A server with the file above; ann likes cats thrice as much as cars."""
    path = tmp_path / "variants.toml"
    path.write_text(FILE)
    people = People(shares={"ann": {"cat-0": 3.0, "car-0": 1.0}})
    return serve(profiles=people.store(), variants=path)


def sources(answer: pb.RecommendResponse) -> dict[str, int]:
    return dict(Counter(each.medoid_pin_id for each in answer.candidates))


def test_the_hash_picks_and_the_answer_says_so(stub: RecommenderStub) -> None:
    """A user's own variant sets what the request leaves out."""
    answer = stub.Recommend(pb.RecommendRequest(user_id="ann"))

    assert answer.variant == "one"
    assert len(answer.interests) == 1


def test_what_a_request_says_goes_first(stub: RecommenderStub) -> None:
    """A number of interests in the request is the one used; the variant sets the rest."""
    answer = stub.Recommend(pb.RecommendRequest(user_id="ann", max_interests=2))

    assert answer.variant == "one"
    assert len(answer.interests) == 2


def test_a_request_may_name_a_variant(stub: RecommenderStub) -> None:
    """Any of them, also one without a share, and the empty one for none."""

    def ask(variant: str, **options: Any) -> pb.RecommendResponse:
        return stub.Recommend(pb.RecommendRequest(user_id="ann", variant=variant, **options))

    assert ask("").variant == ""
    assert len(ask("").interests) == 2
    assert min(each.score for each in ask("near").candidates) >= np.float32(0.999)
    assert sources(ask("weighted", max_candidates=40)) == {"cat-0": 30, "car-0": 10}
    assert ask("together").merge_policy == pb.MERGE_POLICY_FUSED


def test_pins_have_no_user_and_so_no_variant_unless_named(stub: RecommenderStub) -> None:
    """RecommendForPins answers without one, or with the one named."""
    pins = [pb.RecentPin(pin_id=pin_id) for pin_id in ("cat-0", "car-0")]

    assert stub.RecommendForPins(pb.RecommendForPinsRequest(pins=pins)).variant == ""
    named = stub.RecommendForPins(pb.RecommendForPinsRequest(pins=pins, variant="one"))
    assert (named.variant, len(named.interests)) == ("one", 1)


def test_each_user_of_a_batch_has_their_own(serve: Callable[..., RecommenderStub], tmp_path: Path) -> None:
    """A batch is answered as the users would be one by one."""
    path = tmp_path / "variants.toml"
    path.write_text("[variants.a]\nshare = 0.5\nmax_interests = 1\n[variants.b]\nshare = 0.5\n")
    users = [f"user-{n}" for n in range(12)]
    people = People(shares={user: {"cat-0": 3.0, "car-0": 1.0} for user in users})
    stub = serve(profiles=people.store(), variants=path)

    alone = [stub.Recommend(pb.RecommendRequest(user_id=user, seed=1)) for user in users]
    messages = stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=users, seed=1))
    together = [each.recommendation for message in messages for each in message.results]

    assert {answer.variant for answer in alone} == {"a", "b"}
    for one, other in zip(alone, together, strict=True):
        assert (one.variant, len(one.interests)) == (other.variant, len(other.interests))
        assert one.candidates == other.candidates


def test_an_unknown_variant_is_refused_with_those_there_are(stub: RecommenderStub) -> None:
    """A slip in a name is told, so that nobody measures what nobody got."""
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Recommend(pb.RecommendRequest(user_id="ann", variant="won"))

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.value.details() == (
        "variant: is 'won'; known are one, near, weighted, together, fresh (leave it out for the default)"
    )


def test_without_a_file_any_variant_is_unknown(serve: Callable[..., RecommenderStub]) -> None:
    """A server without variants says so."""
    with pytest.raises(grpc.RpcError, match="variant: is 'one'; this server has none"):
        serve().Recommend(pb.RecommendRequest(user_id="ann", variant="one"))
