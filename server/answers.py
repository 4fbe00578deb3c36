"""The encode stage: answers as bytes, joined from candidates that were serialised when they were fetched."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from model.interests import Interests, Representatives
from model.sampling import probabilities
from pinnersage.v1 import recommender_pb2 as pb
from server.fusing import medoids_by_interest
from server.profiles import UserProfile
from server.recommending import Recommendation
from server.takedown import BlockedRows
from server.validation import Options
from storage.pins.port import NO_ROW, PinView
from storage.profiles.store import BatchDescription


def recommendation_pieces(
    recommendation: Recommendation, options: Options, version: str, request_id: bytes
) -> tuple[bytes, ...]:
    """The bytes of a RecommendResponse, to be joined.

    Candidates, interests and the request id come serialised: their fields have one number in every answer
    that has them.
    """
    constant = _constant_fields(
        version, recommendation.reason, recommendation.degraded, options.merge_policy, options.variant
    )
    return (
        recommendation.selection.elements(recommendation.lists),
        recommendation.interests,
        constant,
        request_id,
    )


def encode_recommendation_for_pins(
    recommendation: Recommendation, unknown_pins: int, *, options: Options, version: str, request_id: str
) -> bytes:
    """The bytes of a RecommendForPinsResponse."""
    head = pb.RecommendForPinsResponse(
        artefact_version=version,
        request_id=request_id,
        reason=recommendation.reason,
        degraded=recommendation.degraded,
        unknown_pins=unknown_pins,
        merge_policy=options.merge_policy,
        variant=options.variant,
    )
    candidates = recommendation.selection.elements(recommendation.lists)
    return b"".join((candidates, recommendation.interests, head.SerializeToString()))


def encode_similar(
    recommendation: Recommendation, cache_hit: bool, *, version: str, request_id: str
) -> bytes:
    """The bytes of a SimilarPinsResponse."""
    head = pb.SimilarPinsResponse(
        cache_hit=cache_hit,
        artefact_version=version,
        request_id=request_id,
        degraded=recommendation.degraded,
    )
    return recommendation.selection.elements(recommendation.lists) + head.SerializeToString()


@lru_cache(maxsize=1_024)
def _constant_fields(
    version: str,
    reason: "pb.AnswerReason.ValueType",
    degraded: tuple["pb.Degradation.ValueType", ...],
    merge_policy: "pb.MergePolicy.ValueType",
    variant: str,
) -> bytes:
    """What one answer has in common with many others, serialised once."""
    return pb.RecommendResponse(
        artefact_version=version,
        reason=reason,
        degraded=degraded,
        merge_policy=merge_policy,
        variant=variant,
    ).SerializeToString()


def profile_message(
    user_id: str,
    profile: UserProfile,
    representatives: Representatives,
    *,
    batch: BatchDescription,
    pins: PinView,
    request_id: str,
) -> pb.GetProfileResponse:
    """Everything stored about a user, as they are now: usable interests first, skipped ones after them."""
    return pb.GetProfileResponse(
        user_id=user_id,
        interests=[*_usable_interests(profile, representatives, pins), *_skipped_interests(profile, pins)],
        embedding_space=batch.embedding_space.name,
        parameters_version=batch.parameters_version,
        computed_at=_timestamp(batch.computed_at_s) if _is_of_batch(profile) else None,
        actions_until=_timestamp(batch.actions_until_s),
        profiles_version=batch.version,
        seen_pins=len(profile.seen),
        artefact_version=pins.version,
        request_id=request_id,
        degraded=profile.degraded,
    )


def _is_of_batch(profile: UserProfile) -> bool:
    """Whether the batch knows of the user: all that is skipped is the batch's."""
    return len(profile.skipped) > 0 or any(each != pb.INTEREST_ORIGIN_ONLINE for each in profile.origins)


def pins_message(
    pin_ids: list[str], *, pins: PinView, blocked: BlockedRows, request_id: str
) -> pb.GetPinsResponse:
    """What the artefact knows of some pins."""
    rows = pins.rows(pin_ids)
    known = rows != NO_ROW
    return pb.GetPinsResponse(
        pins=_described_pins(rows[known], pins, blocked),
        unknown_pin_ids=[pin_ids[at] for at in np.flatnonzero(~known).tolist()],
        artefact_version=pins.version,
        request_id=request_id,
    )


def _usable_interests(
    profile: UserProfile, representatives: Representatives, pins: PinView
) -> Iterator[pb.Interest]:
    titles, shares = pins.titles(profile.rows), probabilities(profile.interests.importances)
    medoids = medoids_by_interest(representatives)
    for at, message in enumerate(_interests(profile.interests)):
        message.title = titles[at]
        message.probability = shares[at]
        message.origin = profile.origins[at]
        message.in_artefact = True
        message.medoids.extend(medoids.get(at, ()))
        yield message


def _skipped_interests(profile: UserProfile, pins: PinView) -> Iterator[pb.Interest]:
    rows = pins.rows(profile.skipped.medoid_pin_ids)
    blocked = profile.blocked.among(rows)
    for at, message in enumerate(_interests(profile.skipped)):
        message.origin = pb.INTEREST_ORIGIN_BATCH
        message.in_artefact = bool(rows[at] != NO_ROW)
        message.blocked = bool(blocked[at])
        yield message


def _interests(interests: Interests) -> Iterator[pb.Interest]:
    for at, medoid_pin_id in enumerate(interests.medoid_pin_ids):
        yield pb.Interest(
            medoid_pin_id=medoid_pin_id,
            importance=interests.importances[at],
            size=int(interests.sizes[at]),
            last_action_time=_timestamp(int(interests.last_action_times_s[at])),
        )


def _described_pins(rows: NDArray[np.int64], pins: PinView, blocked: BlockedRows) -> list[pb.Pin]:
    """Of a blocked pin nothing is told but that it is one."""
    representatives = pins.representatives[rows]
    groups = np.unique(representatives[representatives != NO_ROW])
    names = dict(zip(groups.tolist(), pins.pin_ids(groups), strict=True))
    return [
        pb.Pin(pin_id=pin_id, blocked=True)
        if is_blocked
        else pb.Pin(
            pin_id=pin_id,
            title=title,
            representative_pin_id=names.get(representative, ""),
            indexed=row == representative,
        )
        for row, pin_id, title, representative, is_blocked in zip(
            rows.tolist(),
            pins.pin_ids(rows),
            pins.titles(rows),
            representatives.tolist(),
            blocked.among(rows).tolist(),
            strict=True,
        )
    ]


def _timestamp(unix_s: int) -> Timestamp:
    return Timestamp(seconds=unix_s)
