"""Filtered requests over gRPC: every method and merge policy, what is refused, and what is left as it was."""

from collections.abc import Iterable, Sequence

import grpc
import numpy as np
import pyarrow as pa
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.settings import Fallback
from storage.pins.memory import InMemoryPins
from tests.server.conftest import Serve
from tests.server.world import default_people, make_pins

POLICIES = (pb.MERGE_POLICY_INTERLEAVED, pb.MERGE_POLICY_FUSED)


def filterable_pins() -> InMemoryPins:
    """The test world: of each pin its topic, its place in time (100 s a step), and whether that is even."""
    pins = make_pins()
    pin_ids = pins.pin_ids(np.arange(pins.n_pins))
    names = [pin_id.partition("-")[::2] for pin_id in pin_ids]
    places = [int(place) if place.isdigit() else None for _, place in names]
    return InMemoryPins(
        pin_ids,
        pins.embeddings,
        embedding_space=pins.embedding_space,
        representatives=pins.representatives,
        n_indexed=pins.n_indexed,
        version=pins.version,
        columns={
            "topic": pa.array([topic for topic, _ in names], pa.large_string()),
            "created_at": pa.array([None if at is None else 100 * at for at in places], pa.int64()),
            "even": pa.array([None if at is None else at % 2 == 0 for at in places]),
        },
    )


def any_of(column: str, *values: str) -> pb.Condition:
    return pb.Condition(column=column, any_of=pb.Values(values=values))


def none_of(column: str, *values: str) -> pb.Condition:
    return pb.Condition(column=column, none_of=pb.Values(values=values))


def within(column: str, since: float | None = None, before: float | None = None) -> pb.Condition:
    return pb.Condition(column=column, within=pb.TimeRange(since=time(since), before=time(before)))


def time(seconds: float | None) -> Timestamp | None:
    if seconds is None:
        return None
    return Timestamp(seconds=int(seconds // 1), nanos=int(seconds % 1 * 1e9))


def where(*conditions: pb.Condition) -> pb.Filter:
    return pb.Filter(conditions=conditions)


EVEN = pb.Condition(column="even", equals=True)


def ids(candidates: Iterable[pb.Candidate]) -> list[str]:
    return [each.pin_id for each in candidates]


@pytest.fixture
def stub(serve: Serve) -> RecommenderStub:
    """A server whose pins can be filtered."""
    return serve(filterable_pins(), fallback=Fallback.POPULAR)


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (where(EVEN), ["cat-2", "cat-4", "cat-6"]),
        (where(pb.Condition(column="even", equals=False)), ["cat-1", "cat-3", "cat-5"]),
        (where(any_of("topic", "car")), ["car-0", "car-1", "car-2"]),
        (where(any_of("topic", "car", "cat"), EVEN), ["cat-2", "cat-4", "cat-6"]),
        (where(none_of("topic", "cat", "car")), ["cake-0", "cake-1", "cake-2"]),
        (where(within("created_at", since=1_000)), ["cat-10", "cat-11", "cat-12"]),
        (where(within("created_at", since=1_000.5)), ["cat-11", "cat-12", "cat-13"]),
        (where(within("created_at", since=1_000, before=1_200)), ["cat-10", "cat-11", "car-10"]),
        (where(within("created_at", before=200), any_of("topic", "cat")), ["cat-1"]),
        (where(any_of("topic", "Cat")), []),
    ],
)
def test_similar_pins_are_the_nearest_that_pass(
    stub: RecommenderStub, filter_: pb.Filter, expected: Sequence[str]
) -> None:
    """The pin itself need not pass; ties between topics at right angles go by row."""
    request = pb.SimilarPinsRequest(pin_id="cat-0", max_candidates=3, filter=filter_)
    assert ids(stub.SimilarPins(request).candidates) == expected


@pytest.mark.parametrize("policy", POLICIES)
def test_recommendations_hold_only_what_passes_and_are_full(
    stub: RecommenderStub, policy: "pb.MergePolicy.ValueType"
) -> None:
    """From both interests as ever; short only when fewer pass, without what the user has seen."""
    request = pb.RecommendRequest(user_id="ann", max_candidates=20, filter=where(EVEN), merge_policy=policy)
    answer = stub.Recommend(request)
    assert len(answer.candidates) == 20
    assert all(int(pin_id.split("-")[1]) % 2 == 0 for pin_id in ids(answer.candidates))
    assert {each.medoid_pin_id for each in answer.candidates} == {"cat-0", "car-0"}
    request.filter.conditions.extend([any_of("topic", "car"), within("created_at", before=1_001)])
    answer = stub.Recommend(request)
    assert sorted(ids(answer.candidates)) == ["car-10", "car-4", "car-6", "car-8"]
    assert answer.reason == pb.ANSWER_REASON_UNSPECIFIED


