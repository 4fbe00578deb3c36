"""What surrounds a call: errors become statuses by one table, nothing leaks, everything is counted."""

import re
from collections.abc import Iterator
from time import perf_counter
from typing import NoReturn, cast

import grpc
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.calls import Call, answer_streaming, answer_unary
from server.deadlines import Deadline
from server.errors import STATUS_BY_ERROR, RecordingError, status_of
from server.metrics import Metrics
from server.metrics_calls import MethodMetrics
from server.ports import Ports
from server.rare_lines import EVERY_S
from storage.embedding_space import EmbeddingSpace
from storage.errors import (
    DamagedRecordError,
    EmbeddingSpaceMismatchError,
    ProfileStoreError,
    StoreUnavailableError,
)
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from tests.server.conftest import Serve, request_id_of, settings
from tests.server.world import default_people, describe, make_pins, make_profile
from tests.waiting import wait_until

LABELS = {"grpc_type": "unary", "grpc_service": "pinnersage.v1.Recommender", "grpc_method": "Recommend"}


class BrokenStore(InMemoryProfiles):
    """A store that was well when the server started, and then raises what a test tells it to."""

    def __init__(self, error: Exception) -> None:
        super().__init__(describe())
        self._error = error

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        if user_id == "ann":
            raise self._error
        return super().read(user_id, held)


class FakeContext:
    """What a call is told about its caller."""

    def __init__(self, *, time_remaining: float | None = None, is_active: bool = True) -> None:
        self._time_remaining = time_remaining
        self._is_active = is_active

    def time_remaining(self) -> float | None:
        return self._time_remaining

    def is_active(self) -> bool:
        return self._is_active

    def caller_leaves(self) -> None:
        self._is_active = False

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def abort_with_status(self, _status: grpc.Status) -> NoReturn:
        raise ConnectionAbortedError

    def as_grpcs(self) -> grpc.ServicerContext:
        """The same, under the type of the whole context, of which a call uses only this much."""
        return cast(grpc.ServicerContext, self)


