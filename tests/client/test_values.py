"""The values and the messages they come from."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.descriptor import EnumDescriptor
from hypothesis import given
from hypothesis import strategies as st

from pinnersage.client import (
    AnswerReason,
    Candidate,
    CandidateGroup,
    Degradation,
    Interest,
    InterestOrigin,
    Medoid,
    MergePolicy,
    Pin,
    Pins,
    Profile,
    Recommendation,
    SampledInterest,
    SimilarPin,
    SimilarPins,
)
from pinnersage.client import _decoding as decoding
from pinnersage.client.testing import _encoding as encoding
from pinnersage.v1 import recommender_pb2 as pb
from tests.client.conftest import DOGS_AND_HEARTS

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SCORES = st.floats(-1, 1, width=32)
NUMBERS = st.floats(0, 1e9)
COUNTS = st.integers(0, 2**32 - 1)
TIMES = st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
CANDIDATES = st.builds(Candidate, IDS) | st.builds(Candidate, IDS, SCORES, IDS)
MEDOIDS = st.lists(st.builds(Medoid, IDS, NUMBERS), max_size=3).map(tuple)
INTERESTS = st.builds(
    SampledInterest,
    IDS | st.none(),
    NUMBERS,
    NUMBERS,
    st.sampled_from(InterestOrigin),
    st.booleans(),
    MEDOIDS,
)
NAMES = st.text(max_size=5)
DEGRADED = st.lists(st.sampled_from(Degradation), max_size=2).map(tuple)
RECOMMENDATIONS = st.builds(
    Recommendation,
    candidates=st.lists(CANDIDATES, max_size=5).map(tuple),
    interests=st.lists(INTERESTS, max_size=3).map(tuple),
    artefact_version=NAMES,
    request_id=NAMES,
    reason=st.sampled_from(AnswerReason),
    degraded=DEGRADED,
    unknown_pins=COUNTS,
    merge_policy=st.sampled_from(MergePolicy),
    variant=IDS | st.none(),
)
PROFILES = st.builds(
    Profile,
    user_id=IDS,
    interests=st.lists(
        st.builds(
            Interest,
            medoid_pin_id=IDS,
            title=IDS | st.none(),
            importance=NUMBERS,
            probability=NUMBERS,
            size=COUNTS,
            last_action_time=TIMES,
            origin=st.sampled_from(InterestOrigin),
            in_artefact=st.booleans(),
            medoids=MEDOIDS,
            blocked=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    embedding_space=NAMES,
    parameters_version=NAMES,
    computed_at=TIMES,
    actions_until=TIMES,
    profiles_version=NAMES,
    seen_pins=COUNTS,
    artefact_version=NAMES,
    request_id=NAMES,
    degraded=DEGRADED,
)


@given(RECOMMENDATIONS)
def test_a_recommendation_survives_the_wire(value: Recommendation) -> None:
    """Values to messages and back change nothing: the fake server and the client agree on every field."""
    assert decoding.recommendation(encoding.recommendation_for_pins(value)) == value


@given(PROFILES)
def test_a_profile_survives_the_wire(value: Profile) -> None:
    """To the microsecond, and absent times stay absent."""
    assert decoding.profile(encoding.profile(value)) == value


@given(st.lists(st.builds(SimilarPin, IDS, SCORES), max_size=5), IDS, NAMES, NAMES)
def test_neighbours_survive_the_wire(
    pins: list[SimilarPin], pin_id: str, artefact_version: str, request_id: str
) -> None:
    """A neighbour always has a score."""
    value = SimilarPins(
        pins=tuple(pins),
        cache_hit=True,
        artefact_version=artefact_version,
        request_id=request_id,
        degraded=(Degradation.LOWER_EF_SEARCH,),
    )
    assert decoding.similar_pins(encoding.similar_pins(pin_id, value)) == value


@given(st.builds(Pin, IDS, IDS | st.none(), IDS | st.none(), st.booleans()))
def test_a_pin_survives_the_wire(value: Pin) -> None:
    """An empty title and an empty representative are None."""
    message = pb.GetPinsResponse(
        pins=[encoding.pin(value)], unknown_pin_ids=["?"], artefact_version="v7", request_id="r-1"
    )
    assert decoding.pins(message) == Pins(
        pins=(value,), unknown_pin_ids=("?",), artefact_version="v7", request_id="r-1"
    )


@pytest.mark.parametrize(
    ("values", "descriptor", "renamed"),
    [
        (InterestOrigin, pb.InterestOrigin.DESCRIPTOR, {}),
        (AnswerReason, pb.AnswerReason.DESCRIPTOR, {"UNSPECIFIED": "ORDINARY"}),
        (Degradation, pb.Degradation.DESCRIPTOR, {}),
    ],
)
def test_every_enum_value_of_the_contract_has_its_name(
    values: type[InterestOrigin | AnswerReason | Degradation],
    descriptor: EnumDescriptor,
    renamed: dict[str, str],
) -> None:
    """A value added to the contract fails here until the client knows it."""
    prefix = descriptor.values_by_number[0].name.removesuffix("UNSPECIFIED")
    wire = {value.number: value.name.removeprefix(prefix) for value in descriptor.values}
    ours = {value.value: value.name for value in values if value.name != "UNRECOGNISED"}
    assert ours == {number: renamed.get(name, name) for number, name in wire.items()}


def test_values_of_a_newer_server_do_not_break_an_old_client() -> None:
    """They are UNRECOGNISED; the rest of the answer stands."""
    interest = pb.SampledInterest(medoid_pin_id="a", origin=pb.InterestOrigin.ValueType(77))
    message = pb.RecommendResponse(
        interests=[interest],
        candidates=[pb.Candidate(pin_id="b", score=0.5, medoid_pin_id="a")],
        reason=pb.AnswerReason.ValueType(88),
        degraded=[pb.DEGRADATION_STALE_PROFILE, pb.Degradation.ValueType(99)],
    )
    answer = decoding.recommendation(pb.RecommendResponse.FromString(message.SerializeToString()))
    assert answer.interests[0].origin is InterestOrigin.UNRECOGNISED
    assert answer.reason is AnswerReason.UNRECOGNISED
    assert answer.degraded == (Degradation.STALE_PROFILE, Degradation.UNRECOGNISED)
    assert answer.candidates == (Candidate("b", 0.5, "a"),)


def test_only_numbers_are_values_of_a_newer_server() -> None:
    """A typing mistake in a caller's code is not swallowed."""
    with pytest.raises(ValueError, match="'batch' is not a valid InterestOrigin"):
        InterestOrigin("batch")


