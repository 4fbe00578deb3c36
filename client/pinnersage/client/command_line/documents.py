"""The answers as JSON documents for scripts: keys never come and go, what is missing is null."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum

from pinnersage.client._health import HealthStatus
from pinnersage.client._values import (
    Interest,
    Medoid,
    Profile,
    Recommendation,
    RecordedAction,
    SimilarPins,
)

Document = dict[str, object]
Titles = Mapping[str, str]


def recommendation(user_id: str, answer: Recommendation, titles: Titles) -> Document:
    """Candidates in the server's order, and the interests they come from."""
    return {
        "user_id": user_id,
        "reason": _word(answer.reason),
        "merge_policy": _word(answer.merge_policy),
        "variant": answer.variant,
        "degraded": [_word(degradation) for degradation in answer.degraded],
        "interests": [
            {
                "medoid_pin_id": interest.medoid_pin_id,
                "title": titles.get(interest.medoid_pin_id or ""),
                "importance": interest.importance,
                "probability": interest.probability,
                "origin": _word(interest.origin),
                "cache_hit": interest.cache_hit,
                "medoids": _medoids(interest.medoids),
            }
            for interest in answer.interests
        ],
        "candidates": [
            {
                "pin_id": candidate.pin_id,
                "title": titles.get(candidate.pin_id),
                "score": _score(candidate.score),
                "medoid_pin_id": candidate.medoid_pin_id,
            }
            for candidate in answer.candidates
        ],
        "artefact_version": answer.artefact_version,
        "request_id": answer.request_id,
    }


def similar_pins(pin_id: str, answer: SimilarPins, titles: Titles) -> Document:
    """The neighbours, nearest first."""
    return {
        "pin_id": pin_id,
        "title": titles.get(pin_id),
        "cache_hit": answer.cache_hit,
        "degraded": [_word(degradation) for degradation in answer.degraded],
        "pins": [
            {"pin_id": pin.pin_id, "title": titles.get(pin.pin_id), "score": _score(pin.score)}
            for pin in answer.pins
        ],
        "artefact_version": answer.artefact_version,
        "request_id": answer.request_id,
    }


def profile(answer: Profile) -> Document:
    """The profile, most important interest first."""
    return {
        "user_id": answer.user_id,
        "degraded": [_word(degradation) for degradation in answer.degraded],
        "interests": [_interest(interest) for interest in answer.interests],
        "seen_pins": answer.seen_pins,
        "embedding_space": answer.embedding_space,
        "parameters_version": answer.parameters_version,
        "profiles_version": answer.profiles_version,
        "computed_at": _time(answer.computed_at),
        "actions_until": _time(answer.actions_until),
        "artefact_version": answer.artefact_version,
        "request_id": answer.request_id,
    }


def recorded(user_id: str, pin_id: str, action: str, answer: RecordedAction) -> Document:
    """What the event stream keeps."""
    return {
        "user_id": user_id,
        "pin_id": pin_id,
        "action": action,
        "action_time": _time(answer.action_time),
        "event_id": answer.event_id,
        "request_id": answer.request_id,
    }


def health(server: str, answer: HealthStatus) -> Document:
    """The server's word on itself."""
    return {"server": server, "status": _word(answer)}


def _interest(interest: Interest) -> Document:
    return {
        "medoid_pin_id": interest.medoid_pin_id,
        "title": interest.title,
        "importance": interest.importance,
        "probability": interest.probability,
        "size": interest.size,
        "last_action_time": _time(interest.last_action_time),
        "origin": _word(interest.origin),
        "in_artefact": interest.in_artefact,
        "blocked": interest.blocked,
        "medoids": _medoids(interest.medoids),
    }


def _medoids(medoids: Iterable[Medoid]) -> list[Document]:
    return [{"pin_id": medoid.pin_id, "share": medoid.share} for medoid in medoids]


def _word(value: Enum) -> str:
    return value.name.lower()


def _score(score: float | None) -> float | None:
    # The wire's float32 is good to seven digits; the rest would be noise.
    return None if score is None else round(score, 7)


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
