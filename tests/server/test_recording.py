"""Actions that callers report: in the stream before they are answered, and nobody else waits for them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from pinnersage.v1 import recommender_pb2 as pb
from server.deadlines import Deadline
from server.errors import DeadlineExpiredError, RecordingError
from server.recording import Recorder, RecordingPolicy
from storage.errors import StreamFullError
from storage.events.opening import open_consumer
from storage.events.records import Event, Record
from tests.server.conftest import Serve, request_id_of
from tests.server.test_filtered_calls import violations
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S, wait_until

SAVE = Event("ann", "cat-1", 1_700_000_000, "save")
NOBODY_WAITS_LONG = RecordingPolicy(timeout_s=0.05)
# Who is to be answered has all the time that a thread or a disk may take for it.
PATIENT = RecordingPolicy(timeout_s=HANG_S)


def request(**changes: Any) -> pb.RecordActionRequest:
    fields: dict[str, Any] = {"user_id": "ann", "pin_id": "cat-1", "action": "save"}
    return pb.RecordActionRequest(**(fields | changes))


def recorded(url: str) -> list[Record]:
    with closing(open_consumer(url)) as consumer:
        return list(consumer.read(max_records=100, timeout_s=0.5).records)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of this file wait for the stream for as long as it takes to open it, or to sync a disk."""
    monkeypatch.setattr("server.bootstrap.Recorder", partial(Recorder, policy=PATIENT))