def test_candidates_are_grouped_by_the_pin_that_was_saved() -> None:
    """In order of importance, each group best first; nothing is lost."""
    dogs, hearts = DOGS_AND_HEARTS.by_medoid()
    assert (dogs.medoid_pin_id, hearts.medoid_pin_id) == ("🐶", "85123A")
    assert [candidate.pin_id for candidate in dogs.candidates] == ["🐩", "🐕‍🦺"]
    assert [candidate.pin_id for candidate in hearts.candidates] == ["22423", "47566"]
    assert dogs.interest is DOGS_AND_HEARTS.interests[0]


def test_an_interest_without_candidates_is_an_empty_group() -> None:
    """The caller sees that it was sampled."""
    answer = Recommendation(interests=(SampledInterest("a"),))
    assert answer.by_medoid() == (CandidateGroup("a", SampledInterest("a"), ()),)


def test_the_medoids_of_a_fused_interest_have_a_group_each() -> None:
    """Heaviest first, without those that gave nothing."""
    fused = SampledInterest("a", medoids=(Medoid("b", 0.5), Medoid("a", 0.375), Medoid("c", 0.125)))
    near_a, near_b = Candidate("x", 0.5, "a"), Candidate("y", 0.5, "b")
    answer = Recommendation(candidates=(near_a, near_b), interests=(fused,))
    assert answer.by_medoid() == (
        CandidateGroup("b", fused, (near_b,)),
        CandidateGroup("a", fused, (near_a,)),
    )


def test_fallback_candidates_come_last_in_a_group_of_their_own() -> None:
    """They were found near nothing."""
    near, popular = Candidate("a", 0.5, "m"), Candidate("b")
    answer = Recommendation(candidates=(popular, near), interests=(SampledInterest("m"),))
    assert answer.by_medoid() == (
        CandidateGroup("m", SampledInterest("m"), (near,)),
        CandidateGroup(None, None, (popular,)),
    )


@given(RECOMMENDATIONS)
def test_grouping_keeps_every_candidate_once(value: Recommendation) -> None:
    """Whatever the interests are."""
    grouped = [candidate for group in value.by_medoid() for candidate in group.candidates]
    assert sorted(grouped, key=repr) == sorted(value.candidates, key=repr)


def test_answers_are_values() -> None:
    """Hashable, equal by content, and closed to change."""
    assert hash(DOGS_AND_HEARTS) == hash(Recommendation(**vars_of(DOGS_AND_HEARTS)))
    with pytest.raises(AttributeError):
        DOGS_AND_HEARTS.request_id = "other"  # type: ignore[misc] # the point


def vars_of(value: Recommendation) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
