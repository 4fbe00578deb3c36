"""What an answer says of its interests is the message that anybody would build."""

from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinnersage.v1 import recommender_pb2 as pb
from server.candidate_lists import CandidateList, Retrieved
from server.describing import _TAGS, describe
from server.encoding import encode_list
from server.interest_records import INTEREST_BYTES, interests_in, records_of
from tests.compiling import compiled_or_skip


class Given(NamedTuple):
    """An interest, its medoid, and whether its list was in the cache."""

    medoid: str
    importance: float
    origin: int
    cache_hit: bool


origins = st.sampled_from([each for each in pb.InterestOrigin.values() if each])
sampled = st.lists(
    st.builds(Given, st.text(max_size=200), st.floats(0, 1e9), origins, st.booleans()), max_size=20
)


@pytest.fixture(scope="module")
def loop() -> ModuleType:
    """The compiled module."""
    return compiled_or_skip("server._interests")


def listed(medoid: str) -> CandidateList:
    """A list of nothing."""
    return encode_list(np.empty(0, np.int64), [], np.empty(0, np.float32), medoid_pin_id=medoid, wanted=1)


def recorded(interests: list[Given]) -> bytes:
    rows = np.arange(len(interests))
    return records_of(
        rows, np.array([each.importance for each in interests]), [each.origin for each in interests]
    )


def retrieved(interests: list[Given]) -> list[Retrieved]:
    return [Retrieved(listed(each.medoid), each.cache_hit) for each in interests]


@given(sampled, st.floats(0, 1))
def test_a_description_is_the_slowly_built_message(interests: list[Given], decay: float) -> None:
    """Field by field, for any interests."""
    records = recorded(interests)
    expected = pb.RecommendResponse(
        interests=[
            pb.SampledInterest(
                medoid_pin_id=each.medoid,
                importance=each.importance * decay,
                probability=share,
                origin=pb.InterestOrigin.ValueType(each.origin),
                cache_hit=each.cache_hit,
            )
            for each, share in zip(interests, interests_in(records)["share"].tolist(), strict=True)
        ]
    )
    assert pb.RecommendResponse.FromString(describe(records, retrieved(interests), decay)) == expected


@given(sampled, st.floats(0, 1))
def test_the_loop_describes_as_python_does(loop: ModuleType, interests: list[Given], decay: float) -> None:
    """The same bytes, medoids of more than a hundred bytes and none included."""
    records, lists = recorded(interests), retrieved(interests)

    assert loop.describe(records, lists, decay, _TAGS) == describe(records, lists, decay)


ONE = Given("pin", 1.0, pb.INTEREST_ORIGIN_BATCH, cache_hit=True)
A_LIST = Retrieved(listed("pin"), cache_hit=True)


@pytest.mark.parametrize(
    ("records", "lists", "tags", "why"),
    [
        (recorded([ONE]), [], _TAGS, "0 lists for 1 interests"),
        (recorded([ONE]), [A_LIST, A_LIST], _TAGS, "2 lists for 1 interests"),
        (recorded([ONE])[:-1], [A_LIST], _TAGS, "31 bytes are no whole records of 32"),
        (recorded([ONE]), [A_LIST], b"1234", "4 tags"),
        (recorded([ONE]), [A_LIST], None, "tags"),
        (None, [A_LIST], _TAGS, "records"),
        (bytearray(INTEREST_BYTES), [A_LIST], _TAGS, "records"),
    ],
)
def test_the_loop_reads_nothing_outside_of_its_records(
    loop: ModuleType, records: object, lists: list[Retrieved], tags: object, why: str
) -> None:
    """Whatever it is given, it says what is wrong with it."""
    with pytest.raises((TypeError, ValueError), match=why):
        loop.describe(records, lists, 1.0, tags)


@pytest.mark.parametrize("medoid", [None, "pin", bytearray(b"pin")])
def test_a_medoid_is_bytes(loop: ModuleType, medoid: object) -> None:
    """Anything else is refused before a byte is written."""
    a_list = listed("pin")
    object.__setattr__(a_list, "medoid", medoid)
    with pytest.raises(TypeError):
        loop.describe(recorded([ONE]), [Retrieved(a_list, True)], 1.0, _TAGS)