class Waited(FakeContext):
    """Of a call that came a while ago."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.arrived_s = perf_counter() - seconds


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def method(registry: CollectorRegistry) -> MethodMetrics:
    return MethodMetrics(Metrics(registry), "Recommend")


def ended(registry: CollectorRegistry) -> dict[str, float]:
    """How many calls ended with each code, 0 left out."""
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {
        each.labels["grpc_code"]: each.value
        for each in samples
        if each.name == "grpc_server_handled_total" and each.value
    }


def code_and_details(refusal: grpc.RpcError) -> tuple[grpc.StatusCode, str | None]:
    assert isinstance(refusal, grpc.Call)
    return refusal.code(), refusal.details()


def refused(stub: RecommenderStub, user_id: str = "ann") -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Recommend(pb.RecommendRequest(user_id=user_id))
    return refusal.value


OUTAGES = [StoreUnavailableError("/data/online/profiles.lmdb cannot be read"), ProfileStoreError("closed")]


@pytest.mark.parametrize("error", OUTAGES, ids=[type(error).__name__ for error in OUTAGES])
def test_an_outage_of_the_store_is_unavailable(
    serve: Serve, error: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    """Callers learn that the store is away and where to look; which file it is, only the log says."""
    refusal = refused(serve(profiles=BrokenStore(error)))

    request_id = request_id_of(refusal)
    told = "the profile store cannot be read at the moment; the server's log has it under request id "
    assert code_and_details(refusal) == (grpc.StatusCode.UNAVAILABLE, told + request_id)
    (line,) = (each for each in "".join(capfd.readouterr()).splitlines() if request_id in each)
    assert "warning" in line
    assert str(error) in line


def test_an_outage_is_logged_once_a_second(method: MethodMetrics) -> None:
    """However many calls fail: one is a line, others a number; callers are led to lines that are there."""
    times_s = (0.0, 0.1, 0.9, EVERY_S, EVERY_S, 9.0, 99.0)
    clock, told = iter(times_s), list[str]()

    class Refused(FakeContext):
        def abort_with_status(self, status: grpc.Status) -> NoReturn:
            told.append(status.details)
            super().abort_with_status(status)

    def fail(_serialised: bytes, _call: Call) -> NoReturn:
        raise StoreUnavailableError("gone")

    answer = answer_unary(fail, method, clock=lambda: next(clock))
    with capture_logs() as logs:
        for _ in times_s:
            with pytest.raises(ConnectionAbortedError):
                answer(b"", Refused().as_grpcs())

    lines = [each for each in logs if each["log_level"] == "warning"]
    told_of_others = [(each.get("others_left_out"), each.get("since_s")) for each in lines]
    assert told_of_others == [(None, None), (2, EVERY_S), (1, 9.0 - EVERY_S), (None, None)]
    assert len([each for each in logs if each["log_level"] == "debug"]) == 3
    assert ["under request id" in each for each in told] == [True, False, False, True, False, True, True]


def test_another_kind_of_outage_is_a_line_of_its_own(method: MethodMetrics) -> None:
    """What is left out says the same as what was written."""
    errors = iter([StoreUnavailableError("gone"), RecordingError("full"), StoreUnavailableError("gone")])

    def fail(_serialised: bytes, _call: Call) -> NoReturn:
        raise next(errors)

    answer = answer_unary(fail, method, clock=lambda: 0.0)
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(ConnectionAbortedError):
                answer(b"", FakeContext().as_grpcs())

    assert [(each["error"], each["log_level"]) for each in logs] == [
        ("StoreUnavailableError", "warning"),
        ("RecordingError", "warning"),
        ("StoreUnavailableError", "debug"),
    ]


def test_a_call_is_timed_from_its_arrival(method: MethodMetrics, registry: CollectorRegistry) -> None:
    """What it waited for a thread is part of it, of whichever kind; where nobody knows, from here on."""
    unary = answer_unary(lambda serialised, _call: serialised, method)
    streaming = answer_streaming(lambda serialised, _call: iter([serialised]), method)

    def took_s() -> float:
        return registry.get_sample_value("grpc_server_handling_seconds_sum", LABELS) or 0.0

    began_s = perf_counter()
    unary(b"", FakeContext().as_grpcs())
    assert 0 < took_s() <= perf_counter() - began_s
    unary(b"", Waited(100.0).as_grpcs())
    assert took_s() >= 100.0
    list(streaming(b"", Waited(1_000.0).as_grpcs()))
    assert took_s() >= 1_100.0


def test_a_damaged_record_is_said_to_its_caller_only(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    """Who asked for a user is told that their record is damaged; the log counts it without the user's id."""
    error = DamagedRecordError("damaged record, batch profile of user 'ann': its checksum does not match")
    refusal = refused(serve(profiles=BrokenStore(error)))

    assert code_and_details(refusal) == (grpc.StatusCode.DATA_LOSS, str(error))
    logged = "".join(capfd.readouterr())
    assert "DamagedRecordError" in logged
    assert not re.search(r"\bann\b", logged)


