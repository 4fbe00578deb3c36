"""The rows of the request log: one an answer, as it was sent."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from pinnersage.v1 import recommender_pb2 as pb
from process.user_hashes import HashUser
from server.observing import AnswerMessage, Observed

_INTEREST = pa.struct(
    [
        ("medoid_pin_id", pa.string()),
        ("importance", pa.float64()),
        ("probability", pa.float64()),
        ("origin", pa.string()),
        ("cache_hit", pa.bool_()),
    ]
)
_CANDIDATE = pa.struct(
    [
        ("pin_id", pa.string()),
        ("medoid_pin_id", pa.string()),
        # A place in `interests`; null for one that is near none of them.
        ("interest", pa.int32()),
        ("score", pa.float32()),
    ]
)
_COLUMNS: dict[str, pa.DataType] = {
    "request_id": pa.string(),
    "time": pa.timestamp("us", "UTC"),
    "method": pa.string(),
    "user": pa.string(),
    "variant": pa.string(),
    "merge_policy": pa.string(),
    "reason": pa.string(),
    "degraded": pa.list_(pa.string()),
    "max_candidates": pa.uint32(),
    "max_interests": pa.uint32(),
    "artefact_version": pa.string(),
    "profiles_version": pa.string(),
    "interests": pa.list_(_INTEREST),
    "candidates": pa.list_(_CANDIDATE),
}
SCHEMA = pa.schema(_COLUMNS)


def row_of(item: Observed, shown: HashUser) -> pa.RecordBatch:
    """The row of an answer, compact: what waits to be written takes little room.

    Args:
        item: The answer.
        shown: What stands for a user's id.
    """
    return pa.RecordBatch.from_pylist([_values(item, item.answer(), shown)], schema=SCHEMA)


def _values(item: Observed, answer: AnswerMessage, shown: HashUser) -> dict[str, Any]:
    return {
        "request_id": answer.request_id,
        "time": datetime.fromtimestamp(item.time_s, UTC),
        "method": item.method,
        "user": shown(item.user_id) if item.user_id else None,
        "variant": answer.variant or None,
        "merge_policy": _word(pb.MergePolicy.Name(answer.merge_policy), "MERGE_POLICY_"),
        "reason": _word(pb.AnswerReason.Name(answer.reason), "ANSWER_REASON_"),
        "degraded": [_word(pb.Degradation.Name(each), "DEGRADATION_") for each in answer.degraded],
        "max_candidates": item.options.max_candidates,
        "max_interests": item.options.max_interests,
        "artefact_version": answer.artefact_version,
        "profiles_version": item.recommender.profiles.batch.version,
        "interests": list(map(_interest, answer.interests)),
        "candidates": list(_candidates(answer)),
    }


def _interest(interest: pb.SampledInterest) -> Mapping[str, Any]:
    return {
        "medoid_pin_id": interest.medoid_pin_id or None,
        "importance": interest.importance,
        "probability": interest.probability,
        "origin": _word(pb.InterestOrigin.Name(interest.origin), "INTEREST_ORIGIN_"),
        "cache_hit": interest.cache_hit,
    }


def _candidates(answer: AnswerMessage) -> Iterator[Mapping[str, Any]]:
    interest_of = {
        pin_id: at
        for at, interest in enumerate(answer.interests)
        for pin_id in (interest.medoid_pin_id, *(medoid.pin_id for medoid in interest.medoids))
    }
    for each in answer.candidates:
        yield {
            "pin_id": each.pin_id,
            "medoid_pin_id": each.medoid_pin_id or None,
            "interest": interest_of.get(each.medoid_pin_id),
            "score": each.score if each.HasField("score") else None,
        }


def _word(name: str, prefix: str) -> str:
    word = name.removeprefix(prefix).lower()
    return "ordinary" if prefix == "ANSWER_REASON_" and word == "unspecified" else word
