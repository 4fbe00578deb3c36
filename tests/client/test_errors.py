"""From a gRPC status to a typed error, and what the error tells."""

import builtins
import pickle

import grpc
import pytest

from pinnersage.client import (
    CallError,
    CancelledError,
    Client,
    DeadlineExceededError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    PinnerSageError,
    ResourceExhaustedError,
    Retries,
    ServerError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedError,
)
from pinnersage.client._errors import ERROR_OF_STATUS
from pinnersage.client.testing import FakeRecommender
from pinnersage.v1 import recommender_pb2 as pb
from tests.client.servers import PATIENT, nobody, serving

EXPECTED = {
    grpc.StatusCode.CANCELLED: CancelledError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.UNIMPLEMENTED: UnsupportedError,
}
FAILURES = [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK]


@pytest.mark.parametrize("status", FAILURES, ids=[status.name for status in FAILURES])
def test_every_status_has_its_error(fake: FakeRecommender, status: grpc.StatusCode) -> None:
    """With all that is known about it; what is not the caller's doing is a ServerError."""
    fake.fail(status, "max_candidates: 5000 is more than 1,000")
    once = Client(fake.target, timeout=PATIENT, retries=Retries(max_attempts=1))
    with once as client, pytest.raises(CallError) as caught:
        client.recommend("ann")
    error = caught.value
    assert type(error) is EXPECTED.get(status, ServerError)
    assert (error.status, error.method, error.target) == (status, "Recommend", fake.target)
    assert (error.message, error.request_id) == ("max_candidates: 5000 is more than 1,000", "fake-1")
    assert isinstance(error.__cause__, grpc.RpcError)


def test_the_table_leaves_no_status_out() -> None:
    """A status that gRPC adds one day fails here."""
    assert set(ERROR_OF_STATUS) == set(FAILURES)


def test_a_server_without_words_is_no_riddle(client: Client, fake: FakeRecommender) -> None:
    """A status may come without a message: the error says so."""
    fake.fail(grpc.StatusCode.INTERNAL, "")
    with pytest.raises(ServerError, match="INTERNAL: no details given"):
        client.recommend("ann")


def test_an_error_reads_as_one_line(client: Client, fake: FakeRecommender) -> None:
    """Method, address, status, message and request id: all that a log line needs."""
    with pytest.raises(NotFoundError) as caught:
        client.profile("bob")
    expected = f"GetProfile at {fake.target}: NOT_FOUND: user_id: there is no user 'bob' (request fake-1)"
    assert str(caught.value) == expected


def test_an_error_comes_back_whole_from_a_worker_process(client: Client) -> None:
    """Pickling keeps the type and every attribute."""
    with pytest.raises(NotFoundError) as caught:
        client.profile("bob")
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes, a moment old
    assert type(copy) is NotFoundError
    assert vars(copy) == vars(caught.value)
    assert str(copy) == str(caught.value)


def test_the_request_id_is_found_among_other_metadata() -> None:
    """What stands between may add entries of its own."""

    def recommend(_: pb.RecommendRequest, context: grpc.ServicerContext) -> pb.RecommendResponse:
        context.set_trailing_metadata((("via", "proxy"), ("x-request-id", "r-7"), ("via", "another")))
        context.abort(grpc.StatusCode.INTERNAL, "broken")

    with (
        serving(recommend=recommend) as target,
        Client(target, timeout=PATIENT) as client,
        pytest.raises(ServerError) as caught,
    ):
        client.recommend("ann")
    assert caught.value.request_id == "r-7"


def test_nobody_there() -> None:
    """No server, no request id; the cause is gRPC's own."""
    with (
        nobody() as target,
        Client(target, timeout=PATIENT) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.recommend("ann")
    assert "Connection refused" in caught.value.message
    assert caught.value.request_id is None


def test_a_server_without_the_method_is_too_old() -> None:
    """Told apart from a fault, so that callers can do without."""
    with (
        serving() as target,
        Client(target, timeout=PATIENT) as client,
        pytest.raises(UnsupportedError, match="UNIMPLEMENTED"),
    ):
        client.pins(["🐶"])


def test_one_clause_catches_everything() -> None:
    """All errors hang on one tree, and none hides a built-in's name."""
    for error in ERROR_OF_STATUS.values():
        assert issubclass(error, PinnerSageError)
        assert not hasattr(builtins, error.__name__)
