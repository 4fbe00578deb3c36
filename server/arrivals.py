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
from contextlib import suppress
from typing import Any, Protocol, TypeAlias, TypeVar

import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode, _server
from grpc._cython import cygrpc  # type: ignore[attr-defined] # not in the stubs

from server.admission import Admission
from server.call_threads import CallThreads

PUSHBACK_MS = 100
PUSHBACK_KEY = "grpc-retry-pushback-ms"
DETAILS_KEY = "grpc-status-details-bin"
NO_REQUEST = "exactly one request message is needed"
TOO_MANY = "the server has as many calls as it can answer in time: come back later, or ask another one"

Handed: TypeAlias = Any  # grpc's own objects, of classes without types
Behaviour: TypeAlias = Callable[..., Any]
Method: TypeAlias = bytes  # "/pinnersage.v1.Recommender/Recommend"
Metadata: TypeAlias = "tuple[tuple[str, str | bytes], ...]"
T = TypeVar("T")

log = structlog.get_logger("server.arrivals")


def _taken() -> "Future[None]":
    future: Future[None] = Future()
    future.set_result(None)
    return future


# grpc only counts what it has handed over, for a limit of its own that is not used.
_HANDED_OVER = _taken()


class Arriving(Protocol):
    """A call that has come: from gRPC's core (server.unary), or from grpc._server (`_HandedOver`).

    Attributes:
        method: What is called.
        arrived_s: When its request was here, by time.perf_counter: its context says the same.
    """

    method: Method
    arrived_s: float

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
        self._count_shed, self._count_wait = _harmless(count_shed), _harmless(count_wait)

    def submit(self, run: Handed, /, *handed: Handed, **_: Handed) -> "Future[Any]":
        """Take a call over from grpc, which holds the lock of the call's state."""
        self.receive(_HandedOver(run, handed))
        return _HANDED_OVER

    def receive(self, call: Arriving) -> None:
        """Take over a call that has come; raises nothing."""
        try:
            if self.admission.has_room(call.time_remaining()):
                call.ask_for_request(self)
            else:
                self._turn_away(call)
        except Exception:
            _give_up(call)

    def take_on(self, call: Arriving, request: bytes) -> None:
        """Have it answered, now that its request is here; raises nothing."""
        try:
            if self.admission.enter(call.time_remaining()):
                self._hand_over(call, request)
            else:
                self._turn_away(call)
        except Exception:
            _give_up(call)

    def _turn_away(self, call: Arriving) -> None:
        self._count_shed(call.method)
        call.refuse(StatusCode.RESOURCE_EXHAUSTED, TOO_MANY, _COME_BACK_LATER)

    def _hand_over(self, call: Arriving, request: bytes) -> None:
        """Let the next thread that is free answer it."""
        call.arrived_s = time.perf_counter()
        waits = self.admission.queued > 0

        def answer(request: bytes) -> None:
            began = time.perf_counter()
            if waits:
                self._count_wait(began - call.arrived_s)
            try:
                call.answer(request)
            finally:
                self.admission.leave(time.perf_counter() - began)

        self._call_threads.run(answer, request)


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
        self._status, self._why, self._count_refused = status, why, _harmless(count_refused)

    def submit(self, run: Handed, /, *handed: Handed, **_: Handed) -> "Future[Any]":
        """Refuse a call that grpc hands over."""
        self.receive(_HandedOver(run, handed))
        return _HANDED_OVER

    def receive(self, call: Arriving) -> None:
        """Refuse a call that has come."""
        self._count_refused(call.method)
        call.refuse(self._status, self._why)


class _HandedOver:
    """A call from grpc._server. Implements Arriving; all but `answer` with the lock of the call's state held.

    Args:
        run: What its threads would run.
        handed: With what.
    """

    def __init__(self, run: Handed, handed: "tuple[Handed, ...]") -> None:
        self._run, self._handed = run, handed
        self._event, self._state = handed[1:3]
        self.method: Method = self._event.call_details.method
        # Until its request is here.
        self.arrived_s = 0.0

    def time_remaining(self) -> float:
        """As grpc's own; without a deadline it is centuries away."""
        deadline_s: float = self._event.call_details.deadline
        return deadline_s - time.time()

    def ask_for_request(self, pool: RequestFirstPool) -> None:
        """Have the pool take it on, in the polling thread, when its request is here."""
        pool.admission.begin()
        self._state.callbacks.append(pool.admission.end)
        deserialiser = self._handed[5]
        receive = _server._receive_message(self._state, self._event.call, deserialiser)

        def arrived(received: Handed) -> Handed:
            ended = receive(received)
            with self._state.condition:
                request, self._state.request = self._state.request, None
                if _server._is_rpc_state_active(self._state):
                    self._arrived(request, pool)
            return ended

        self._event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), arrived)
        self._state.due.add(_server._RECEIVE_MESSAGE_TOKEN)

    def _arrived(self, request: bytes | None, pool: RequestFirstPool) -> None:
        if request is None:
            self.refuse(StatusCode.UNIMPLEMENTED, NO_REQUEST)
        else:
            pool.take_on(self, request)

    def answer(self, request: bytes) -> None:
        """As grpc's own thread would, which asked for the request first."""
        how, event, state, behaviour, _await_request, deserialiser, serialiser = self._handed
        timed = _with_arrival(behaviour, self.arrived_s)
        self._run(how, event, state, timed, lambda: request, deserialiser, serialiser)

    def refuse(self, code: StatusCode, why: str, metadata: Metadata = ()) -> None:
        """End it without an answer."""
        self._state.trailing_metadata = metadata
        _server._abort(self._state, self._event.call, code.value[0], why.encode())


def _with_arrival(behaviour: Behaviour, arrived_s: float) -> Behaviour:
    """The same method, whose context says when the request was here."""

    def answer(request: Handed, context: Handed, *further: Handed) -> Handed:
        context.arrived_s = arrived_s
        return behaviour(request, context, *further)

    # grpc looks there for how it is to be called.
    answer.__dict__.update(behaviour.__dict__)
    return answer


def _give_up(call: Arriving) -> None:
    """Every call is told something: of one that is not, the end would be waited for in vain."""
    call.refuse(StatusCode.UNKNOWN, "the call could not be taken on")
    with suppress(Exception):
        log.exception("a call could not be taken on", method=call.method.decode())


def _harmless(count: Callable[[T], None]) -> Callable[[T], None]:
    """The same, but a count that cannot be kept, as on a full disk, costs no call its answer."""

    def try_to_count(what: T) -> None:
        try:
            count(what)
        except Exception:
            with suppress(Exception):
                log.exception("a call was not counted")

    return try_to_count


def _come_back_later() -> Metadata:
    """The metadata of every call turned away: when to try again, for gRPC's own retries and for people."""
    wait = AnyMessage()
    wait.Pack(error_details_pb2.RetryInfo(retry_delay=Duration(nanos=PUSHBACK_MS * 1_000_000)))
    details = status_pb2.Status(code=StatusCode.RESOURCE_EXHAUSTED.value[0], message=TOO_MANY, details=[wait])
    return (PUSHBACK_KEY, str(PUSHBACK_MS)), (DETAILS_KEY, details.SerializeToString())


_COME_BACK_LATER = _come_back_later()
