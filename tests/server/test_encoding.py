"""The fast path's bytes are the slow path's messages."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pinnersage.v1 import recommender_pb2 as pb
from server import encoding
from server.elements import joined
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
    encode_lists,
    medoid_fields,
    result_of_user,
    varint,
)
from server.merging import Selection
from storage.pins.texts import EncodedIds
from tests.compiling import compiled_or_skip

ids = st.text(min_size=1, max_size=32)
scores = st.floats(-1, 1, width=32)
lists = st.lists(
    st.tuples(ids, st.lists(st.tuples(ids, scores), min_size=1, max_size=20)), min_size=1, max_size=5
)


@pytest.fixture(scope="module")
def loop() -> ModuleType:
    """The compiled module."""
    return compiled_or_skip("server._encoding")


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


@st.composite
def encoded_ids(draw: st.DrawFn, n: int) -> list[bytes]:
    """N of any lengths, or of one, which takes one byte or two to write."""
    length = draw(st.none() | st.integers(1, 300))
    one = (
        st.binary(min_size=1, max_size=20) if length is None else st.binary(min_size=length, max_size=length)
    )
    return draw(st.lists(one, min_size=n, max_size=n))


@given(st.lists(st.text(max_size=300), max_size=3), st.integers(0, 9), st.booleans(), st.data())
def test_the_loop_gives_the_lists_that_numpy_gives(
    loop: ModuleType, medoids: list[str], k: int, in_one_piece: bool, data: st.DataObject
) -> None:
    """Of ids of one length or of several, side by side or one by one."""
    shape = len(medoids), k
    rows = data.draw(arrays(np.int64, shape, elements=st.integers(0, 2**31 - 1)))
    cosines = data.draw(arrays(np.float32, shape, elements=scores))
    pin_ids = [pin_id for _ in medoids for pin_id in data.draw(encoded_ids(k))]
    as_given: EncodedIds = pin_ids
    if in_one_piece and len(set(map(len, pin_ids))) == 1:
        as_given = np.frombuffer(b"".join(pin_ids), f"V{len(pin_ids[0])}")
    found = []
    for way in (None, loop):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encoding, "_encoding", way)
            fields = [medoid_fields(medoid) for medoid in medoids]
            found.append(encode_lists(rows, as_given, cosines, fields, wanted=k))
    assert len(found[0]) == len(found[1]) == len(medoids)
    for expected, ours in zip(*found, strict=True):
        np.testing.assert_array_equal(ours.rows, expected.rows, strict=True)
        np.testing.assert_array_equal(ours.scores, expected.scores, strict=True)
        np.testing.assert_array_equal(ours.elements, expected.elements, strict=True)
        assert ours.medoid == expected.medoid


ROWS = np.zeros((1, 2), np.int64)
SCORES = np.ones((1, 2), np.float32)
BLOCK = np.frombuffer(b"abcd", "V2")
ONE_LIST = {"rows": ROWS, "pin_ids": BLOCK, "scores": SCORES, "medoids": (b"m",), "tags": b"123"}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"pin_ids": [b"a"]}, "1 pin ids for 2 scores"),
        ({"pin_ids": []}, "0 pin ids for 2 scores"),
        ({"pin_ids": [b"a", b"bc", b"d"]}, "3 pin ids for 2 scores"),
        ({"pin_ids": BLOCK[:1]}, "1 pin ids for 2 scores"),
        ({"rows": ROWS[:0], "scores": SCORES[:0], "medoids": ()}, "2 pin ids for 0 scores"),
        ({"pin_ids": [b"a", "b"]}, "a pin id is str, not bytes"),
        ({"pin_ids": [b"ab", None]}, "a pin id is NoneType, not bytes"),
        (
            {"rows": ROWS.T, "scores": SCORES.T, "medoids": (b"", b""), "pin_ids": [b"a", 1]},
            "a pin id is int",
        ),
        ({"pin_ids": (b"a", b"b")}, "pin ids are no array but tuple"),
        ({"pin_ids": BLOCK.view("S2")}, "pin ids"),
        ({"pin_ids": np.frombuffer(b"abcdefgh", "V2")[::2]}, "pin ids .* not in one piece"),
        ({"scores": SCORES.astype(np.float64)}, "scores float64"),
        ({"scores": np.ones((1, 4), np.float32)[:, ::2]}, "scores .* not in one piece"),
        ({"scores": SCORES[0]}, "scores"),
        ({"scores": [[1.0, 1.0]]}, "scores are no array but list"),
        ({"scores": SCORES[:, :1]}, r"rows \(1, 2\) and scores \(1, 1\)"),
        ({"rows": ROWS.astype(np.int32)}, "rows int32"),
        ({"rows": ROWS[:, :1]}, r"rows \(1, 1\) and scores \(1, 2\)"),
        ({"rows": ROWS.reshape(2, 1)}, "of 1 medoids"),
        ({"medoids": ()}, "of 0 medoids"),
        ({"medoids": (b"", b"")}, "of 2 medoids"),
        ({"medoids": ("m",)}, "a medoid is str, not bytes"),
        ({"medoids": [b"m"]}, "medoids"),
        ({"tags": b"12"}, "three tags, not 2"),
        ({"tags": None}, "tags"),
    ],
)
def test_the_loop_reads_nothing_outside_of_its_arrays(
    loop: ModuleType, wrong: dict[str, object], why: str
) -> None:
    """Whatever it is given, it says what is wrong with it."""
    with pytest.raises((TypeError, ValueError), match=why):
        loop.parts_of_lists(**(ONE_LIST | wrong))


def test_a_fallback_carries_neither_score_nor_medoid() -> None:
    """Without scores the candidates are bare pin ids."""
    encoded = encode_list(np.arange(2), [b"a", b"b"], None, medoid_pin_id="", wanted=2)

    parsed = pb.RecommendResponse.FromString(joined(encoded.elements))

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
    results = [result_of_user(f"user-{i}", [answer]) for i, answer in enumerate(answers)]

    messages = list(batch_messages(results, 100))

    parsed = [pb.RecommendBatchResponse.FromString(message) for message in messages]
    assert [[each.user_id for each in message.results] for message in parsed] == [
        ["user-0"],
        ["user-1"],
        ["user-2", "user-3"],
    ]
    assert [len(message) <= 100 for message in messages] == [True, False, True]
