"""Calls as they arrive: each takes a thread once its request is here, and only if there is room for it.

gRPC's own pool gives a call its thread at its first byte, and lets it wait there for the request: as many
callers as there are threads, none of whom sends his request, and nobody is served. Here the request is
received by the thread that polls for all calls. That also spares a thread the second time it is woken: a
fifth of what an empty call costs the processor when calls come together. A call too many is turned away in
the polling thread, by its headers where that will do.

Unary calls come straight from gRPC's core (`receive`, see server.unary), streams and health from grpc._server
(`submit`). This is the one place that knows how that hands over its calls. The version is locked, and
tests/server/test_arrivals.py fails should another one do it differently.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode, _server
from grpc._cython import cygrpc  # type: ignore[attr-defined] # not in the stubs

from server.admission import Admission
from server.call_threads import CallThreads, Work

PUSHBACK_MS = 100
PUSHBACK_KEY = "grpc-retry-pushback-ms"
DETAILS_KEY = "grpc-status-details-bin"
NO_REQUEST = "exactly one request message is needed"
TOO_MANY = "the server has as many calls as it can answer in time: come back later, or ask another one"

Handed: TypeAlias = Any  # grpc's own objects, of classes without types
Method: TypeAlias = bytes  # "/pinnersage.v1.Recommender/Recommend"
Metadata: TypeAlias = "tuple[tuple[str, str | bytes], ...]"


def _taken() -> "Future[None]":
    future: Future[None] = Future()
    future.set_result(None)
    return future


# grpc only counts what it has handed over, for a limit of its own that is not used.
_HANDED_OVER = _taken()


class Arriving(Protocol):
    """A call that does not come through grpc._server: see server.unary."""

    method: Method

    def time_remaining(self) -> float:
        """Seconds to its deadline."""
        ...

    def ask_for_request(self, pool: "RequestFirstPool") -> None:
        """Have the pool take it on when its request is here."""
        ...

    def answer(self, request: bytes) -> None:
        """Have its method answer, in the thread at hand."""
        ...

    def refuse(self, code: StatusCode, why: str, metadata: Metadata = ()) -> None:
        """End it without an answer."""
        ...


class RequestFirstPool(ThreadPoolExecutor):
    """Threads for methods that take one message.

    Args:
        admission: How many threads, and how many calls may wait for one.
        name: The threads' name.
        count_shed: Told the method of each call that is turned away.
        count_wait: Told how many seconds each call waited that found no thread free.
    """

    def __init__(
        self,
        admission: Admission,
        *,
        name: str,
        count_shed: Callable[[Method], None],
        count_wait: Callable[[float], None],
    ) -> None:
        super().__init__(max_workers=1)
        self.admission = admission
        # Its own are never started.
        self._call_threads = CallThreads(admission.bounds.threads, name)
        self._count_shed, self._count_wait = count_shed, count_wait

    def receive(self, call: Arriving) -> None:
        """Take over a call that has come."""
        if self.admission.has_room(call.time_remaining()):
            call.ask_for_request(self)
        else:
            self._refuse(call)

    def take_on(self, call: Arriving, request: bytes) -> None:
        """Have it answered, now that its request is here."""
        if self.admission.enter(call.time_remaining()):
            self._hand_over(call.answer, request)
        else:
            self._refuse(call)

    def _refuse(self, call: Arriving) -> None:
        self._count_shed(call.method)
        call.refuse(StatusCode.RESOURCE_EXHAUSTED, TOO_MANY, _COME_BACK_LATER)

    def submit(self, run: Handed, /, *handed: Handed, **_: Handed) -> "Future[Any]":
        """Take a call over from grpc, which holds the lock of the call's state."""
        answer, event, state, behaviour, _await_request, deserialiser, serialiser = handed
        if not self.admission.has_room(_remaining_s(event)):
            self._turn_away(event, state)
            return _HANDED_OVER

        def work(request: bytes) -> None:
            run(answer, event, state, behaviour, lambda: request, deserialiser, serialiser)

        self.admission.begin()
        state.callbacks.append(self.admission.end)
        self._receive(event, state, deserialiser, work)
        return _HANDED_OVER

    def _receive(self, event: Handed, state: Handed, deserialiser: Handed, work: Work) -> None:
        """Ask for the request, and go on in the polling thread when it is here."""
        receive = _server._receive_message(state, event.call, deserialiser)

        def arrived(received: Handed) -> Handed:
            ended = receive(received)
            with state.condition:
                request, state.request = state.request, None
                if request is not None:
                    self._take_on(event, state, request, work)
                elif _server._is_rpc_state_active(state):
                    _abort(event, state, StatusCode.UNIMPLEMENTED, NO_REQUEST)
            return ended

        event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), arrived)
        state.due.add(_server._RECEIVE_MESSAGE_TOKEN)

    def _take_on(self, event: Handed, state: Handed, request: bytes, work: Work) -> None:
        if not _server._is_rpc_state_active(state):
            return
        if self.admission.enter(_remaining_s(event)):
            self._hand_over(work, request)
        else:
            self._turn_away(event, state)

    def _turn_away(self, event: Handed, state: Handed) -> None:
        self._count_shed(event.call_details.method)
        state.trailing_metadata = _COME_BACK_LATER
        _abort(event, state, StatusCode.RESOURCE_EXHAUSTED, TOO_MANY)

    def _hand_over(self, work: Work, request: bytes) -> None:
        """Let the next thread that is free do it."""
        waits_since = time.perf_counter() if self.admission.queued else None

        def do(request: bytes) -> None:
            began = time.perf_counter()
            if waits_since is not None:
                self._count_wait(began - waits_since)
            try:
                work(request)
            finally:
                self.admission.leave(time.perf_counter() - began)

        self._call_threads.run(do, request)


class RefusingPool(ThreadPoolExecutor):
    """In place of threads: every call is refused at once, whatever its request.

    Args:
        status: What it is told.
        why: The same in words.
        count_refused: Told the method of each call.
    """

    def __init__(self, status: StatusCode, why: str, count_refused: Callable[[Method], None]) -> None:
        # It never starts the thread.
        super().__init__(max_workers=1)
        self._status, self._why, self._count_refused = status, why, count_refused

    def receive(self, call: Arriving) -> None:
        """Refuse a call that has come."""
        self._count_refused(call.method)
        call.refuse(self._status, self._why)

    def submit(self, _run: Handed, /, *handed: Handed, **_: Handed) -> "Future[Any]":
        """Refuse a call that grpc hands over."""
        event, state = handed[1:3]
        self._count_refused(event.call_details.method)
        _abort(event, state, self._status, self._why)
        return _HANDED_OVER


def _remaining_s(event: Handed) -> float:
    # As grpc's own time_remaining; without a deadline it is centuries away.
    deadline_s: float = event.call_details.deadline
    return deadline_s - time.time()


def _abort(event: Handed, state: Handed, status: StatusCode, details: str) -> None:
    _server._abort(state, event.call, status.value[0], details.encode())


def _come_back_later() -> Metadata:
    """The metadata of every call turned away: when to try again, for gRPC's own retries and for people."""
    wait = AnyMessage()
    wait.Pack(error_details_pb2.RetryInfo(retry_delay=Duration(nanos=PUSHBACK_MS * 1_000_000)))
    details = status_pb2.Status(code=StatusCode.RESOURCE_EXHAUSTED.value[0], message=TOO_MANY, details=[wait])
    return (PUSHBACK_KEY, str(PUSHBACK_MS)), (DETAILS_KEY, details.SerializeToString())


_COME_BACK_LATER = _come_back_later()
