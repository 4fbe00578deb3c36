"""Traces by OpenTelemetry: a span for a call, from its arrival to its answer, and one for each of its stages.

Whether a call is traced is its caller's to say (the header `traceparent`); of calls that say nothing a share
is. A call that is not costs a look at its headers; a server without tracing never imports this module.
"""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import grpc
from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from server.metrics import Metrics, Stage
from server.metrics_catalogue import SERVICE
from server.request_ids import REQUEST_ID_KEY, request_id_of

Behaviour = Callable[..., Any]
Metadata = Iterable[tuple[str, str | bytes]]

TRACE_KEYS = ("traceparent", "tracestate")
# A batch of a thousand users has thousands of stages: those beyond are counted only.
STAGES_A_CALL = 100

# Those that OpenTelemetry's conventions call the server's fault; the others are the caller's.
_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class _TracedCall:
    """A call that is traced: its span, and those of its stages under way, the innermost last.

    Args:
        tracer: Makes spans.
        span: Of the call.
    """

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self.span = span
        self._tracer = tracer
        self._around: list[Context] = [set_span_in_context(span)]
        self._n_stages = 0

    def begin(self, name: str) -> Span | None:
        """A span inside the innermost; None where there are too many."""
        self._n_stages += 1
        if self._n_stages > STAGES_A_CALL:
            return None
        span = self._tracer.start_span(name, self._around[-1])
        self._around.append(set_span_in_context(span))
        return span

    def end(self, span: Span | None) -> None:
        """End the innermost."""
        if span is not None:
            self._around.pop()
            span.end()

    def finish(self, code: grpc.StatusCode) -> None:
        """End the call's span, with what came of it."""
        self.span.set_attribute("rpc.response.status_code", code.name)
        if code in _FAULTS:
            self.span.set_status(Status(StatusCode.ERROR))
        if self._n_stages > STAGES_A_CALL:
            self.span.set_attribute("pinnersage.stages_left_out", self._n_stages - STAGES_A_CALL)
        self.span.end()


class _Current(threading.local):
    """The call that the thread at hand answers, if it is traced."""

    call: _TracedCall | None = None


class CallTracing(grpc.ServerInterceptor):
    """Traces calls of the service; those of health and reflection are not.

    Args:
        tracer: Makes spans, each of which is kept.
        share: 0 to 1, of calls without a `traceparent`.
    """

    def __init__(self, tracer: Tracer, share: float) -> None:
        self._tracer, self._share = tracer, share
        self._current = _Current()
        self._headers = TraceContextTextMapPropagator()

    def watch(self, metrics: Metrics) -> None:
        """Make spans of the stages that are timed here."""
        metrics.surround_stages(lambda name, timed: _TracedStage(name, timed, self._current))

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Any, Any] | None"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Called by gRPC as a call arrives, in the thread that polls for all of them."""
        handler = continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(f"/{SERVICE}/"):
            return handler
        metadata = handler_call_details.invocation_metadata
        parent = self._parent(metadata)
        if parent is None:
            return handler
        request_id = request_id_of(metadata)
        method = handler_call_details.method.removeprefix("/")
        attributes = {"rpc.system.name": "grpc", "rpc.method": method, "pinnersage.request_id": request_id}
        span = self._tracer.start_span(method, parent, SpanKind.SERVER, attributes)
        return self._traced(handler, _TracedCall(self._tracer, span), request_id)

    def _parent(self, metadata: Metadata) -> Context | None:
        """What the span of a call belongs under, empty for nothing; None if it is not to be traced."""
        told = {key: value for key, value in metadata if key in TRACE_KEYS and isinstance(value, str)}
        if told:
            parent = self._headers.extract(told, Context())
            caller = get_current_span(parent).get_span_context()
            if caller.is_valid:
                return parent if caller.trace_flags.sampled else None
        return Context() if random.random() < self._share else None  # noqa: S311 - no secret

    def _traced(
        self, handler: "grpc.RpcMethodHandler[Any, Any]", call: _TracedCall, request_id: str
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """The same method, for one call."""
        waiting = call.begin("queue")

        @contextmanager
        def answering(context: grpc.ServicerContext) -> Iterator[_Named]:
            call.end(waiting)
            self._current.call = call
            try:
                yield _Named(context, request_id)
            finally:
                self._current.call = None
                call.finish(context.code() or grpc.StatusCode.OK)  # type: ignore[attr-defined] # not in the stubs

        return _surrounded(handler, answering)


class _TracedStage:
    """The time of a stage, and its span where the call is traced."""

    __slots__ = ("_call", "_current", "_name", "_span", "_timed")

    def __init__(self, name: str, timed: Stage, current: _Current) -> None:
        self._name, self._timed, self._current = name, timed, current

    def __enter__(self) -> None:
        self._call = self._current.call
        self._span = None if self._call is None else self._call.begin(self._name)
        self._timed.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timed.__exit__(kind, error, trace)
        if self._call is not None:
            self._call.end(self._span)


class _Named:
    """A call's context, in which the call has the name that its span has."""

    def __init__(self, context: grpc.ServicerContext, request_id: str) -> None:
        self._context, self._request_id = context, request_id

    def invocation_metadata(self) -> Metadata:
        """The caller's, with the name first."""
        return ((REQUEST_ID_KEY, self._request_id), *self._context.invocation_metadata())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the context's own
        return getattr(self._context, name)


def _surrounded(
    handler: "grpc.RpcMethodHandler[Any, Any]", answering: Callable[[grpc.ServicerContext], Any]
) -> "grpc.RpcMethodHandler[Any, Any]":
    """A method of one request, with something around its answer; it keeps its threads."""
    behaviour: Behaviour | None = handler.unary_stream or handler.unary_unary
    assert behaviour is not None  # noqa: S101 - methods that take a stream are none of the service's

    def answer(request: object, context: grpc.ServicerContext) -> Any:  # noqa: ANN401 - any method's
        with answering(context) as named:
            return behaviour(request, named)

    def stream(request: object, context: grpc.ServicerContext) -> Iterator[Any]:
        with answering(context) as named:
            yield from behaviour(request, named)

    surrounded = stream if handler.response_streaming else answer
    surrounded.__dict__.update(behaviour.__dict__)
    make = (
        grpc.unary_stream_rpc_method_handler
        if handler.response_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(surrounded, handler.request_deserializer, handler.response_serializer)
