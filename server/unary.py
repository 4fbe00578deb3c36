"""Calls of one message each way, straight on gRPC's core; all others go through grpc's own loop.

What grpc._server puts around a call, a condition, a context of variables, closures and a future, costs as
much as its core and the kernel do. A unary call needs none of it: it has one request, and one answer.

Unary methods are registered with the core, and one thread polls for their calls alone. A call brings three
events: its request is here, what it was told is sent, its stream has ended. Every call is told something,
also one whose caller is gone, so the last two always come, and with both it is over. That takes no lock:
events are that thread's alone.

Beside server.arrivals this is the one place that knows what grpc._server is made of. The version is locked,
and tests/server/test_arrivals.py fails should another one be made differently.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn, TypeAlias

import grpc
import structlog
from grpc import StatusCode, _server
from grpc._cython import cygrpc  # type: ignore[attr-defined] # not in the stubs

from server.arrivals import NO_REQUEST, Handed, Metadata, Method, RefusingPool, RequestFirstPool

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
LookUp: TypeAlias = Callable[[grpc.HandlerCallDetails], Handler]
Behaviour: TypeAlias = Callable[[bytes, Any], bytes]

_NO_FLAGS = 0
_OK: int = StatusCode.OK.value[0]

log = structlog.get_logger("server.unary")


class UnaryCalls:
    """Receives the calls of unary methods, from `start` until the server has stopped.

    Args:
        server: grpc's, not started yet.
        methods: By their full names, like "/pinnersage.v1.Recommender/Recommend".
        handlers: Of these methods, from bytes to bytes.
        pool: The threads of methods that name none of their own.
        interceptors: The server's: each may have a call answered by something else.
    """

    def __init__(
        self,
        server: grpc.Server,
        methods: Iterable[str],
        handlers: grpc.GenericRpcHandler,
        *,
        pool: RequestFirstPool,
        interceptors: Sequence[grpc.ServerInterceptor] = (),
    ) -> None:
        self._server: Handed = server._state  # type: ignore[attr-defined] # not in the stubs
        self._core: Handed = self._server.server
        self._queue = cygrpc.CompletionQueue()
        self._core.register_completion_queue(self._queue)
        look_up: LookUp = handlers.service
        for each in reversed(interceptors):
            look_up = partial(each.intercept_service, look_up)
        self._methods = [_Method(self, name, look_up, pool) for name in methods]
        for method in self._methods:
            self._core.register_method(method.name)
        # Methods whose next call was asked for, and calls that are not over.
        self._awaited: set[object] = set()
        self._thread = threading.Thread(target=self._poll, name="unary", daemon=True)

    def start(self) -> None:
        """Begin; the server has started."""
        for method in self._methods:
            self.ask_for_next(method)
        self._thread.start()

    def wait_until_over(self, timeout_s: float) -> bool:
        """Wait until every call is over, once the server stops; whether that came within the time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def ask_for_next(self, method: "_Method") -> None:
        """Let the core hand over the method's next call, unless the server stops."""
        with self._server.lock:
            if self._server.stage is _server._ServerStage.STARTED:
                self._core.request_registered_call(self._queue, self._queue, method.name, method.came)
                self.expect(method)

    def expect(self, source: object) -> None:
        """Poll until events of this, a method or a call, will come no more."""
        self._awaited.add(source)

    def expect_no_more(self, source: object) -> None:
        """Its last event is here."""
        self._awaited.remove(source)

    def _poll(self) -> None:
        while self._awaited:
            event = self._queue.poll()
            try:
                event.tag(event)
            except Exception:
                # Without this thread nobody is answered any more, also where nothing can be logged.
                with suppress(Exception):
                    log.exception("a call was lost")
            # It may be all that holds a call, and the core waits for calls that are held.
            del event


class _Method:
    """Takes each call of one method to its threads."""

    def __init__(self, calls: UnaryCalls, name: str, look_up: LookUp, pool: RequestFirstPool) -> None:
        self.name = name
        self._called = name.encode()
        self._calls, self._look_up, self._pool = calls, look_up, pool

    def came(self, event: Handed) -> None:
        """The call that was asked for is here; or none comes any more."""
        self._calls.expect_no_more(self)
        if not event.success:
            return
        self._calls.ask_for_next(self)
        call = UnaryCall(self._called, event, self._calls)
        try:
            behaviour = self._answering(event)
            call.begin(behaviour, getattr(behaviour, "experimental_thread_pool", self._pool))
        except Exception:
            call.refuse(StatusCode.UNKNOWN, "the call could not begin")
            log.exception("a call could not begin", method=self.name)

    def _answering(self, event: Handed) -> Behaviour:
        handler = self._look_up(_server._HandlerCallDetails(self.name, event.invocation_metadata))
        assert handler is not None  # noqa: S101 - the method was registered
        assert handler.unary_unary is not None  # noqa: S101 - for it
        return handler.unary_unary


