"""Messages of the wire contract into the client's values."""

from collections.abc import Iterator
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from pinnersage.client._enums import AnswerReason, Degradation, InterestOrigin, MergePolicy
from pinnersage.client._values import (
    Candidate,
    Interest,
    Medoid,
    Pin,
    Pins,
    Profile,
    Recommendation,
    RecordedAction,
    SampledInterest,
    SimilarPin,
    SimilarPins,
    UserRecommendation,
)
from pinnersage.v1 import recommender_pb2 as pb


def recommendation(message: pb.RecommendResponse | pb.RecommendForPinsResponse) -> Recommendation:
    """The answer to Recommend or RecommendForPins."""
    return Recommendation(
        candidates=tuple(map(_candidate, message.candidates)),
        interests=tuple(map(_sampled_interest, message.interests)),
        artefact_version=message.artefact_version,
        request_id=message.request_id,
        reason=AnswerReason(message.reason),
        degraded=tuple(map(Degradation, message.degraded)),
        unknown_pins=message.unknown_pins if isinstance(message, pb.RecommendForPinsResponse) else 0,
        merge_policy=MergePolicy(message.merge_policy),
        variant=message.variant or None,
    )


def user_recommendations(message: pb.RecommendBatchResponse) -> Iterator[UserRecommendation]:
    """The users of one message of a batch."""
    for result in message.results:
        yield UserRecommendation(result.user_id, recommendation(result.recommendation))


def similar_pins(message: pb.SimilarPinsResponse) -> SimilarPins:
    """The answer to SimilarPins."""
    return SimilarPins(
        pins=tuple(SimilarPin(candidate.pin_id, candidate.score) for candidate in message.candidates),
        cache_hit=message.cache_hit,
        artefact_version=message.artefact_version,
        request_id=message.request_id,
        degraded=tuple(map(Degradation, message.degraded)),
    )


def profile(message: pb.GetProfileResponse) -> Profile:
    """The answer to GetProfile."""
    return Profile(
        user_id=message.user_id,
        interests=tuple(map(_interest, message.interests)),
        embedding_space=message.embedding_space,
        parameters_version=message.parameters_version,
        computed_at=_time(message.computed_at) if message.HasField("computed_at") else None,
        actions_until=_time(message.actions_until) if message.HasField("actions_until") else None,
        profiles_version=message.profiles_version,
        seen_pins=message.seen_pins,
        artefact_version=message.artefact_version,
        request_id=message.request_id,
        degraded=tuple(map(Degradation, message.degraded)),
    )


def pins(message: pb.GetPinsResponse) -> Pins:
    """The answer to GetPins."""
    return Pins(
        pins=tuple(map(_pin, message.pins)),
        unknown_pin_ids=tuple(message.unknown_pin_ids),
        artefact_version=message.artefact_version,
        request_id=message.request_id,
    )


def recorded_action(message: pb.RecordActionResponse, event_id: str) -> RecordedAction:
    """The answer to RecordAction."""
    return RecordedAction(
        action_time=_time(message.action_time), event_id=event_id, request_id=message.request_id
    )


def _candidate(message: pb.Candidate) -> Candidate:
    medoid_pin_id = message.medoid_pin_id
    # A fallback is near nothing: it has no score.
    score = message.score if message.HasField("score") else None
    return Candidate(message.pin_id, score, medoid_pin_id or None)


def _sampled_interest(message: pb.SampledInterest) -> SampledInterest:
    return SampledInterest(
        medoid_pin_id=message.medoid_pin_id or None,
        importance=message.importance,
        probability=message.probability,
        origin=InterestOrigin(message.origin),
        cache_hit=message.cache_hit,
        medoids=tuple(map(_medoid, message.medoids)),
    )


def _medoid(message: pb.Medoid) -> Medoid:
    return Medoid(message.pin_id, message.share)


def _interest(message: pb.Interest) -> Interest:
    return Interest(
        medoid_pin_id=message.medoid_pin_id,
        title=message.title or None,
        importance=message.importance,
        probability=message.probability,
        size=message.size,
        last_action_time=_time(message.last_action_time) if message.HasField("last_action_time") else None,
        origin=InterestOrigin(message.origin),
        in_artefact=message.in_artefact,
        medoids=tuple(map(_medoid, message.medoids)),
        blocked=message.blocked,
    )


def _pin(message: pb.Pin) -> Pin:
    return Pin(
        pin_id=message.pin_id,
        title=message.title or None,
        representative_pin_id=message.representative_pin_id or None,
        indexed=message.indexed,
        blocked=message.blocked,
    )


def _time(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)
