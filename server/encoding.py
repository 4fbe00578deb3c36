"""From rows to wire bytes: candidates are serialised once, answers are joined from pieces.

Concatenated protobuf messages merge by specification, so an answer is the pieces of its candidates followed
by one small serialised head. The tests parse every such answer with the ordinary stubs and compare it with
the message built the slow way.
"""

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from server.candidate_lists import CandidateList
from server.elements import Elements, elements_of
from storage.compiled import compiled
from storage.pins.texts import EncodedIds

_encoding = compiled("server._encoding")

MedoidFields = tuple[bytes, bytes]
"""A medoid's pin id as `Candidate.medoid_pin_id` and as `SampledInterest.medoid_pin_id`, serialised."""

# Field numbers and wire types of recommender.proto; a test compares with the generated descriptors.
CANDIDATES_TAG = b"\x0a"  # RecommendResponse.candidates = 1, length-delimited; the same in every answer
INTERESTS_TAG = b"\x12"  # RecommendResponse.interests = 2, length-delimited; the same for RecommendForPins
REQUEST_ID_TAG = b"\x22"  # RecommendResponse.request_id = 4, length-delimited; the same in every answer
PIN_ID_TAG = b"\x0a"  # Candidate.pin_id = 1, length-delimited
SCORE_TAG = b"\x15"  # Candidate.score = 2, 32 bits
MEDOID_TAG = b"\x1a"  # Candidate.medoid_pin_id = 3, length-delimited
INTEREST_MEDOID_TAG = b"\x0a"  # SampledInterest.medoid_pin_id = 1, length-delimited
IMPORTANCE_TAG = b"\x11"  # SampledInterest.importance = 2, 64 bits
PROBABILITY_TAG = b"\x19"  # SampledInterest.probability = 3, 64 bits
ORIGIN_TAG = b"\x20"  # SampledInterest.origin = 4, a varint
CACHE_HIT_TAG = b"\x28"  # SampledInterest.cache_hit = 5, a varint
MEDOIDS_TAG = b"\x32"  # SampledInterest.medoids = 6, length-delimited
MEDOID_PIN_ID_TAG = b"\x0a"  # Medoid.pin_id = 1, length-delimited
SHARE_TAG = b"\x11"  # Medoid.share = 2, 64 bits
USER_ID_TAG = b"\x0a"  # UserRecommendation.user_id = 1, length-delimited
RECOMMENDATION_TAG = b"\x12"  # UserRecommendation.recommendation = 2, length-delimited
RESULTS_TAG = b"\x0a"  # RecommendBatchResponse.results = 1, length-delimited

Result = tuple[tuple[bytes, ...], int]
"""One of a batch: its pieces, to be joined, and how many bytes they have."""

_CANDIDATE_TAGS = CANDIDATES_TAG + PIN_ID_TAG + SCORE_TAG
_pack_interest = struct.Struct("<cdcdcBc?").pack
_pack_share = struct.Struct("<cd").pack


# Lengths of answers and of what is in them are much the same, over and over.
@lru_cache(maxsize=4_096)
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


def medoid_fields(pin_id: str) -> MedoidFields:
    """A medoid as its candidates and its interest name it; none of both if the id is empty."""
    encoded = pin_id.encode()
    return (
        (delimited(MEDOID_TAG, encoded), delimited(INTEREST_MEDOID_TAG, encoded)) if encoded else (b"", b"")
    )


