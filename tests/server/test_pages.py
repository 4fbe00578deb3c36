"""Requests that belong together: pages of one sequence, and a batch of which one record is damaged."""

from dataclasses import replace

import pytest

from pinnersage.v1 import recommender_pb2 as pb
from server.settings import Fallback
from storage.errors import DamagedRecordError
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import Profile, StoredUser
from tests.server.conftest import Serve
from tests.server.world import People, describe, make_pins, make_profile

MERGE_POLICIES = (pb.MERGE_POLICY_INTERLEAVED, pb.MERGE_POLICY_FUSED)


@pytest.mark.parametrize("policy", MERGE_POLICIES)
def test_pages_of_one_sequence_are_full_and_repeat_nothing(
    serve: Serve, policy: "pb.MergePolicy.ValueType"
) -> None:
    """With the seed of the first page, and what earlier pages showed excluded."""
    n, people = 400, People(shares={"cleo": {"cat-0": 2.0, "car-0": 1.0, "cake-0": 1.0}})
    stub = serve(make_pins(n=n), people.store())
    shown: list[str] = []
    while len(shown) < 500:
        page = stub.Recommend(
            pb.RecommendRequest(
                user_id="cleo", max_candidates=50, exclude_pin_ids=shown, seed=5, merge_policy=policy
            )
        )
        assert len(page.candidates) == 50
        assert {each.medoid_pin_id for each in page.interests} == {"cat-0", "car-0", "cake-0"}
        shown += [each.pin_id for each in page.candidates]

    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("excluded", ["cat-1", "cat-twin"])
def test_a_twin_on_an_earlier_page_counts_for_both(serve: Serve, excluded: str) -> None:
    """Whichever of two near-duplicates was shown, neither comes again."""
    stub = serve(profiles=People(shares={"cleo": {"cat-0": 1.0}}).store())
    page = stub.Recommend(pb.RecommendRequest(user_id="cleo", max_candidates=3, exclude_pin_ids=[excluded]))

    assert [each.pin_id for each in page.candidates] == ["cat-2", "cat-3", "cat-4"]


class DamagedStore(InMemoryProfiles):
    """Knows ann, ben and cleo; of ben the record is damaged, of cleo the newest actions."""

    def __init__(self) -> None:
        people: list[Profile] = [make_profile(user_id, {"cat-0": 1.0}) for user_id in ("ann", "ben", "cleo")]
        super().__init__(describe(), profiles=people, popular=("car-3", "car-4"))

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        if user_id == "ben":
            raise DamagedRecordError(
                "damaged record, batch profile of user 'ben': its checksum does not match"
            )
        return replace(super().read(user_id, held), is_online_damaged=user_id == "cleo")


@pytest.mark.parametrize(("fallback", "candidates"), [(Fallback.NONE, 0), (Fallback.POPULAR, 2)])
def test_a_damaged_record_costs_its_own_user_only(serve: Serve, fallback: Fallback, candidates: int) -> None:
    """The others of the batch are answered; who is damaged is told so, with a fallback where there is one."""
    stub = serve(profiles=DamagedStore(), fallback=fallback)
    stream = stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ann", "ben", "cleo"], max_candidates=5))
    ann, ben, cleo = (result.recommendation for part in stream for result in part.results)

    assert (ann.reason, len(ann.candidates)) == (pb.ANSWER_REASON_UNSPECIFIED, 5)
    assert (ben.reason, len(ben.candidates)) == (pb.ANSWER_REASON_DAMAGED_PROFILE, candidates)
    assert (cleo.reason, len(cleo.candidates)) == (pb.ANSWER_REASON_UNSPECIFIED, 5)
    assert list(cleo.degraded) == [pb.DEGRADATION_ONLINE_IGNORED]


def test_what_is_degraded_is_said_of_a_profile_too(serve: Serve) -> None:
    """GetProfile, as Recommend, says that it knows the batch only."""
    profile = serve(profiles=DamagedStore()).GetProfile(pb.GetProfileRequest(user_id="cleo"))

    assert list(profile.degraded) == [pb.DEGRADATION_ONLINE_IGNORED]
    assert [each.medoid_pin_id for each in profile.interests] == ["cat-0"]