class UnaryCall:
    """One call. To its method it is the context: as much of a grpc.ServicerContext as methods here ask for.

    Args:
        method: What is called.
        event: What the core says of it.
        calls: Told when events of it will come, and when no more.
    """

    __slots__ = (
        "_behaviour",
        "_call",
        "_calls",
        "_code",
        "_deadline_s",
        "_ends_left",
        "_is_gone",
        "_metadata",
        "_pool",
        "arrived_s",
        "method",
    )

    def __init__(self, method: Method, event: Handed, calls: UnaryCalls) -> None:
        self.method = method
        # Until its request is here.
        self.arrived_s = 0.0
        self._call: Handed = event.call
        self._deadline_s: float = event.call_details.deadline
        self._metadata: Metadata = event.invocation_metadata
        self._code: StatusCode | None = None
        self._is_gone = False
        # What it was told is sent, and its stream has ended.
        self._ends_left = 2
        self._calls = calls
        calls.expect(self)
        self._call.start_server_batch((cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),), self._closed)

    def begin(self, behaviour: Behaviour, pool: RequestFirstPool | RefusingPool) -> None:
        """Let the pool see to its answer."""
        self._behaviour = behaviour
        pool.receive(self)

    def ask_for_request(self, pool: RequestFirstPool) -> None:
        """Have the pool take the call on when its request is here."""
        self._pool = pool
        self._call.start_server_batch((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), self._received)

    def answer(self, request: bytes) -> None:
        """Have the method answer, in the thread at hand."""
        try:
            try:
                response = self._behaviour(request, self)
            except _AbortedError as aborted:
                self.refuse(aborted.code, aborted.details, aborted.metadata)
            else:
                self._tell(
                    cygrpc.SendMessageOperation(response, _NO_FLAGS),
                    cygrpc.SendStatusFromServerOperation(None, _OK, b"", _NO_FLAGS),
                )
        except BaseException:
            # Whatever it was, also an answer or a status that cannot be sent: else nobody is told anything.
            self.refuse(StatusCode.UNKNOWN, "the method failed")
            log.exception("a method failed", method=self.method.decode())

    def refuse(self, code: StatusCode, why: str, metadata: Metadata = ()) -> None:
        """End it without an answer."""
        self._tell(cygrpc.SendStatusFromServerOperation(metadata, code.value[0], why.encode(), _NO_FLAGS))

    def time_remaining(self) -> float:
        """Seconds to its deadline; centuries without one."""
        return max(0.0, self._deadline_s - time.time())

    def is_active(self) -> bool:
        """Whether its caller is still there."""
        return not self._is_gone

    def invocation_metadata(self) -> Metadata:
        """What its caller says beside the request."""
        return self._metadata

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """Leave the method, and refuse the call."""
        self._code = status.code
        raise _AbortedError(status)

    def code(self) -> StatusCode | None:
        """What it was aborted with; None unless it was."""
        return self._code

    def _tell(self, *operations: Handed) -> None:
        first = cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS)
        self._call.start_server_batch((first, *operations), self._ended)

    def _received(self, event: Handed) -> None:
        request: bytes | None = event.batch_operations[0].message()
        if request is None or self._is_gone:
            self.refuse(StatusCode.UNIMPLEMENTED, NO_REQUEST)
        else:
            self._pool.take_on(self, request)

    def _closed(self, event: Handed) -> None:
        self._is_gone = event.batch_operations[0].cancelled()
        self._ended(event)

    def _ended(self, _: Handed) -> None:
        self._ends_left -= 1
        if not self._ends_left:
            self._calls.expect_no_more(self)


class _AbortedError(Exception):
    """Ends a method whose call is refused."""

    def __init__(self, status: grpc.Status) -> None:
        self.code, self.details = status.code, status.details
        self.metadata: Metadata = tuple(status.trailing_metadata or ())