@pytest.mark.parametrize("policy", POLICIES)
def test_an_answer_of_which_all_pass_is_the_unfiltered_one(
    stub: RecommenderStub, policy: "pb.MergePolicy.ValueType"
) -> None:
    """Pins, scores, order and the medoids they are credited to."""
    plain = pb.RecommendRequest(user_id="ann", max_candidates=30, seed=1, merge_policy=policy)
    everything = pb.RecommendRequest()
    everything.CopyFrom(plain)
    everything.filter.CopyFrom(where(none_of("topic", "dog")))
    assert list(stub.Recommend(everything).candidates) == list(stub.Recommend(plain).candidates)


def test_every_other_method_is_filtered_alike(stub: RecommenderStub) -> None:
    """Recent pins, and users in a batch."""
    for_pins = stub.RecommendForPins(
        pb.RecommendForPinsRequest(pins=[pb.RecentPin(pin_id="cake-0")], max_candidates=3, filter=where(EVEN))
    )
    assert ids(for_pins.candidates) == ["cake-2", "cake-4", "cake-6"]
    batch = pb.RecommendBatchRequest(user_ids=["ann", "nobody"], filter=where(any_of("topic", "car")))
    results = [each for message in stub.RecommendBatch(batch) for each in message.results]
    assert set(ids(results[0].recommendation.candidates)) == {f"car-{at}" for at in range(1, 60) if at != 2}
    assert ids(results[1].recommendation.candidates) == ["car-3"]


def test_the_fallback_is_filtered(stub: RecommenderStub) -> None:
    """Popular are cat-3 and car-3; when neither passes nothing is left."""
    request = pb.RecommendRequest(user_id="nobody", filter=where(any_of("topic", "cat")))
    assert ids(stub.Recommend(request).candidates) == ["cat-3"]
    request.filter.CopyFrom(where(EVEN))
    answer = stub.Recommend(request)
    assert (ids(answer.candidates), answer.reason) == ([], pb.ANSWER_REASON_UNKNOWN_USER)


def test_other_limits_hold_as_well(stub: RecommenderStub) -> None:
    """Exclusions with their near-duplicates, and min_score."""
    request = pb.SimilarPinsRequest(
        pin_id="cat-0",
        exclude_pin_ids=["cat-twin", "cat-3"],
        min_score=0.995,
        filter=where(pb.Condition(column="even", equals=False)),
    )
    # cat-twin takes its representative cat-1 with it; 0.995 is the cosine of 5.7 degrees.
    assert ids(stub.SimilarPins(request).candidates) == ["cat-5"]


def test_a_near_duplicate_does_not_speak_for_its_representative(stub: RecommenderStub) -> None:
    """cat-twin has neither a place nor a parity; cat-1, which stands for it, has both."""
    request = pb.SimilarPinsRequest(pin_id="cat-0", max_candidates=2, filter=where(none_of("topic", "cat")))
    assert "cat-1" not in ids(stub.SimilarPins(request).candidates)
    request.filter.CopyFrom(where(within("created_at", since=100, before=200), any_of("topic", "cat")))
    assert ids(stub.SimilarPins(request).candidates) == ["cat-1"]


def test_nothing_passes_is_an_answer(stub: RecommenderStub) -> None:
    """Empty, with its reason."""
    answer = stub.Recommend(pb.RecommendRequest(user_id="ann", filter=where(any_of("topic", "dog"))))
    assert (len(answer.candidates), answer.reason) == (0, pb.ANSWER_REASON_ALL_FILTERED)
    assert {each.medoid_pin_id for each in answer.interests} == {"cat-0", "car-0"}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_filter_leaves_no_trace_in_other_answers(serve: Serve, policy: "pb.MergePolicy.ValueType") -> None:
    """After filtered requests the unfiltered answer is what a server that never saw a filter gives."""
    used, fresh = serve(filterable_pins()), serve(filterable_pins())
    plain = pb.RecommendRequest(user_id="ann", max_candidates=100, seed=1, merge_policy=policy)
    for filter_ in (where(EVEN), where(any_of("topic", "cake")), where(within("created_at", since=5_000))):
        filtered = pb.RecommendRequest()
        filtered.CopyFrom(plain)
        filtered.filter.CopyFrom(filter_)
        first, second = used.Recommend(filtered), used.Recommend(filtered)
        assert ids(first.candidates) == ids(second.candidates)
    assert list(used.Recommend(plain).candidates) == list(fresh.Recommend(plain).candidates)


HOW = "any_of, none_of, within, equals"
COLUMNS = "topic (text), created_at (time), even (boolean)"