def test_a_defect_is_internal_and_shows_no_traceback(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    """An unexpected error is INTERNAL with the request id; its text stays in the server's log."""
    refusal = refused(serve(profiles=BrokenStore(ZeroDivisionError("secret detail"))))

    request_id = request_id_of(refusal)
    assert len(request_id) == 32
    assert code_and_details(refusal) == (
        grpc.StatusCode.INTERNAL,
        f"internal error; the server's log has it under request id {request_id}",
    )
    logged = "".join(capfd.readouterr())
    assert "secret detail" in logged
    assert request_id in logged


def test_every_call_can_be_found_in_the_log(stub: RecommenderStub, capfd: pytest.CaptureFixture[str]) -> None:
    """Answered or not, a call is one line with its request id and its method, and without its user."""
    answered = stub.Recommend(pb.RecommendRequest(user_id="ben")).request_id
    with pytest.raises(grpc.RpcError) as refusal:
        stub.GetProfile(pb.GetProfileRequest(user_id="nobody"))

    lines = "".join(capfd.readouterr()).splitlines()
    (good,) = (line for line in lines if answered in line)
    (bad,) = (line for line in lines if request_id_of(refusal.value) in line)
    assert "call answered" in good
    assert "method=Recommend" in good
    assert "NOT_FOUND" in bad
    assert "method=GetProfile" in bad
    assert not any("ben" in line or "nobody" in line for line in lines)


def test_a_stream_is_refused_like_a_single_call(serve: Serve) -> None:
    """RecommendBatch breaks off with the same status and message as Recommend."""
    stub = serve(profiles=BrokenStore(StoreUnavailableError("the store does not answer")))

    with pytest.raises(grpc.RpcError) as refusal:
        list(stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ann"])))

    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


GONE = {
    "Canceled": FakeContext(is_active=False),
    "DeadlineExceeded": FakeContext(time_remaining=0.0),
}


@pytest.mark.parametrize("code", GONE)
def test_nothing_begins_for_a_caller_who_is_gone(
    code: str, method: MethodMetrics, registry: CollectorRegistry
) -> None:
    """A call that nobody waits for any more when its turn comes is not even read, and counted as that."""

    def never(_serialised: bytes, _call: Call) -> NoReturn:
        pytest.fail("it began")

    answer_one = answer_unary(never, method)
    answer_many = answer_streaming(never, method)
    with pytest.raises(ConnectionAbortedError):
        answer_one(b"", GONE[code].as_grpcs())
    with pytest.raises(ConnectionAbortedError):
        next(answer_many(b"", GONE[code].as_grpcs()))

    assert ended(registry) == {code: 2}


def test_an_answer_that_comes_too_late_is_no_success(
    method: MethodMetrics, registry: CollectorRegistry
) -> None:
    """Who cancelled while the call was answered never saw an OK: none is counted."""
    context = FakeContext()

    def late(_serialised: bytes, _call: Call) -> bytes:
        context.caller_leaves()
        return b""

    with pytest.raises(ConnectionAbortedError):
        answer_unary(late, method)(b"", context.as_grpcs())

    assert ended(registry) == {"Canceled": 1}
    assert registry.get_sample_value("grpc_server_msg_sent_total", LABELS) == 0


@pytest.mark.parametrize(("remaining_s", "code"), [(None, "Canceled"), (0.0, "DeadlineExceeded")])
def test_a_stream_nobody_reads_on_is_counted_as_that(
    remaining_s: float | None, code: str, method: MethodMetrics, registry: CollectorRegistry
) -> None:
    """A stream that grpc drops because its caller left between two messages did not end well."""

    def numbers(_serialised: bytes, call: Call) -> Iterator[bytes]:
        yield b"1"
        # Its time passes in between.
        call.deadline = Deadline(remaining_s)
        yield b"2"

    answer = answer_streaming(numbers, method)
    stream = answer(b"", FakeContext().as_grpcs())
    assert [next(stream), next(stream)] == [b"1", b"2"]
    stream.close()

    assert ended(registry) == {code: 1}
    assert registry.get_sample_value("grpc_server_msg_sent_total", LABELS) == 1


def test_a_cancelled_batch_stops() -> None:
    """When the caller of a long batch gives up, the server stops asking the store for further users."""
    asked: list[str] = []

    class Store(InMemoryProfiles):
        def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
            asked.append(user_id)
            return super().read(user_id, held)

    users = [f"user-{i}" for i in range(1_000)]
    store = Store(describe(), profiles=[make_profile(user, {"cat-0": 1.0}) for user in users])
    server = wire_server(make_pins(n=2_000), store, settings())
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        # 30 MB of answers: more than the connection takes while nobody reads.
        stream = RecommenderStub(channel).RecommendBatch(
            pb.RecommendBatchRequest(user_ids=users, max_candidates=1_000)
        )
        next(stream)
        stream.cancel()
        wait_until(lambda: bool(ended(server.registry)))
    server.stop(grace_s=1)

    assert ended(server.registry) == {"Canceled": 1}
    assert len(asked) < len(users)


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
    assert refusal.value.details() == "the request is not a valid pinnersage.v1.RecommendRequest"
    assert ended(server.registry) == {"OK": 1, "InvalidArgument": 1}
    assert server.registry.get_sample_value("grpc_server_started_total", LABELS) == 2


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
