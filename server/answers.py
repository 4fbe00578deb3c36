"""The encode stage: answers as bytes, joined from candidates that were serialised when they were fetched."""

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from model.sampling import probabilities
from pinnersage.v1 import recommender_pb2 as pb
from server.encoding import candidate_pieces, join_answer
from server.profiles import UserProfile
from server.recommending import Recommendation
from storage.pins.port import NO_ROW, Pins
from storage.profiles.store import BatchDescription


def encode_recommendation(recommendation: Recommendation, *, version: str, request_id: str) -> bytes:
    """The bytes of a RecommendResponse."""
    head = pb.RecommendResponse(
        interests=recommendation.interests,
        artefact_version=version,
        request_id=request_id,
        reason=recommendation.reason,
    )
    return join_answer(candidate_pieces(recommendation.lists, recommendation.selection), head)


def encode_recommendation_for_pins(
    recommendation: Recommendation, unknown_pins: int, *, version: str, request_id: str
) -> bytes:
    """The bytes of a RecommendForPinsResponse."""
    head = pb.RecommendForPinsResponse(
        interests=recommendation.interests,
        artefact_version=version,
        request_id=request_id,
        reason=recommendation.reason,
        unknown_pins=unknown_pins,
    )
    return join_answer(candidate_pieces(recommendation.lists, recommendation.selection), head)


def encode_similar(
    recommendation: Recommendation, cache_hit: bool, *, version: str, request_id: str
) -> bytes:
    """The bytes of a SimilarPinsResponse."""
    head = pb.SimilarPinsResponse(cache_hit=cache_hit, artefact_version=version, request_id=request_id)
    return join_answer(candidate_pieces(recommendation.lists, recommendation.selection), head)


def profile_message(
    user_id: str,
    profile: UserProfile,
    *,
    batch: BatchDescription,
    pins: Pins,
    request_id: str,
) -> pb.GetProfileResponse:
    """Everything stored about a user, as they are now: usable interests first, skipped ones after them."""
    usable, skipped = profile.interests, profile.skipped
    titles = pins.titles(profile.rows)
    shares = probabilities(usable.importances) if len(usable) else usable.importances
    return pb.GetProfileResponse(
        user_id=user_id,
        interests=[
            *(
                pb.Interest(
                    medoid_pin_id=usable.medoid_pin_ids[at],
                    title=titles[at],
                    importance=usable.importances[at],
                    probability=shares[at],
                    size=int(usable.sizes[at]),
                    last_action_time=_timestamp(int(usable.last_action_times_s[at])),
                    origin=profile.origins[at],
                    in_artefact=True,
                )
                for at in range(len(usable))
            ),
            *(
                pb.Interest(
                    medoid_pin_id=skipped.medoid_pin_ids[at],
                    importance=skipped.importances[at],
                    size=int(skipped.sizes[at]),
                    last_action_time=_timestamp(int(skipped.last_action_times_s[at])),
                    origin=pb.INTEREST_ORIGIN_BATCH,
                )
                for at in range(len(skipped))
            ),
        ],
        embedding_space=batch.embedding_space.name,
        parameters_version=batch.parameters_version,
        computed_at=_timestamp(batch.computed_at_s),
        actions_until=_timestamp(batch.actions_until_s),
        profiles_version=batch.version,
        seen_pins=len(profile.seen),
        artefact_version=pins.version,
        request_id=request_id,
    )


def pins_message(pin_ids: list[str], *, pins: Pins, request_id: str) -> pb.GetPinsResponse:
    """What the artefact knows of some pins."""
    rows = pins.rows(pin_ids)
    known = rows != NO_ROW
    held = rows[known]
    representatives = pins.representatives[held].astype(np.int64)
    has_representative = representatives != NO_ROW
    names = dict(
        zip(
            representatives[has_representative].tolist(),
            pins.pin_ids(representatives[has_representative]),
            strict=True,
        )
    )
    return pb.GetPinsResponse(
        pins=[
            pb.Pin(
                pin_id=pin_id,
                title=title,
                representative_pin_id=names.get(representative, ""),
                indexed=row < pins.n_indexed,
            )
            for row, pin_id, title, representative in zip(
                held.tolist(), pins.pin_ids(held), pins.titles(held), representatives.tolist(), strict=True
            )
        ],
        unknown_pin_ids=[
            pin_id for pin_id, is_known in zip(pin_ids, known.tolist(), strict=True) if not is_known
        ],
        artefact_version=pins.version,
        request_id=request_id,
    )


def _timestamp(unix_s: int) -> Timestamp:
    return Timestamp(seconds=unix_s)
