"""What the fake server answers: the values given, narrowed to what a request asks for."""

from collections.abc import Iterable
from dataclasses import dataclass

from pinnersage.client._enums import AnswerReason
from pinnersage.client._health import HealthStatus
from pinnersage.client._values import Pin, Profile, Recommendation, SimilarPins
from pinnersage.client.testing import _encoding as encoding
from pinnersage.v1 import recommender_pb2 as pb

_UNKNOWN_USER = Recommendation(reason=AnswerReason.UNKNOWN_USER)

Recommending = pb.RecommendRequest | pb.RecommendForPinsRequest | pb.RecommendBatchRequest


@dataclass(slots=True, kw_only=True)
class Answers:
    """The values the server was given, by the id they are asked for by."""

    recommendations: dict[str, Recommendation]
    for_pins: Recommendation
    similar: dict[str, SimilarPins]
    profiles: dict[str, Profile]
    pins: dict[str, Pin]
    health: HealthStatus = HealthStatus.SERVING

    def recommendation(self, user_id: str, request: Recommending) -> pb.RecommendResponse:
        """What this user gets."""
        answer = encoding.recommendation(self.recommendations.get(user_id, _UNKNOWN_USER))
        _narrow(answer, request)
        return answer

    def recommendation_for_pins(self, request: pb.RecommendForPinsRequest) -> pb.RecommendForPinsResponse:
        """What any list of recent pins gets."""
        answer = encoding.recommendation_for_pins(self.for_pins)
        _narrow(answer, request)
        return answer

    def similar_pins(self, request: pb.SimilarPinsRequest) -> pb.SimilarPinsResponse | None:
        """The neighbours of the request's pin, if it is known."""
        if request.pin_id not in self.similar:
            return None
        answer = encoding.similar_pins(request.pin_id, self.similar[request.pin_id])
        kept = _kept(answer.candidates, request)
        del answer.candidates[:]
        answer.candidates.extend(kept)
        return answer

    def known_pins(self, pin_ids: Iterable[str]) -> pb.GetPinsResponse:
        """The known ones of these pins, and the unknown."""
        asked = tuple(pin_ids)
        return pb.GetPinsResponse(
            pins=(encoding.pin(self.pins[pin_id]) for pin_id in asked if pin_id in self.pins),
            unknown_pin_ids=(pin_id for pin_id in asked if pin_id not in self.pins),
        )


def _narrow(answer: pb.RecommendResponse | pb.RecommendForPinsResponse, request: Recommending) -> None:
    """Leave what `max_interests`, the exclusions, `min_score` and `max_candidates` leave."""
    left_out = answer.interests[request.max_interests :] if request.HasField("max_interests") else ()
    medoids_left_out = {interest.medoid_pin_id for interest in left_out}
    sampled = [one for one in answer.candidates if one.medoid_pin_id not in medoids_left_out]
    kept = _kept(sampled, request)
    answer.merge_policy = request.merge_policy or answer.merge_policy
    if request.HasField("variant"):
        answer.variant = request.variant
    if sampled and not kept and answer.reason == pb.ANSWER_REASON_UNSPECIFIED:
        answer.reason = pb.ANSWER_REASON_ALL_FILTERED
    del answer.interests[len(answer.interests) - len(left_out) :]
    del answer.candidates[:]
    answer.candidates.extend(kept)


def _kept(
    candidates: Iterable[pb.Candidate], request: Recommending | pb.SimilarPinsRequest
) -> list[pb.Candidate]:
    excluded = frozenset(request.exclude_pin_ids)
    kept = [one for one in candidates if one.pin_id not in excluded]
    if request.HasField("min_score"):
        # A fallback has no score: no lowest score applies to it.
        kept = [one for one in kept if not one.HasField("score") or one.score >= request.min_score]
    return kept[: request.max_candidates] if request.HasField("max_candidates") else kept
