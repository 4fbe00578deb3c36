"""What a call goes by: the caller's own name for it, or one made here."""

from collections.abc import Callable

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.request_ids import new_request_id, request_id_of
from tests.server.conftest import request_id_of as request_id_of_refusal


def test_the_callers_name_is_repeated(stub: RecommenderStub) -> None:
    """In the answer of every method, so that logs and events of several services can be joined."""
    mine = (("x-request-id", "page-7"),)
    user, pin = pb.RecommendRequest(user_id="ann"), [pb.RecentPin(pin_id="cat-0")]
    (batch,) = stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ann"]), metadata=mine)

    assert stub.Recommend(user, metadata=mine).request_id == "page-7"
    assert stub.RecommendForPins(pb.RecommendForPinsRequest(pins=pin), metadata=mine).request_id == "page-7"
    assert batch.results[0].recommendation.request_id == "page-7"
    assert stub.SimilarPins(pb.SimilarPinsRequest(pin_id="cat-0"), metadata=mine).request_id == "page-7"
    assert stub.GetProfile(pb.GetProfileRequest(user_id="ann"), metadata=mine).request_id == "page-7"
    assert stub.GetPins(pb.GetPinsRequest(pin_ids=["cat-0"]), metadata=mine).request_id == "page-7"


def test_an_error_carries_it_too(stub: RecommenderStub) -> None:
    """In the trailing metadata."""
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Recommend(pb.RecommendRequest(), metadata=(("x-request-id", "page-8"),))

    assert request_id_of_refusal(refusal.value) == "page-8"


@pytest.mark.parametrize("value", ["", "x" * 129, "a\tb", b"bytes"])
def test_what_is_no_name_is_passed_over(value: str | bytes) -> None:
    """Nobody loses an answer for it: the call gets a name of the server's."""
    made = request_id_of((("user-agent", "test"), ("x-request-id", value)))

    assert made != value
    assert len(made) == 32


@pytest.mark.parametrize("make", [new_request_id, lambda: request_id_of(())])
def test_names_made_here_differ(make: Callable[[], str]) -> None:
    """No two calls share one."""
    assert len({make() for _ in range(10_000)}) == 10_000