@pytest.mark.parametrize(
    ("filter_", "field", "told"),
    [
        (where(), "filter.conditions", "has 0 entries; allowed are 1 to 16"),
        (where(*[EVEN] * 17), "filter.conditions", "has 17 entries; allowed are 1 to 16"),
        (where(EVEN, pb.Condition(column="even")), "filter.conditions[1]", f"needs one of {HOW}"),
        (
            where(any_of("colour", "red")),
            "filter.conditions[0].column",
            f"is 'colour'; the artefact's filter columns are {COLUMNS}",
        ),
        (
            where(within("topic", since=1)),
            "filter.conditions[0].within",
            "is for time; the column 'topic' is text: any_of or none_of",
        ),
        (
            where(none_of("even", "yes")),
            "filter.conditions[0].none_of",
            "is for text; the column 'even' is boolean: equals",
        ),
        (
            where(pb.Condition(column="created_at", equals=True)),
            "filter.conditions[0].equals",
            "is for boolean; the column 'created_at' is time: within",
        ),
        (where(any_of("topic")), "filter.conditions[0].any_of.values", "has 0 entries; allowed are 1 to 200"),
        (
            where(none_of("topic", *map(str, range(201)))),
            "filter.conditions[0].none_of.values",
            "has 201 entries; allowed are 1 to 200",
        ),
        (where(within("created_at")), "filter.conditions[0].within", "needs since, before or both"),
        (
            where(within("created_at", since=5, before=5)),
            "filter.conditions[0].within",
            "since is not earlier than before: nothing would pass",
        ),
        (
            where(within("created_at", since=1_700_000_000_000)),
            "filter.conditions[0].within.since",
            "is 1700000000000 seconds from 1970: outside the years 1 to 9999",
        ),
        (
            where(within("created_at", since=9), EVEN, within("created_at", before=9)),
            "filter.conditions",
            "those on 'created_at' contradict each other: nothing would pass",
        ),
        (
            where(EVEN, pb.Condition(column="even", equals=False)),
            "filter.conditions",
            "those on 'even' contradict each other: nothing would pass",
        ),
        (
            where(any_of("topic", "cat", "car"), none_of("topic", "cat"), none_of("topic", "car")),
            "filter.conditions",
            "those on 'topic' contradict each other: nothing would pass",
        ),
        (
            where(any_of("topic", "cat"), any_of("topic", "car")),
            "filter.conditions",
            "those on 'topic' contradict each other: nothing would pass",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_field(
    stub: RecommenderStub, filter_: pb.Filter, field: str, told: str
) -> None:
    """By every method that takes a filter."""
    calls = (
        lambda: stub.Recommend(pb.RecommendRequest(user_id="ann", filter=filter_)),
        lambda: stub.RecommendForPins(
            pb.RecommendForPinsRequest(pins=[pb.RecentPin(pin_id="cat-0")], filter=filter_)
        ),
        lambda: list(stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ann"], filter=filter_))),
        lambda: stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-0", filter=filter_)),
    )
    for call in calls:
        with pytest.raises(grpc.RpcError) as refusal:
            call()
        assert violations(refusal.value) == [(field, told)]


def test_conditions_that_can_hold_together_are_no_contradiction(stub: RecommenderStub) -> None:
    """Said twice, overlapping, or on different columns."""
    request = pb.SimilarPinsRequest(
        pin_id="cat-0",
        filter=where(
            EVEN,
            EVEN,
            any_of("topic", "cat", "car"),
            any_of("topic", "car", "cake"),
            within("created_at", since=200),
            within("created_at", before=401),
        ),
    )
    assert ids(stub.SimilarPins(request).candidates) == ["car-2", "car-4"]


def test_an_artefact_without_columns_says_so(serve: Serve) -> None:
    """Also what was built before there were any: everything else works as ever."""
    stub = serve()
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Recommend(pb.RecommendRequest(user_id="ann", filter=where(EVEN)))
    told = (
        "the artefact has no filter columns: name them under [filters] in dataset.toml, or with "
        "--filter-column, and build it again"
    )
    assert violations(refusal.value) == [("filter.conditions[0].column", told)]
    assert stub.Recommend(pb.RecommendRequest(user_id="ann")).candidates


def test_users_in_a_batch_without_a_filter_are_not_filtered(serve: Serve) -> None:
    """The default is all."""
    stub = serve(filterable_pins(), default_people().store())
    batch = pb.RecommendBatchRequest(user_ids=["ann"], max_candidates=10)
    (message,) = stub.RecommendBatch(batch)
    assert len(message.results[0].recommendation.candidates) == 10


def violations(refusal: grpc.RpcError) -> list[tuple[str, str]]:
    """The fields and descriptions of a BadRequest."""
    assert isinstance(refusal, grpc.Call)
    assert refusal.code() is grpc.StatusCode.INVALID_ARGUMENT
    packed = next(value for key, value in refusal.trailing_metadata() if key == "grpc-status-details-bin")
    assert isinstance(packed, bytes)
    details = error_details_pb2.BadRequest()
    status_pb2.Status.FromString(packed).details[0].Unpack(details)
    return [(each.field, each.description) for each in details.field_violations]