@pytest.fixture(params=["file", "redis"])
def events(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty stream."""
    if request.param == "file":
        return f"file:{tmp_path}/events.jsonl"
    valkey: Valkey = request.getfixturevalue("valkey")
    return f"redis://127.0.0.1:{valkey.port}/0?stream={tmp_path.name}&timeout_s=60"


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.stop()


def test_an_answered_action_is_in_the_stream(serve: Serve, events: str) -> None:
    """As it was sent, id and time and all; without a time it happened now."""
    stub, then = serve(events=events), Timestamp(seconds=1_700_000_000, nanos=900_000_000)
    first = stub.RecordAction(
        request(action_time=then, event_id="a-1"), metadata=(("x-request-id", "page-7"),)
    )
    before_s = int(time.time())
    second = stub.RecordAction(request(user_id="名前", action="hide"))
    after_s = int(time.time())

    assert (first.request_id, first.action_time.seconds) == ("page-7", 1_700_000_000)
    assert before_s <= second.action_time.seconds <= after_s
    assert recorded(events) == [
        Event("ann", "cat-1", 1_700_000_000, "save", "a-1"),
        Event("名前", "cat-1", second.action_time.seconds, "hide"),
    ]


def test_without_a_stream_the_caller_reads_what_to_set(serve: Serve) -> None:
    """Off by default; whatever the request is like."""
    stub = serve()
    with pytest.raises(grpc.RpcError, match="start it with --events URL") as refusal:
        stub.RecordAction(pb.RecordActionRequest())
    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION


IN_TWO_HOURS = Timestamp(seconds=int(time.time()) + 7_200)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"pin_id": "ü" * 65}, "pin_id"),
        ({"action": ""}, "action"),
        ({"event_id": ""}, "event_id"),
        ({"action_time": Timestamp(seconds=-1)}, "action_time"),
        ({"action_time": IN_TWO_HOURS}, "action_time"),
        # Milliseconds, most likely.
        ({"action_time": Timestamp(seconds=1_700_000_000_000)}, "action_time"),
    ],
)
def test_what_no_reader_would_take_is_refused(
    serve: Serve, tmp_path: Path, changes: dict[str, object], field: str
) -> None:
    """By the field's name, before anything is appended."""
    events = f"{tmp_path}/events.jsonl"
    with pytest.raises(grpc.RpcError) as refusal:
        serve(events=events).RecordAction(request(**changes))
    assert [each for each, _ in violations(refusal.value)] == [field]
    assert not Path(events).exists()


def test_a_stream_that_cannot_be_written_is_unavailable_and_serving_goes_on(
    serve: Serve, tmp_path: Path
) -> None:
    """Neither the path nor the reason is the caller's; when the stream is back, so is the method."""
    folder = tmp_path / "gone" / "deep"
    (tmp_path / "gone").touch()
    stub = serve(events=f"{folder}/events.jsonl")
    with pytest.raises(grpc.RpcError) as refusal:
        stub.RecordAction(request())
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refusal.value.details() == "the event stream cannot be written"
    assert request_id_of(refusal.value)
    assert stub.Recommend(pb.RecommendRequest(user_id="ann")).candidates

    (tmp_path / "gone").unlink()
    stub.RecordAction(request())
    assert len(recorded(f"{folder}/events.jsonl")) == 1


class Gate:
    """An appender that stands still until it is let go, and notes what it is given at once."""

    def __init__(self) -> None:
        self.is_open, self.is_reached = threading.Event(), threading.Event()
        self.appended: list[Sequence[Record]] = []
        self.closed = 0

    def append(self, records: Sequence[Record]) -> None:
        self.is_reached.set()
        assert self.is_open.wait(HANG_S)
        self.appended.append(records)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def recording() -> Iterator[Callable[..., Recorder]]:
    started: list[Recorder] = []

    def start(appender: Any, policy: RecordingPolicy | None = None) -> Recorder:
        started.append(Recorder(lambda: appender, policy or PATIENT))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        assert each.stop(time.monotonic() + HANG_S)


def event(n: int) -> Event:
    return Event("ann", f"cat-{n}", 1_700_000_000 + n, "save")


def test_actions_that_come_together_are_appended_together(recording: Callable[..., Recorder]) -> None:
    """Nine wait while the first is written: then they share one write."""
    gate = Gate()
    recorder = recording(gate)
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(recorder.record, event(0), Deadline())
        assert gate.is_reached.wait(HANG_S)
        others = [pool.submit(recorder.record, event(n), Deadline()) for n in range(1, 10)]
        wait_until(lambda: recorder._waiting.qsize() == 9)
        gate.is_open.set()
        for each in (first, *others):
            each.result(HANG_S)
    assert [len(each) for each in gate.appended] == [1, 9]
    assert {each.pin_id for each in gate.appended[1] if isinstance(each, Event)} == {
        f"cat-{n}" for n in range(1, 10)
    }


def test_nobody_waits_longer_than_they_may(recording: Callable[..., Recorder]) -> None:
    """The server's bound, or their own deadline, whichever is sooner."""
    gate = Gate()
    with pytest.raises(RecordingError, match="does not answer in time"):
        recording(gate, NOBODY_WAITS_LONG).record(event(0), Deadline(HANG_S))
    with pytest.raises(DeadlineExpiredError):
        recording(gate).record(event(1), Deadline(0.01))
    gate.is_open.set()


def test_what_was_given_up_in_the_queue_is_not_written(recording: Callable[..., Recorder]) -> None:
    """It waited behind another one; who comes after it is answered."""
    gate = Gate()
    recorder = recording(gate)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(recorder.record, event(0), Deadline())
        assert gate.is_reached.wait(HANG_S)
        with pytest.raises(DeadlineExpiredError):
            recorder.record(event(1), Deadline(0.01))
        gate.is_open.set()
        first.result(HANG_S)
    recorder.record(event(2), Deadline())
    assert [[each.timestamp_s % 10 for each in some] for some in gate.appended] == [[0], [2]]


def test_too_many_are_refused_at_once(recording: Callable[..., Recorder]) -> None:
    """One is being written and two may wait: the fourth hears so without waiting."""
    gate = Gate()
    recorder = recording(gate, replace(PATIENT, waiting=2))
    with ThreadPoolExecutor(3) as pool:
        futures: list[Future[None]] = [pool.submit(recorder.record, event(0), Deadline())]
        assert gate.is_reached.wait(HANG_S)
        futures += [pool.submit(recorder.record, event(n), Deadline()) for n in (1, 2)]
        wait_until(recorder._waiting.full)
        with pytest.raises(RecordingError, match="too many actions wait"):
            recorder.record(event(3), Deadline())
        gate.is_open.set()
        for each in futures:
            each.result(HANG_S)


def test_a_full_stream_fails_all_who_wait_and_is_opened_anew(recording: Callable[..., Recorder]) -> None:
    """Nobody is told that it was kept; the next one begins with a new appender."""

    class Full(Gate):
        def append(self, records: Sequence[Record]) -> None:
            if not self.closed:
                raise StreamFullError("no room is left")
            super().append(records)

    full = Full()
    full.is_open.set()
    recorder = recording(full)
    with pytest.raises(RecordingError, match="cannot be written"):
        recorder.record(SAVE, Deadline())
    assert full.closed == 1
    recorder.record(SAVE, Deadline())
    assert full.appended == [[SAVE]]


def test_what_waits_at_the_end_is_kept(recording: Callable[..., Recorder]) -> None:
    """A server that stops answers its last callers first."""
    gate = Gate()
    recorder = recording(gate)
    with ThreadPoolExecutor(1) as pool:
        last = pool.submit(recorder.record, SAVE, Deadline())
        assert gate.is_reached.wait(HANG_S)
        gate.is_open.set()
        assert recorder.stop(time.monotonic() + HANG_S)
        last.result(HANG_S)
    assert gate.closed == 1
