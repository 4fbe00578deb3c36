"""Every limit of the wire contract, at and beyond: refused before any work, each violation named."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.encoding import varint
from server.ports import Ports
from storage.pins.memory import InMemoryPins
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from tests.server.conftest import Serve, request_id_of, settings
from tests.server.world import SPACE, default_people, describe, fan, make_pins, make_profile

Ask = Callable[[RecommenderStub], object]


def recommend(**fields: Any) -> Ask:
    return lambda stub: stub.Recommend(pb.RecommendRequest(**({"user_id": "ann"} | fields)))


def for_pins(n: int) -> Ask:
    pins = [pb.RecentPin(pin_id="cat-0")] * n
    return lambda stub: stub.RecommendForPins(pb.RecommendForPinsRequest(pins=pins))


def at_time(unix_s: int) -> Ask:
    pin = pb.RecentPin(pin_id="cat-0")
    pin.action_time.seconds = unix_s
    return lambda stub: stub.RecommendForPins(pb.RecommendForPinsRequest(pins=[pin]))


def batch(n: int) -> Ask:
    return lambda stub: list(
        stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ann"] * n, max_candidates=1))
    )


def batch_with(**fields: Any) -> Ask:
    return lambda stub: list(
        stub.RecommendBatch(pb.RecommendBatchRequest(**({"user_ids": ["ann"]} | fields)))
    )


def similar(**fields: Any) -> Ask:
    return lambda stub: stub.SimilarPins(pb.SimilarPinsRequest(**({"pin_id": "cat-0"} | fields)))


def get_pins(n: int, pin_id: str = "cat-0") -> Ask:
    return lambda stub: stub.GetPins(pb.GetPinsRequest(pin_ids=[pin_id] * n))


ALLOWED = {
    "max_candidates at 1": recommend(max_candidates=1),
    "max_candidates at 1,000": recommend(max_candidates=1_000),
    "max_interests at 1": recommend(max_interests=1),
    "max_interests at 20": recommend(max_interests=20),
    "2,000 exclusions": recommend(exclude_pin_ids=["cat-1"] * 2_000),
    "an id of 128 bytes": recommend(user_id="ü" * 64),
    "min_score at -1": recommend(min_score=-1.0),
    "min_score at 1": recommend(min_score=1.0),
    "200 recent pins": for_pins(200),
    "an action in the year 1": at_time(-62_135_596_800),
    "an action in the year 9999": at_time(253_402_300_799),
    "1,000 users": batch(1_000),
    "1,000 described pins": get_pins(1_000),
}


@pytest.mark.parametrize("ask", ALLOWED.values(), ids=ALLOWED.keys())
def test_at_the_limit_a_request_is_answered(stub: RecommenderStub, ask: Ask) -> None:
    """The largest and the smallest allowed values are allowed."""
    ask(stub)


POLICIES = "MERGE_POLICY_UNSPECIFIED, MERGE_POLICY_INTERLEAVED, MERGE_POLICY_FUSED"
REFUSED = {
    "max_candidates at 0": (
        recommend(max_candidates=0),
        "max_candidates: is 0; allowed are 1 to 1,000 (leave it out for the default)",
    ),
    "max_candidates at 1,001": (
        recommend(max_candidates=1_001),
        "max_candidates: is 1,001; allowed are 1 to 1,000 (leave it out for the default)",
    ),
    "max_interests at 0": (
        recommend(max_interests=0),
        "max_interests: is 0; allowed are 1 to 20 (leave it out for the default)",
    ),
    "max_interests at 21": (
        recommend(max_interests=21),
        "max_interests: is 21; allowed are 1 to 20 (leave it out for the default)",
    ),
    "a merge policy nobody knows": (
        recommend(merge_policy=7),
        f"merge_policy: is 7; known are {POLICIES}",
    ),
    "a batch's merge policy nobody knows": (
        batch_with(merge_policy=-1),
        f"merge_policy: is -1; known are {POLICIES}",
    ),
    "2,001 exclusions": (
        recommend(exclude_pin_ids=["cat-1"] * 2_001),
        "exclude_pin_ids: has 2,001 entries; allowed are 0 to 2,000",
    ),
    "an exclusion without id": (
        recommend(exclude_pin_ids=["cat-1", ""]),
        "exclude_pin_ids[1]: must not be empty",
    ),
    "no user": (recommend(user_id=""), "user_id: must not be empty"),
    "a user id of 129 bytes": (
        recommend(user_id="x" * 129),
        "user_id: is 129 bytes long; ids have at most 128",
    ),
    "min_score above 1": (recommend(min_score=1.5), "min_score: is 1.5; a cosine lies in -1 to 1"),
    "min_score not a number": (
        recommend(min_score=float("nan")),
        "min_score: is nan; a cosine lies in -1 to 1",
    ),
    "no recent pins": (for_pins(0), "pins: has 0 entries; allowed are 1 to 200"),
    "201 recent pins": (for_pins(201), "pins: has 201 entries; allowed are 1 to 200"),
    "a time in milliseconds": (
        at_time(1_700_000_000_000),
        "pins[0].action_time: is 1700000000000 seconds from 1970: outside the years 1 to 9999",
    ),
    "a time before the year 1": (
        at_time(-62_135_596_801),
        "pins[0].action_time: is -62135596801 seconds from 1970: outside the years 1 to 9999",
    ),
    "no users": (batch(0), "user_ids: has 0 entries; allowed are 1 to 1,000"),
    "1,001 users": (batch(1_001), "user_ids: has 1,001 entries; allowed are 1 to 1,000"),
    "1,001 described pins": (get_pins(1_001), "pin_ids: has 1,001 entries; allowed are 1 to 1,000"),
    "a described pin of 129 bytes": (
        get_pins(1, "x" * 129),
        "pin_ids[0]: is 129 bytes long; ids have at most 128",
    ),
    "a batch's nameless user": (batch_with(user_ids=["ann", ""]), "user_ids[1]: must not be empty"),
    "a batch's max_interests at 0": (
        batch_with(max_interests=0),
        "max_interests: is 0; allowed are 1 to 20 (leave it out for the default)",
    ),
    "no profile's user": (
        lambda stub: stub.GetProfile(pb.GetProfileRequest()),
        "user_id: must not be empty",
    ),
    "no similar pin": (similar(pin_id=""), "pin_id: must not be empty"),
    "2,001 exclusions of a similar pin": (
        similar(exclude_pin_ids=["cat-1"] * 2_001),
        "exclude_pin_ids: has 2,001 entries; allowed are 0 to 2,000",
    ),
    "1,001 similar pins": (
        similar(max_candidates=1_001),
        "max_candidates: is 1,001; allowed are 1 to 1,000 (leave it out for the default)",
    ),
    "a similar pin's min_score below -1": (
        similar(min_score=-1.5),
        "min_score: is -1.5; a cosine lies in -1 to 1",
    ),
    "a nameless recent pin": (
        lambda stub: stub.RecommendForPins(pb.RecommendForPinsRequest(pins=[pb.RecentPin()])),
        "pins[0].pin_id: must not be empty",
    ),
}


@pytest.mark.parametrize(("ask", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_beyond_the_limit_the_field_is_named(stub: RecommenderStub, ask: Ask, message: str) -> None:
    """One step further is INVALID_ARGUMENT, and the message alone tells what to mend."""
    with pytest.raises(grpc.RpcError) as refusal:
        ask(stub)

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.value.details() == message


class CountedStore(InMemoryProfiles):
    """Counts who is looked up."""

    reads = 0

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        self.reads += 1
        return super().read(user_id, held)


class CountedPins(InMemoryPins):
    """Counts what is asked of the pins: whose they are, and which are near."""

    asked = 0

    def rows(self, pin_ids: Sequence[str]) -> NDArray[np.int64]:
        self.asked += 1
        return super().rows(pin_ids)

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self.asked += 1
        return super().search(queries, k, ef_search=ef_search)


def test_what_is_refused_costs_no_work(serve: Serve) -> None:
    """Beyond any limit neither the store nor the index is asked; at the limit both are."""
    store = CountedStore(describe(), profiles=[make_profile("ann", {"cat-0": 1.0})])
    pins = CountedPins(["cat-0", "cat-1"], fan(0, 2), embedding_space=SPACE)
    stub = serve(pins, store)
    before = store.reads, pins.asked
    for ask, _ in REFUSED.values():
        with pytest.raises(grpc.RpcError):
            ask(stub)
    assert (store.reads, pins.asked) == before

    recommend(max_candidates=1_000)(stub)
    assert store.reads > before[0]
    assert pins.asked > before[1]


def test_all_violations_are_told_at_once(stub: RecommenderStub) -> None:
    """google.rpc.BadRequest carries every field that is wrong, and the request id travels along."""
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Recommend(pb.RecommendRequest(max_candidates=0, max_interests=21))

    status = rpc_status.from_call(refusal.value)
    details = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(details)
    assert [each.field for each in details.field_violations] == ["user_id", "max_interests", "max_candidates"]
    assert len(request_id_of(refusal.value)) == 32


def test_more_violations_than_a_status_can_carry_are_counted(stub: RecommenderStub) -> None:
    """However many mistakes there are, the status fits gRPC's metadata: ten are told, the rest counted."""
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Recommend(pb.RecommendRequest(user_id="ann", exclude_pin_ids=["ü" * 65] * 1_900))

    told = str(refusal.value.details()).split("; ids have at most 128")
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert told[0] == "exclude_pin_ids[0]: is 130 bytes long"
    assert told[9:] == ["; exclude_pin_ids[9]: is 130 bytes long", "; and 1,890 more"]


def test_a_request_over_256_kib_is_refused_unread() -> None:
    """The transport takes a message of 256 KiB and refuses a longer one before it is parsed."""
    server = wire_server(make_pins(), default_people().store(), settings())
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        raw: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/pinnersage.v1.Recommender/Recommend"
        )
        raw(request_of(256 * 1024))
        with pytest.raises(grpc.RpcError) as refusal:
            raw(request_of(256 * 1024 + 1))
    server.stop(grace_s=0)

    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def request_of(n_bytes: int) -> bytes:
    """A valid request of this size, most of it a field that nobody knows."""
    request = pb.RecommendRequest(user_id="ann").SerializeToString()
    # Field 15, length-delimited; its length takes three bytes.
    length = n_bytes - len(request) - 4
    padded = request + b"\x7a" + varint(length) + b"x" * length
    assert len(padded) == n_bytes
    return padded
