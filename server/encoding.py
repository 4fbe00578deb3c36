"""From rows to wire bytes: candidates are serialised once, answers are joined from pieces.

Concatenated protobuf messages merge by specification, so an answer is the pieces of its candidates followed
by one small serialised head. The tests parse every such answer with the ordinary stubs and compare it with
the message built the slow way.
"""

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from server.candidate_cache import CandidateList
from server.merging import Selection

# Field numbers and wire types of recommender.proto; a test compares with the generated descriptors.
CANDIDATES_TAG = b"\x0a"  # RecommendResponse.candidates = 1, length-delimited; the same in every answer
PIN_ID_TAG = b"\x0a"  # Candidate.pin_id = 1, length-delimited
SCORE_TAG = b"\x15"  # Candidate.score = 2, 32 bits
MEDOID_TAG = b"\x1a"  # Candidate.medoid_pin_id = 3, length-delimited
RECOMMENDATION_TAG = b"\x12"  # UserRecommendation.recommendation = 2, length-delimited
RESULTS_TAG = b"\x0a"  # RecommendBatchResponse.results = 1, length-delimited

_pack_score = struct.Struct("<f").pack


def varint(value: int) -> bytes:
    """A protobuf base-128 varint."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def delimited(tag: bytes, payload: bytes) -> bytes:
    """A length-delimited field."""
    return tag + varint(len(payload)) + payload


def encode_list(
    rows: NDArray[np.int64],
    pin_ids: Sequence[str],
    scores: NDArray[np.float32] | None,
    *,
    medoid_pin_id: str,
    wanted: int,
    spread: tuple[float, float] | None = None,
) -> CandidateList:
    """Serialise one medoid's candidates.

    Args:
        rows: int64 [k], rows of the artefact.
        pin_ids: The ids of the rows.
        scores: float32 [k], descending; None for a fallback, whose candidates carry no score.
        medoid_pin_id: The medoid they were found near; empty for a fallback.
        wanted: How many were asked of the index.
        spread: The medoid's T and log Z, for the fused merge.
    """
    medoid = delimited(MEDOID_TAG, medoid_pin_id.encode()) if medoid_pin_id else b""
    score_fields = (
        [b""] * len(rows) if scores is None else [SCORE_TAG + _pack_score(each) for each in scores.tolist()]
    )
    pieces = [
        delimited(CANDIDATES_TAG, delimited(PIN_ID_TAG, pin_id.encode()) + score + medoid)
        for pin_id, score in zip(pin_ids, score_fields, strict=True)
    ]
    offsets = np.zeros(len(pieces) + 1, np.uint32)
    np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
    return CandidateList(
        rows=rows,
        scores=np.ones(len(rows), np.float32) if scores is None else scores,
        blob=b"".join(pieces),
        offsets=offsets,
        wanted=wanted,
        spread=spread,
    )


def candidate_pieces(lists: Sequence[CandidateList], selection: Selection) -> list[bytes]:
    """The serialised candidates of a selection, in its order."""
    if not len(selection):
        return []
    blobs = [each.blob for each in lists]
    offsets = np.concatenate([each.offsets for each in lists])
    starts = np.cumsum([0, *(len(each.offsets) for each in lists)])
    at = starts[selection.lists] + selection.positions
    sources, begins, ends = selection.lists.tolist(), offsets[at].tolist(), offsets[at + 1].tolist()
    return [blobs[source][begin:end] for source, begin, end in zip(sources, begins, ends, strict=True)]


def join_answer(
    pieces: list[bytes],
    head: pb.RecommendResponse | pb.RecommendForPinsResponse | pb.SimilarPinsResponse,
) -> bytes:
    """One answer: the candidates' bytes and a head without candidates."""
    return b"".join([*pieces, head.SerializeToString()])


def encode_user_result(user_id: str, answer: bytes) -> bytes:
    """One element of RecommendBatchResponse.results."""
    user = pb.UserRecommendation(user_id=user_id).SerializeToString()
    return delimited(RESULTS_TAG, user + delimited(RECOMMENDATION_TAG, answer))


def batch_messages(results: Iterable[bytes], max_bytes: int) -> Iterable[bytes]:
    """Join results into messages of at most `max_bytes` each (a single larger result travels alone)."""
    message: list[bytes] = []
    size = 0
    for result in results:
        if message and size + len(result) > max_bytes:
            yield b"".join(message)
            message, size = [], 0
        message.append(result)
        size += len(result)
    if message:
        yield b"".join(message)