def encode_lists(
    rows: NDArray[np.int64],
    pin_ids: EncodedIds,
    scores: NDArray[np.float32],
    medoids: Sequence[MedoidFields],
    *,
    wanted: int,
    spreads: Sequence[tuple[float, float] | None] | None = None,
    lowered: bool = False,
) -> list[CandidateList]:
    """Serialise the candidates of some medoids.

    Args:
        rows: int64 [q, k], rows of the artefact, of each medoid.
        pin_ids: The ids of the rows, one medoid's after the other's, as UTF-8.
        scores: float32 [q, k], descending.
        medoids: The medoids they were found near.
        wanted: How many were asked of the index.
        spreads: Each medoid's T and log Z, for the fused merge.
        lowered: They were searched for under pressure.
    """
    of_candidates = tuple([each for each, _ in medoids])
    if _encoding is None:
        parts = _parts(rows, pin_ids, scores, of_candidates)
    else:
        parts = _encoding.parts_of_lists(rows, pin_ids, scores, of_candidates, _CANDIDATE_TAGS)
    return [
        CandidateList(
            rows=of_list,
            scores=its_scores,
            elements=elements,
            wanted=wanted,
            medoid=medoids[at][1],
            spread=None if spreads is None else spreads[at],
            lowered=lowered,
        )
        for at, (of_list, its_scores, elements) in enumerate(parts)
    ]


def encode_list(
    rows: NDArray[np.integer],
    pin_ids: EncodedIds,
    scores: NDArray[np.float32] | None,
    *,
    medoid_pin_id: str,
    wanted: int,
    spread: tuple[float, float] | None = None,
    lowered: bool = False,
) -> CandidateList:
    """Serialise one medoid's candidates.

    Args:
        rows: Integers [k], rows of the artefact.
        pin_ids: The ids of the rows, as UTF-8.
        scores: float32 [k], descending; None for a fallback, whose candidates carry no score.
        medoid_pin_id: The medoid they were found near; empty for a fallback.
        wanted: How many were asked of the index.
        spread: The medoid's T and log Z, for the fused merge.
        lowered: They were searched for under pressure.
    """
    if scores is None:
        return _fallback(rows, pin_ids, wanted)
    (encoded,) = encode_lists(
        np.ascontiguousarray(rows[np.newaxis], np.int64),
        pin_ids,
        np.ascontiguousarray(scores[np.newaxis], np.float32),
        [medoid_fields(medoid_pin_id)],
        wanted=wanted,
        spreads=[spread],
        lowered=lowered,
    )
    return encoded


def _fallback(rows: NDArray[np.integer], pin_ids: EncodedIds, wanted: int) -> CandidateList:
    each = pin_ids if isinstance(pin_ids, list) else pin_ids.tolist()
    bare = [delimited(CANDIDATES_TAG, delimited(PIN_ID_TAG, pin_id)) for pin_id in each]
    scores = np.ones(len(rows), np.float32)
    return CandidateList(rows=rows.astype(np.int32), scores=scores, elements=elements_of(bare), wanted=wanted)


def _parts(
    rows: NDArray[np.int64], pin_ids: EncodedIds, scores: NDArray[np.float32], medoids: Sequence[bytes]
) -> list[tuple[NDArray[np.int32], NDArray[np.float32], Elements]]:
    """Rows, scores and elements of each list.

    Copies: views would keep the arrays of a whole search alive, for as long as one list of it is.
    """
    k = rows.shape[1]
    return [
        (
            rows[at].astype(np.int32),
            scores[at].copy(),
            _elements(pin_ids[at * k : (at + 1) * k], scores[at], medoid),
        )
        for at, medoid in enumerate(medoids)
    ]


def _elements(pin_ids: EncodedIds, scores: NDArray[np.float32], medoid: bytes) -> Elements:
    if not isinstance(pin_ids, list):
        return _elements_of_one_length(pin_ids, scores, medoid)
    lengths = list(map(len, pin_ids))
    if len(set(lengths)) == 1:
        side_by_side = np.frombuffer(b"".join(pin_ids), f"V{lengths[0]}")
        return _elements_of_one_length(side_by_side, scores, medoid)
    return _elements_of_some_lengths(pin_ids, np.array(lengths), scores, medoid)


