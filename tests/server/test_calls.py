"""What surrounds a call: errors become statuses by one table, nothing leaks, everything is counted."""

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from server.bootstrap import wire_server
from server.errors import STATUS_BY_ERROR, StartError, status_of
from server.serving import Ports
from storage.embedding_space import EmbeddingSpace
from storage.errors import (
    DamagedRecordError,
    EmbeddingSpaceMismatchError,
    ProfileStoreError,
    StoreUnavailableError,
)
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import Profile
from tests.server.conftest import Serve, request_id_of, settings
from tests.server.world import default_people, describe, make_pins


class BrokenStore(InMemoryProfiles):
    """A store that raises what a test tells it to."""

    def __init__(self, error: Exception) -> None:
        super().__init__(describe())
        self._error = error

    def batch(self, user_id: str) -> Profile | None:
        raise self._error

    def seen(self, user_id: str) -> NDArray[np.uint64]:
        raise self._error


OUTAGES = [
    (StoreUnavailableError("the store does not answer"), grpc.StatusCode.UNAVAILABLE),
    (DamagedRecordError("profile of user 'ann' is damaged"), grpc.StatusCode.DATA_LOSS),
    (ProfileStoreError("the store is closed"), grpc.StatusCode.UNAVAILABLE),
]


@pytest.mark.parametrize(("error", "code"), OUTAGES, ids=[type(error).__name__ for error, _ in OUTAGES])
def test_store_errors_reach_the_caller_as_their_status(
    serve: Serve, error: Exception, code: grpc.StatusCode
) -> None:
    """An outage of the store is told as what it is, with its own message, and names the request."""
    stub = serve(profiles=BrokenStore(error))

    with pytest.raises(grpc.RpcError) as refusal:
        stub.Recommend(pb.RecommendRequest(user_id="ann"))

    assert (refusal.value.code(), refusal.value.details()) == (code, str(error))
    assert len(request_id_of(refusal.value)) == 32


def test_a_defect_is_internal_and_shows_no_traceback(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    """An unexpected error is INTERNAL with the request id; its text stays in the server's log."""
    stub = serve(profiles=BrokenStore(ZeroDivisionError("secret detail")))

    with pytest.raises(grpc.RpcError) as refusal:
        stub.Recommend(pb.RecommendRequest(user_id="ann"))

    request_id = request_id_of(refusal.value)
    assert refusal.value.code() is grpc.StatusCode.INTERNAL
    assert refusal.value.details() == f"internal error; the server's log has it under request id {request_id}"
    logged = "".join(capfd.readouterr())
    assert "secret detail" in logged
    assert request_id in logged


def test_a_stream_is_refused_like_a_single_call(serve: Serve) -> None:
    """RecommendBatch breaks off with the same status and message as Recommend."""
    stub = serve(profiles=BrokenStore(StoreUnavailableError("the store does not answer")))

    with pytest.raises(grpc.RpcError) as refusal:
        list(stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ann"])))

    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_expired_deadline_begins_nothing(serve: Serve) -> None:
    """A call whose deadline has passed ends as DEADLINE_EXCEEDED."""
    with pytest.raises(grpc.RpcError) as refusal:
        serve().Recommend(pb.RecommendRequest(user_id="ann"), timeout=0)

    assert refusal.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_garbage_is_an_invalid_argument_and_every_outcome_is_counted() -> None:
    """Bytes that are no message are the caller's mistake; the metrics tell OK from InvalidArgument."""
    server = wire_server(make_pins(), default_people().store(), settings())
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        raw: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/pinnersage.v1.Recommender/Recommend"
        )
        raw(pb.RecommendRequest(user_id="ann").SerializeToString())
        with pytest.raises(grpc.RpcError) as refusal:
            raw(b"\xff\xff\xff")
    server.stop(grace_s=1)

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "not a valid pinnersage.v1.RecommendRequest" in str(refusal.value.details())
    labels = {"grpc_type": "unary", "grpc_service": "pinnersage.v1.Recommender", "grpc_method": "Recommend"}
    value = server.registry.get_sample_value
    assert value("grpc_server_handled_total", labels | {"grpc_code": "OK"}) == 1
    assert value("grpc_server_handled_total", labels | {"grpc_code": "InvalidArgument"}) == 1
    assert value("grpc_server_started_total", labels) == 2


def test_every_error_has_one_status() -> None:
    """The first entry that fits decides, so no entry hides behind a more general one before it."""
    for at, (kind, status) in enumerate(STATUS_BY_ERROR):
        assert not any(issubclass(kind, earlier) for earlier, _ in STATUS_BY_ERROR[:at])
        assert status is not grpc.StatusCode.INTERNAL
    assert status_of(RuntimeError()) is grpc.StatusCode.INTERNAL


def test_profiles_of_another_embedding_space_are_refused_at_start() -> None:
    """A server never starts on an artefact and profiles that cannot be compared."""
    other = InMemoryProfiles(describe(space=EmbeddingSpace("words-2", 16)))

    with pytest.raises(EmbeddingSpaceMismatchError) as refusal:
        wire_server(make_pins(), other, settings())

    assert str(refusal.value) == (
        "the pin artefact is of embedding space three-topics-1 (8 dimensions), the profile store is of "
        "words-2 (16 dimensions): their vectors cannot be compared. Build both from the same embeddings."
    )


def test_a_wide_bind_has_to_be_meant() -> None:
    """Without TLS and credentials the server listens beyond loopback only when told that this is wanted."""
    with pytest.raises(StartError, match="--allow-insecure"):
        settings(host="0.0.0.0")  # noqa: S104 - the point of the test
    assert settings(host="0.0.0.0", allow_insecure=True).allow_insecure  # noqa: S104 - the point of the test
    assert settings(host="localhost").host == "localhost"
    assert settings(host="::1").host == "::1"
