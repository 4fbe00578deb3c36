"""Calls take a thread with their request in hand, as many as there is room for: in a real gRPC server.

Unary calls come straight from gRPC's core, or through grpc's own server as all others do: what is promised
here holds for both ways.
"""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, NoReturn, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from server.admission import Admission, Bounds
from server.arrivals import PUSHBACK_KEY, PUSHBACK_MS, RequestFirstPool
from server.calls import arrived_s_of
from server.unary import UnaryCalls
from tests.server.threads import refuse_threads
from tests.waiting import HANG_S, wait_until

METHOD = "/tests.Echo/Echo"
STREAM = "/tests.Echo/Twice"
SHED = grpc.StatusCode.RESOURCE_EXHAUSTED

Behaviour = Callable[[bytes, grpc.ServicerContext], bytes]
Streaming = Callable[[bytes, grpc.ServicerContext], Iterator[bytes]]
Serving = AbstractContextManager[tuple[grpc.Channel, Admission, Counter[bytes]]]


class Gate:
    """A method that holds its calls until it is opened, and knows the most that were ever in it."""

    def __init__(self) -> None:
        self._opened, self._changed = threading.Event(), threading.Condition()
        self.inside = self.most = self.total = 0

    def __call__(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        with self._changed:
            self.inside += 1
            self.total += 1
            self.most = max(self.most, self.inside)
            self._changed.notify_all()
        assert self._opened.wait(HANG_S)
        with self._changed:
            self.inside -= 1
        return request

    def open(self) -> None:
        self._opened.set()

    def close(self) -> None:
        self._opened.clear()

    def wait_for(self, inside: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.inside == inside, HANG_S)


def echo(request: bytes, _: grpc.ServicerContext) -> bytes:
    return request


def twice(request: bytes, _: grpc.ServicerContext) -> Iterator[bytes]:
    yield request
    yield request


@contextmanager
def running(
    behaviour: Behaviour = echo,
    *,
    streaming: Streaming = twice,
    is_direct: bool,
    threads: int = 2,
    queued: int = 4,
    waits: list[float] | None = None,
    count: Callable[[object], None] = lambda _: None,
    interceptors: Sequence[grpc.ServerInterceptor] = (),
) -> Iterator[tuple[grpc.Channel, Admission, Counter[bytes]]]:
    """A server with so many threads and places to wait: a channel, its admission, what it turned away.

    Whatever it counts is also counted by `count`.
    """
    shed: Counter[bytes] = Counter()
    waits = [] if waits is None else waits

    def count_shed(method: bytes) -> None:
        shed.update([method])
        count(method)

    def count_wait(seconds: float) -> None:
        waits.append(seconds)
        count(seconds)

    admission = Admission(Bounds(threads=threads, queued=queued))
    pool = RequestFirstPool(admission, name="call", count_shed=count_shed, count_wait=count_wait)
    server = grpc.server(pool, interceptors=list(interceptors))
    handlers = grpc.method_handlers_generic_handler(
        "tests.Echo",
        {
            "Echo": grpc.unary_unary_rpc_method_handler(behaviour),
            "Twice": grpc.unary_stream_rpc_method_handler(streaming),
        },
    )
    server.add_generic_rpc_handlers((handlers,))
    direct = UnaryCalls(server, [METHOD] if is_direct else [], handlers, pool=pool, interceptors=interceptors)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    direct.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel, admission, shed
        server.stop(None).wait()
        assert direct.wait_until_over(HANG_S)


@pytest.fixture(params=[True, False], ids=["direct", "through grpc's server"])
def serving(request: pytest.FixtureRequest) -> Callable[..., Serving]:
    """Servers of either way."""
    return partial(running, is_direct=request.param)


def unary(channel: grpc.Channel) -> "grpc.UnaryUnaryMultiCallable[bytes, bytes]":
    return channel.unary_unary(METHOD)


def streamed(channel: grpc.Channel) -> list[bytes]:
    stream: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(STREAM)
    return list(stream(b"cat", timeout=HANG_S))


def many(channel: grpc.Channel, n: int) -> "list[grpc.Future[bytes]]":
    """So many calls at once, none of which is waited for."""
    return [unary(channel).future(b"%d" % at, timeout=HANG_S) for at in range(n)]


def wait_for_refusals(calls: "list[grpc.Future[bytes]]", n: int) -> None:
    refused = threading.Semaphore(0)
    for call in calls:
        call.add_done_callback(lambda _: refused.release())
    for _ in range(n):
        assert refused.acquire(timeout=HANG_S)


def is_answered(channel: grpc.Channel) -> bool:
    """Whether a call is taken on; else it was turned away."""
    (found,) = codes(many(channel, 1))
    assert found in {grpc.StatusCode.OK, SHED}
    return found is grpc.StatusCode.OK


def codes(calls: "list[grpc.Future[bytes]]") -> Counter[grpc.StatusCode]:
    found: Counter[grpc.StatusCode] = Counter()
    for call in calls:
        error = call.exception(HANG_S)
        assert error is None or isinstance(error, grpc.RpcError)
        found[grpc.StatusCode.OK if error is None else error.code()] += 1
    return found


def test_who_waits_for_a_thread_is_timed(serving: Callable[..., Serving]) -> None:
    """Two of four find one free: the other two are told apart, and how long it took."""
    gate, waits = Gate(), list[float]()
    with serving(gate, threads=2, waits=waits) as (channel, admission, _):
        first = many(channel, 2)
        gate.wait_for(2)
        then = many(channel, 2)
        wait_until(lambda: admission.queued == 2)
        assert waits == []
        gate.open()
        assert codes([*first, *then]) == {grpc.StatusCode.OK: 4}

    assert len(waits) == 2
    assert min(waits) > 0


def test_a_call_says_when_its_request_came(serving: Callable[..., Serving]) -> None:
    """Not when a thread took it: what its method measures from then on is what its caller waits for."""
    gate, arrived_s = Gate(), list[float]()

    def noting(request: bytes, context: grpc.ServicerContext) -> bytes:
        arrived_s.append(arrived_s_of(context) or 0.0)
        return gate(request, context)

    before_s = perf_counter()
    with serving(noting, threads=1) as (channel, admission, _):
        calls = many(channel, 2)
        gate.wait_for(inside=1)
        wait_until(lambda: admission.queued == 1)
        taken_s = perf_counter()
        gate.open()
        assert codes(calls) == {grpc.StatusCode.OK: 2}
    first_s, second_s = arrived_s
    assert before_s <= first_s <= second_s <= taken_s


def test_a_stream_says_when_its_request_came() -> None:
    """As other calls do."""
    arrived_s: list[float] = []

    def noting(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        arrived_s.append(arrived_s_of(context) or 0.0)
        yield request

    before_s = perf_counter()
    with running(streaming=noting, is_direct=True) as (channel, _, _):
        assert streamed(channel) == [b"cat"]
    assert before_s <= arrived_s[0] <= perf_counter()


def test_unary_and_streamed_answers_arrive(serving: Callable[..., Serving]) -> None:
    """A call is answered as by gRPC's own pool, also one whose request is empty."""
    with serving() as (channel, _, _):
        assert unary(channel)(b"cat", timeout=HANG_S) == b"cat"
        assert unary(channel)(b"", timeout=HANG_S) == b""
        assert streamed(channel) == [b"cat", b"cat"]


def test_callers_who_never_send_their_request_hold_no_thread(serving: Callable[..., Serving]) -> None:
    """Ten times as many as there are threads begin a call and stay silent: the others are served."""
    never = threading.Event()

    def silence() -> Iterator[bytes]:
        never.wait(HANG_S)
        yield b""

    with serving(threads=1, queued=1) as (channel, admission, _):
        method: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(METHOD)
        silent = [method.future(silence(), timeout=HANG_S) for _ in range(10)]
        assert [unary(channel)(b"cat", timeout=HANG_S) for _ in range(20)] == [b"cat"] * 20
        assert not any(each.done() for each in silent)
        assert admission.queued == 0
        never.set()


def test_a_call_that_ends_without_a_request_is_told(serving: Callable[..., Serving]) -> None:
    """As gRPC itself does, with a status, and without a thread."""
    with serving() as (channel, admission, _):
        with pytest.raises(grpc.RpcError) as refusal:
            channel.stream_unary(METHOD)(iter([]), timeout=HANG_S)
        assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert admission.wait_until_idle(HANG_S)


def test_the_cap_holds(serving: Callable[..., Serving]) -> None:
    """Ten waves of twenty times the cap: never more at work than threads, never more waiting than places."""
    gate = Gate()
    with serving(gate, threads=3, queued=5) as (channel, admission, shed):
        for _ in range(10):
            gate.close()
            first = many(channel, 3)
            gate.wait_for(inside=3)
            calls = [*first, *many(channel, 157)]
            wait_for_refusals(calls, 152)
            assert admission.in_flight == 8
            gate.open()
            assert codes(calls) == {grpc.StatusCode.OK: 8, SHED: 152}
            assert admission.wait_until_idle(HANG_S)
    assert gate.most == 3
    assert gate.total == 10 * 8
    assert shed == {METHOD.encode(): 10 * 152}


def test_a_call_turned_away_is_told_when_to_come_back(serving: Callable[..., Serving]) -> None:
    """By the trailer that gRPC's retries heed, and by google.rpc.RetryInfo."""
    gate = Gate()
    with serving(gate, threads=1, queued=0) as (channel, _, _):
        held = many(channel, 1)
        gate.wait_for(inside=1)
        with pytest.raises(grpc.RpcError) as refusal:
            unary(channel)(b"", timeout=HANG_S)
        gate.open()
        assert codes(held) == {grpc.StatusCode.OK: 1}

    error = refusal.value
    assert isinstance(error, grpc.Call)
    assert error.code() is SHED
    assert dict(error.trailing_metadata())[PUSHBACK_KEY] == str(PUSHBACK_MS)
    status = rpc_status.from_call(error)
    assert status is not None
    retry = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == PUSHBACK_MS
    assert "come back later" in status.message


def test_callers_who_give_up_leave_no_trace(serving: Callable[..., Serving]) -> None:
    """Cancelled while it waits, while it is answered, or at once: every place is free again."""
    gate = Gate()
    with serving(gate, threads=1, queued=4) as (channel, admission, _):
        calls = many(channel, 5)
        gate.wait_for(inside=1)
        for call in calls:
            call.cancel()
        for call in many(channel, 50):
            call.cancel()
        gate.open()
        # Those that gave up at once may still be arriving, and take places until they are found to be gone.
        wait_until(lambda: is_answered(channel))
        assert admission.wait_until_idle(HANG_S)
        assert admission.in_flight == 0


def test_an_answer_is_waited_for(serving: Callable[..., Serving]) -> None:
    """Nobody is idle while a call has no answer."""
    gate = Gate()
    with serving(gate) as (channel, admission, _):
        calls = many(channel, 1)
        gate.wait_for(inside=1)
        assert not admission.wait_until_idle(0.05)
        gate.open()
        assert admission.wait_until_idle(HANG_S)
        assert codes(calls) == {grpc.StatusCode.OK: 1}


def test_a_failing_method_gives_its_place_back(serving: Callable[..., Serving]) -> None:
    """A defect costs the call, not the thread."""

    def fail(request: bytes, _: grpc.ServicerContext) -> bytes:
        raise ValueError(request)

    with serving(fail, threads=1, queued=0) as (channel, admission, _):
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as refusal:
                unary(channel)(b"cat", timeout=HANG_S)
            assert refusal.value.code() is grpc.StatusCode.UNKNOWN
            assert admission.wait_until_idle(HANG_S)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: "no bytes",
        lambda context: context.abort_with_status(Refusal(SHED, "\udc80", ())),
        lambda context: context.abort_with_status(Refusal(SHED, "", cast(Any, (("no value",),)))),
        lambda _: sys.exit("leave"),
    ],
    ids=["no bytes", "no text", "no metadata", "no Exception"],
)
def test_what_cannot_be_sent_costs_the_call_alone(answer: Callable[[Any], bytes]) -> None:
    """Its caller is told at once, and the one thread there is answers the next call."""

    def behaviour(request: bytes, context: grpc.ServicerContext) -> bytes:
        return answer(context) if request == b"dog" else request

    with running(behaviour, is_direct=True, threads=1) as (channel, admission, _):
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as refusal:
                unary(channel)(b"dog", timeout=HANG_S)
            assert refusal.value.code() is grpc.StatusCode.UNKNOWN
            assert unary(channel)(b"cat", timeout=HANG_S) == b"cat"
        assert admission.wait_until_idle(HANG_S)