def _elements_of_some_lengths(
    pin_ids: Sequence[bytes], lengths: NDArray[np.int64], scores: NDArray[np.float32], medoid: bytes
) -> Elements:
    elements = np.empty(len(pin_ids), object)
    for length in set(lengths.tolist()):
        at = np.flatnonzero(lengths == length)
        ids = np.frombuffer(b"".join([pin_ids[each] for each in at.tolist()]), f"V{length}")
        elements[at] = _elements_of_one_length(ids, scores[at], medoid).tolist()
    return elements


def _elements_of_one_length(
    pin_ids: NDArray[np.void], scores: NDArray[np.float32], medoid: bytes
) -> NDArray[np.void]:
    """Column by column, all at once: a tenth of the time."""
    n, length = len(pin_ids), pin_ids.dtype.itemsize
    before = delimited(PIN_ID_TAG, bytes(length))[:-length]
    first = delimited(CANDIDATES_TAG, before + bytes(length) + SCORE_TAG + bytes(4) + medoid)
    id_end = len(first) - len(medoid) - 5
    block = np.empty((n, len(first)), np.uint8)
    block[:] = np.frombuffer(first, np.uint8)
    block[:, id_end - length : id_end] = pin_ids.view(np.uint8).reshape(n, length)
    block[:, id_end + 1 : id_end + 5] = scores.astype("<f4").view(np.uint8).reshape(n, 4)
    return block.view(f"V{len(first)}").ravel()


def encode_medoid_pin_id(pin_id: str) -> bytes:
    """The field `medoid_pin_id` of an interest, and `pin_id` of a medoid; none if it is empty."""
    return delimited(INTEREST_MEDOID_TAG, pin_id.encode()) if pin_id else b""


def encode_interest(
    medoid: bytes,
    importance: float,
    probability: float,
    origin: int,
    *,
    cache_hit: bool,
    medoids: bytes = b"",
) -> bytes:
    """One element of `interests`.

    Args:
        medoid: The field `medoid_pin_id`, serialised.
        importance: Now.
        probability: Its share in the user's importance.
        origin: Where it comes from, a value of pb.InterestOrigin.
        cache_hit: Its list was in the cache.
        medoids: The elements of `medoids`, serialised.
    """
    fields = _pack_interest(
        IMPORTANCE_TAG, importance, PROBABILITY_TAG, probability, ORIGIN_TAG, origin, CACHE_HIT_TAG, cache_hit
    )
    n = len(medoid) + len(fields) + len(medoids)
    # As `delimited` does, which would copy once more.
    return INTERESTS_TAG + varint(n) + medoid + fields + medoids


def encode_medoid(pin_id: bytes, share: float) -> bytes:
    """One element of `SampledInterest.medoids`; its field `pin_id` comes serialised."""
    return delimited(MEDOIDS_TAG, pin_id + _pack_share(SHARE_TAG, share))


def encode_request_id(request_id: str) -> bytes:
    """The field `request_id` of an answer."""
    return delimited(REQUEST_ID_TAG, request_id.encode())


def result_of_user(user_id: str, answer: Sequence[bytes]) -> Result:
    """One element of RecommendBatchResponse.results; the answer comes in pieces, too."""
    n_bytes = sum(map(len, answer))
    before = delimited(USER_ID_TAG, user_id.encode()) + RECOMMENDATION_TAG + varint(n_bytes)
    head = RESULTS_TAG + varint(len(before) + n_bytes) + before
    return (head, *answer), len(head) + n_bytes


def batch_messages(results: Iterable[Result], max_bytes: int) -> Iterable[bytes]:
    """Join the pieces of results into messages of at most `max_bytes` (a single larger result travels alone).

    Each piece is copied once: an answer is many times as long as all that is put around it.
    """
    message: list[bytes] = []
    size = 0
    for pieces, n_bytes in results:
        if message and size + n_bytes > max_bytes:
            yield b"".join(message)
            message, size = [], 0
        message += pieces
        size += n_bytes
    if message:
        yield b"".join(message)
