"""The fast path's bytes are the slow path's messages."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pinnersage.v1 import recommender_pb2 as pb
from server.encoding import (
    CANDIDATES_TAG,
    MEDOID_TAG,
    PIN_ID_TAG,
    RECOMMENDATION_TAG,
    RESULTS_TAG,
    SCORE_TAG,
    USER_ID_TAG,
    batch_messages,
    encode_list,
    user_result_pieces,
    varint,
)
from server.merging import Selection

ids = st.text(min_size=1, max_size=32)
scores = st.floats(-1, 1, width=32)
lists = st.lists(
    st.tuples(ids, st.lists(st.tuples(ids, scores), min_size=1, max_size=20)), min_size=1, max_size=5
)


def slow_message(chosen: list[tuple[str, float, str]], head: pb.RecommendResponse) -> pb.RecommendResponse:
    """The answer as anybody would build it."""
    message = pb.RecommendResponse()
    message.CopyFrom(head)
    for pin_id, score, medoid in chosen:
        message.candidates.add(pin_id=pin_id, score=score, medoid_pin_id=medoid)
    return message


@given(lists, st.data())
def test_a_joined_answer_is_the_slowly_built_message(
    world: list[tuple[str, list[tuple[str, float]]]], data: st.DataObject
) -> None:
    """For any lists and any selection, parsing the joined bytes gives the message built field by field."""
    encoded = [
        encode_list(
            np.arange(len(members)),
            [pin_id.encode() for pin_id, _ in members],
            np.array([score for _, score in members], np.float32),
            medoid_pin_id=medoid,
            wanted=len(members),
        )
        for medoid, members in world
    ]
    places = [(i, j) for i, (_, members) in enumerate(world) for j in range(len(members))]
    picked = data.draw(st.lists(st.sampled_from(places)))
    selection = Selection(
        np.array([i for i, _ in picked], np.int64), np.array([j for _, j in picked], np.int64)
    )
    head = pb.RecommendResponse(
        interests=[pb.SampledInterest(medoid_pin_id=world[0][0], importance=2.5)],
        artefact_version="v",
        request_id="r",
        reason=pb.ANSWER_REASON_UNKNOWN_USER,
    )

    parsed = pb.RecommendResponse.FromString(selection.elements(encoded) + head.SerializeToString())

    expected = [(world[i][1][j][0], world[i][1][j][1], world[i][0]) for i, j in picked]
    assert parsed == slow_message(expected, head)


def test_a_fallback_carries_neither_score_nor_medoid() -> None:
    """Without scores the candidates are bare pin ids."""
    encoded = encode_list(np.arange(2), [b"a", b"b"], None, medoid_pin_id="", wanted=2)

    parsed = pb.RecommendResponse.FromString(encoded.blob)

    assert list(parsed.candidates) == [pb.Candidate(pin_id="a"), pb.Candidate(pin_id="b")]


@given(st.integers(0, 2**40))
def test_varints_are_protobufs(value: int) -> None:
    """Our varint reads back as the number, through protobuf's own parser."""
    # Field 5 of GetProfileResponse's Interest, uint32; larger numbers are read through uint64 `seed`.
    seed = pb.RecommendRequest.FromString(b"\x28" + varint(value))

    assert seed.seed == value


def test_the_tags_are_the_generated_ones() -> None:
    """Each hand-written tag is field number and wire type of the contract; answers share field 1."""

    def tag(message: type, field: str, wire_type: int) -> bytes:
        return varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | wire_type)  # type: ignore[attr-defined]

    assert tag(pb.Candidate, "pin_id", 2) == PIN_ID_TAG
    assert tag(pb.Candidate, "score", 5) == SCORE_TAG
    assert tag(pb.Candidate, "medoid_pin_id", 2) == MEDOID_TAG
    assert tag(pb.UserRecommendation, "user_id", 2) == USER_ID_TAG
    assert tag(pb.UserRecommendation, "recommendation", 2) == RECOMMENDATION_TAG
    assert tag(pb.RecommendBatchResponse, "results", 2) == RESULTS_TAG
    for answer in (pb.RecommendResponse, pb.RecommendForPinsResponse, pb.SimilarPinsResponse):
        assert tag(answer, "candidates", 2) == CANDIDATES_TAG


def test_batch_messages_lose_nothing_and_keep_the_bound() -> None:
    """Results are packed in order into messages within the bound; one larger result travels alone."""
    answers = [pb.RecommendResponse(request_id="x" * size).SerializeToString() for size in (10, 500, 10, 10)]
    results = [user_result_pieces(f"user-{i}", [answer]) for i, answer in enumerate(answers)]

    messages = list(batch_messages(results, 100))

    parsed = [pb.RecommendBatchResponse.FromString(message) for message in messages]
    assert [[each.user_id for each in message.results] for message in parsed] == [
        ["user-0"],
        ["user-1"],
        ["user-2", "user-3"],
    ]
    assert [len(message) <= 100 for message in messages] == [True, False, True]