def test_a_method_learns_what_its_caller_said(serving: Callable[..., Serving]) -> None:
    """The deadline as seconds from now, none as centuries; and the metadata."""
    heard: list[tuple[float, str | bytes]] = []

    def hear(request: bytes, context: grpc.ServicerContext) -> bytes:
        heard.append((context.time_remaining(), dict(context.invocation_metadata())["name"]))
        return request

    with serving(hear) as (channel, _, _):
        unary(channel)(b"cat", timeout=HANG_S, metadata=(("name", "ann"),))
        unary(channel)(b"cat", metadata=(("name", "ben"),))

    (with_deadline, ann), (without, ben) = heard
    # On the wire it is rounded up, to three digits or so.
    assert 0 < with_deadline <= 1.02 * HANG_S
    assert without > 1e9
    assert (ann, ben) == ("ann", "ben")


def test_a_method_learns_that_its_caller_is_gone(serving: Callable[..., Serving]) -> None:
    """While it is at work; what it returns then is for nobody, and keeps no place."""
    begun, heard = threading.Event(), threading.Event()

    def hear(request: bytes, context: grpc.ServicerContext) -> bytes:
        assert context.is_active()
        begun.set()
        wait_until(lambda: not context.is_active())
        heard.set()
        return request

    with serving(hear, threads=1, queued=0) as (channel, admission, _):
        (call,) = many(channel, 1)
        assert begun.wait(HANG_S)
        call.cancel()
        assert heard.wait(HANG_S)
        assert admission.wait_until_idle(HANG_S)


class Refusal(NamedTuple):
    """Implements grpc.Status."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def test_a_refusal_arrives_whole(serving: Callable[..., Serving]) -> None:
    """Its code, its words, and its metadata, which may be bytes."""

    def refuse(_: bytes, context: grpc.ServicerContext) -> bytes:
        told = Refusal(grpc.StatusCode.NOT_FOUND, "no cät", (("why", "gone"), ("details-bin", b"\0\xff")))
        context.abort_with_status(cast(grpc.Status, told))

    with serving(refuse) as (channel, _, _), pytest.raises(grpc.RpcError) as refusal:
        unary(channel)(b"cat", timeout=HANG_S)

    error = refusal.value
    assert isinstance(error, grpc.Call)
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no cät")
    assert dict(error.trailing_metadata()) == {"why": "gone", "details-bin": b"\0\xff"}


def test_an_interceptor_that_fails_costs_the_call_alone(serving: Callable[..., Serving]) -> None:
    """Its caller is told at once, and the next one is answered."""

    class Failing(grpc.ServerInterceptor):
        def intercept_service(
            self, continuation: Callable[[Any], Any], handler_call_details: grpc.HandlerCallDetails
        ) -> Any:
            if ("name", "ann") in handler_call_details.invocation_metadata:
                raise ValueError("no ann")
            return continuation(handler_call_details)

    with serving(interceptors=[Failing()]) as (channel, _, _):
        with pytest.raises(grpc.RpcError) as refusal:
            unary(channel)(b"cat", timeout=HANG_S, metadata=(("name", "ann"),))
        assert refusal.value.code() is grpc.StatusCode.UNKNOWN
        assert unary(channel)(b"cat", timeout=HANG_S) == b"cat"


def fail(*_: object) -> NoReturn:
    raise ValueError("a defect")


@pytest.mark.parametrize("step", ["has_room", "enter"])
def test_every_call_is_told_something(
    serving: Callable[..., Serving], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails as it comes, or as its request does, costs that call alone; the server ends in order."""
    with serving(threads=1) as (channel, admission, _):
        with monkeypatch.context() as failing:
            failing.setattr(admission, step, fail)
            assert codes(many(channel, 3)) == {grpc.StatusCode.UNKNOWN: 3}
            with pytest.raises(grpc.RpcError) as refusal:
                streamed(channel)
            assert refusal.value.code() is grpc.StatusCode.UNKNOWN
        assert unary(channel)(b"cat", timeout=HANG_S) == b"cat"
        assert streamed(channel) == [b"cat", b"cat"]
        assert admission.wait_until_idle(HANG_S)


def test_a_call_whose_threads_cannot_take_it_is_told() -> None:
    """A defect in how methods and threads were put together is seen by callers at once."""

    def behaviour(request: bytes, _: grpc.ServicerContext) -> bytes:
        return request

    behaviour.experimental_thread_pool = ThreadPoolExecutor()  # type: ignore[attr-defined] # as grpc has it
    with running(behaviour, is_direct=True) as (channel, _, _):
        assert codes(many(channel, 3)) == {grpc.StatusCode.UNKNOWN: 3}


def test_a_count_that_fails_costs_no_call(serving: Callable[..., Serving]) -> None:
    """As on a full disk: one is answered, one waits and is answered, one is turned away as it would be."""
    gate = Gate()
    with serving(gate, threads=1, queued=1, count=fail) as (channel, admission, shed):
        calls = many(channel, 1)
        gate.wait_for(inside=1)
        calls += many(channel, 1)
        wait_until(lambda: admission.queued == 1)
        calls += many(channel, 1)
        wait_for_refusals(calls[2:], 1)
        gate.open()
        assert codes(calls) == {grpc.StatusCode.OK: 2, SHED: 1}
        assert admission.wait_until_idle(HANG_S)
    assert shed == {METHOD.encode(): 1}


def test_all_are_answered_while_the_system_has_no_thread_to_give(
    serving: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the threads there are; once it gives another, two are at work, and the server ends in order."""
    gate = Gate()
    with serving(gate, threads=2) as (channel, admission, _):
        with monkeypatch.context() as refusing:
            refuse_threads(refusing, "call")
            calls = many(channel, 1)
            gate.wait_for(inside=1)
            calls += many(channel, 1)
            wait_until(lambda: admission.in_flight == 2)
            gate.open()
            assert codes(calls) == {grpc.StatusCode.OK: 2}
            assert streamed(channel) == [b"cat", b"cat"]
        assert gate.most == 1

        gate.close()
        calls = many(channel, 2)
        gate.wait_for(inside=2)
        gate.open()
        assert codes(calls) == {grpc.StatusCode.OK: 2}


def test_the_server_ends_whatever_its_callers_do(serving: Callable[..., Serving]) -> None:
    """Some send no request, one is answered, one waits: all are told, and nothing is left."""
    gate, never = Gate(), threading.Event()

    def silence() -> Iterator[bytes]:
        never.wait(HANG_S)
        yield b""

    with serving(gate, threads=1, queued=1) as (channel, admission, _):
        method: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(METHOD)
        silent = [method.future(silence(), timeout=HANG_S) for _ in range(3)]
        calls = many(channel, 2)
        gate.wait_for(inside=1)
        wait_until(lambda: admission.queued == 1)
        threading.Timer(0.05, gate.open).start()

    assert all(call.exception(HANG_S) is not None for call in [*silent, *calls])
    assert admission.wait_until_idle(HANG_S)
    never.set()


@pytest.mark.parametrize(
    ("in_flight", "queued", "has_room"), [(0, 0, True), (2, 0, True), (5, 3, True), (6, 4, False)]
)
def test_the_places_are_counted(in_flight: int, queued: int, has_room: bool) -> None:
    """Two threads and four places to wait: the third call waits, the seventh is turned away."""
    admission = Admission(Bounds(threads=2, queued=4))
    for _ in range(in_flight):
        assert admission.enter()
    assert (admission.in_flight, admission.queued, admission.has_room()) == (in_flight, queued, has_room)
    assert admission.enter() == has_room


def busy_for(seconds: float, *, threads: int, queued: int) -> Admission:
    """Each of its latest calls took so long."""
    admission = Admission(Bounds(threads=threads, queued=queued))
    for _ in range(1_000):
        assert admission.enter()
        admission.leave(seconds)
    return admission


@pytest.mark.parametrize(
    ("in_flight", "least_s"),
    [
        (0, 0.0),  # a thread is free: whoever comes is tried
        (1, 0.0),
        (2, 1.8),  # three calls, this one among them, at half a second each, and a fifth to spare
        (5, 3.6),
    ],
)
def test_a_call_that_would_come_too_late_is_turned_away(in_flight: int, least_s: float) -> None:
    """Two threads and a second a call; who set no deadline waits as long as it takes."""
    admission = busy_for(1.0, threads=2, queued=4)
    for _ in range(in_flight):
        assert admission.enter()

    assert admission.has_room(least_s + 0.01)
    assert admission.has_room(least_s - 0.01) == (least_s == 0.0)
    assert admission.enter()


def test_what_calls_take_is_learnt_anew() -> None:
    """After a spell of calls of a minute, two hundred quick ones are enough to take on what has a second."""
    admission = busy_for(60.0, threads=1, queued=200)
    assert admission.enter()
    assert not admission.has_room(1.0)
    for _ in range(200):
        admission.leave(0.01)
        assert admission.enter()

    assert admission.has_room(1.0)


def test_who_is_too_late_learns_it_at_once(serving: Callable[..., Serving]) -> None:
    """With the same answer as any call too many, long before the deadline; the others are served."""
    gate = Gate()
    with serving(gate, threads=1, queued=4) as (channel, admission, shed):
        for _ in range(100):
            assert admission.enter()
            admission.leave(1_000.0)
        patient: list[grpc.Future[bytes]] = [unary(channel).future(b"cat")]
        gate.wait_for(inside=1)
        patient.append(unary(channel).future(b"cat"))
        with pytest.raises(grpc.RpcError) as refusal:
            unary(channel)(b"dog", timeout=HANG_S)
        gate.open()

        assert refusal.value.code() is SHED
        assert codes(patient) == {grpc.StatusCode.OK: 2}
    assert shed == {METHOD.encode(): 1}
