"""The client's values into messages of the wire contract: what `_decoding` undoes."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from pinnersage.client._health import HealthStatus
from pinnersage.client._values import (
    Candidate,
    Interest,
    Medoid,
    Pin,
    Profile,
    Recommendation,
    SampledInterest,
    SimilarPin,
    SimilarPins,
)
from pinnersage.v1 import recommender_pb2 as pb


def recommendation(value: Recommendation) -> pb.RecommendResponse:
    """The answer to Recommend."""
    return pb.RecommendResponse(
        candidates=map(_candidate, value.candidates),
        interests=map(_sampled_interest, value.interests),
        artefact_version=value.artefact_version,
        request_id=value.request_id,
        reason=pb.AnswerReason.ValueType(value.reason.value),
        degraded=(pb.Degradation.ValueType(item.value) for item in value.degraded),
        merge_policy=pb.MergePolicy.ValueType(value.merge_policy.value),
        variant=value.variant or "",
    )


def recommendation_for_pins(value: Recommendation) -> pb.RecommendForPinsResponse:
    """The answer to RecommendForPins: the same first fields under the same numbers, and others."""
    answer = recommendation(value)
    merge_policy, variant = answer.merge_policy, answer.variant
    answer.ClearField("merge_policy")
    answer.ClearField("variant")
    message = pb.RecommendForPinsResponse.FromString(answer.SerializeToString())
    message.unknown_pins, message.merge_policy, message.variant = value.unknown_pins, merge_policy, variant
    return message


def similar_pins(pin_id: str, value: SimilarPins) -> pb.SimilarPinsResponse:
    """The answer to SimilarPins."""
    return pb.SimilarPinsResponse(
        candidates=(_neighbour(pin_id, pin) for pin in value.pins),
        cache_hit=value.cache_hit,
        artefact_version=value.artefact_version,
        request_id=value.request_id,
        degraded=(pb.Degradation.ValueType(item.value) for item in value.degraded),
    )


def profile(value: Profile) -> pb.GetProfileResponse:
    """The answer to GetProfile."""
    return pb.GetProfileResponse(
        user_id=value.user_id,
        interests=map(_interest, value.interests),
        embedding_space=value.embedding_space,
        parameters_version=value.parameters_version,
        computed_at=_timestamp(value.computed_at),
        actions_until=_timestamp(value.actions_until),
        profiles_version=value.profiles_version,
        seen_pins=value.seen_pins,
        artefact_version=value.artefact_version,
        request_id=value.request_id,
        degraded=(pb.Degradation.ValueType(item.value) for item in value.degraded),
    )


def pin(value: Pin) -> pb.Pin:
    """One pin of the answer to GetPins."""
    return pb.Pin(
        pin_id=value.pin_id,
        title=value.title or "",
        representative_pin_id=value.representative_pin_id or "",
        indexed=value.indexed,
        blocked=value.blocked,
    )


def health(status: HealthStatus) -> bytes:
    """The answer to a health check: field 1, a varint."""
    return bytes((0x08, status.value))


def _candidate(value: Candidate) -> pb.Candidate:
    return pb.Candidate(pin_id=value.pin_id, score=value.score, medoid_pin_id=value.medoid_pin_id or "")


def _neighbour(pin_id: str, value: SimilarPin) -> pb.Candidate:
    return pb.Candidate(pin_id=value.pin_id, score=value.score, medoid_pin_id=pin_id)


def _sampled_interest(value: SampledInterest) -> pb.SampledInterest:
    return pb.SampledInterest(
        medoid_pin_id=value.medoid_pin_id or "",
        importance=value.importance,
        probability=value.probability,
        origin=pb.InterestOrigin.ValueType(value.origin.value),
        cache_hit=value.cache_hit,
        medoids=map(_medoid, value.medoids),
    )


def _medoid(value: Medoid) -> pb.Medoid:
    return pb.Medoid(pin_id=value.pin_id, share=value.share)


def _interest(value: Interest) -> pb.Interest:
    return pb.Interest(
        medoid_pin_id=value.medoid_pin_id,
        title=value.title or "",
        importance=value.importance,
        probability=value.probability,
        size=value.size,
        last_action_time=_timestamp(value.last_action_time),
        origin=pb.InterestOrigin.ValueType(value.origin.value),
        in_artefact=value.in_artefact,
        medoids=map(_medoid, value.medoids),
        blocked=value.blocked,
    )


def _timestamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp
