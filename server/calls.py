"""What surrounds every call: request id, deadline, metrics, the log, and errors turned into statuses."""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from process.user_hashes import User
from server.deadlines import Deadline
from server.errors import (
    CallCancelledError,
    DeadlineExpiredError,
    InvalidRequestError,
    ServerError,
    status_of,
    told_instead,
)
from server.metrics_calls import MethodMetrics
from server.rare_lines import Clock, RareLines
from server.request_ids import REQUEST_ID_KEY, request_id_of

Unary = Callable[[bytes, "Call"], bytes]
Streaming = Callable[[bytes, "Call"], Iterator[bytes]]

DETAILS_KEY = "grpc-status-details-bin"

# What is not the caller's doing is for whoever looks after the server.
_LOG_LEVELS = {
    grpc.StatusCode.INTERNAL: logging.ERROR,
    grpc.StatusCode.UNAVAILABLE: logging.WARNING,
    grpc.StatusCode.DATA_LOSS: logging.WARNING,
}

log = structlog.get_logger("server.calls")


@dataclass(slots=True)
class Call:
    """One call under way.

    Attributes:
        request_id: Its name.
        method: What is called.
        deadline: How long the caller waits.
        user_id: Who it is about, once that is known; logs show a hash of it.
    """

    request_id: str
    method: str
    deadline: Deadline
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Refusal(grpc.Status):
    """A status with details, as grpc's abort_with_status wants it."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def answer_unary(
    behaviour: Unary, metrics: MethodMetrics, *, clock: Clock = time.monotonic
) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    """Surround a unary method."""
    tell_answered, refusals = _answered_teller(metrics), _Refusals(clock)

    def answer(serialised: bytes, context: grpc.ServicerContext) -> bytes:
        call, began_s = _begin(context, metrics), metrics.begin(arrived_s_of(context))
        code, messages = grpc.StatusCode.OK, 0
        try:
            call.deadline.check("parse")
            response = behaviour(serialised, call)
            call.deadline.check("send")
        except Exception as error:
            refusal = refusals.of(error, call)
            code = refusal.code
        else:
            messages = 1
            if tell_answered is not None:
                tell_answered(call)
            return response
        finally:
            metrics.end(began_s, code, messages)
        _refuse(refusal, context)

    return answer


def answer_streaming(
    behaviour: Streaming, metrics: MethodMetrics, *, clock: Clock = time.monotonic
) -> Callable[[bytes, grpc.ServicerContext], Generator[bytes, None, None]]:
    """Surround a method that streams its answer."""
    tell_answered, refusals = _answered_teller(metrics), _Refusals(clock)

    def answer(serialised: bytes, context: grpc.ServicerContext) -> Generator[bytes, None, None]:
        call, began_s = _begin(context, metrics), metrics.begin(arrived_s_of(context))
        code, messages = grpc.StatusCode.OK, 0
        try:
            call.deadline.check("parse")
            for message in behaviour(serialised, call):
                yield message
                messages += 1
        except GeneratorExit:
            # grpc drops the stream of a caller that is gone.
            code = refusals.of(_why_it_was_left(call.deadline), call).code
            raise
        except Exception as error:
            refusal = refusals.of(error, call)
            code = refusal.code
        else:
            if tell_answered is not None:
                tell_answered(call)
            return
        finally:
            metrics.end(began_s, code, messages)
        _refuse(refusal, context)

    return answer


def arrived_s_of(context: grpc.ServicerContext) -> float | None:
    """When the call's request was here, by time.perf_counter; None where nobody noted it."""
    return getattr(context, "arrived_s", None)


def _begin(context: grpc.ServicerContext, metrics: MethodMetrics) -> Call:
    deadline = Deadline(context.time_remaining(), context.is_active)
    return Call(request_id_of(context.invocation_metadata()), metrics.method, deadline)


def _why_it_was_left(deadline: Deadline) -> ServerError:
    if deadline.remaining_s() == 0:
        return DeadlineExpiredError("the deadline passed while the answer was streamed")
    return CallCancelledError("the caller gave up while the answer was streamed")


class _Refusals:
    """What the callers of one method are told, and the log."""

    def __init__(self, clock: Clock) -> None:
        self._rare = RareLines(clock)

    def of(self, error: Exception, call: Call) -> Refusal:
        """What becomes of an error."""
        code = status_of(error)
        is_logged = self._log(error, code, call)
        message = str(error)
        if told := told_instead(error):
            message = told
            if is_logged:
                message += f"; the server's log has it under request id {call.request_id}"
        metadata: tuple[tuple[str, str | bytes], ...] = ((REQUEST_ID_KEY, call.request_id),)
        if isinstance(error, InvalidRequestError):
            metadata += ((DETAILS_KEY, _bad_request(error, code, message)),)
        return Refusal(code, message, metadata)

    def _log(self, error: Exception, code: grpc.StatusCode, call: Call) -> bool:
        """Log it; says whether for everybody who reads the log, not only where all is written."""
        level, of_others = _LOG_LEVELS.get(code, logging.DEBUG), {}
        if code is grpc.StatusCode.UNAVAILABLE:
            # While a store is away all calls end so: thousands of lines a second that say the same.
            left_out = self._rare.turn(type(error).__name__)
            if left_out is None:
                level = logging.DEBUG
            elif left_out.n:
                of_others = {"others_left_out": left_out.n, "since_s": round(left_out.since_s, 1)}
        _log_refused(level, error, code, call, of_others)
        return level > logging.DEBUG


def _answered_teller(metrics: MethodMetrics) -> Callable[[Call], None] | None:
    """Logs a method's answered calls; None where such lines are not written."""
    # Bound and asked once: either takes longer than a line that is not written.
    of_method = log.bind(method=metrics.method)
    if not of_method.is_enabled_for(logging.DEBUG):
        return None

    def tell(call: Call) -> None:
        of_method.debug("call answered", request_id=call.request_id, **_about(call))

    return tell


def _log_refused(
    level: int, error: Exception, code: grpc.StatusCode, call: Call, of_others: Mapping[str, float]
) -> None:
    # A message that the caller reads may name a user: it stays out of the log.
    untold = {"reason": str(error)} if told_instead(error) else {}
    log.log(
        level,
        "call refused",
        request_id=call.request_id,
        method=call.method,
        code=code.name,
        error=type(error).__name__,
        exc_info=error if code is grpc.StatusCode.INTERNAL else None,
        **untold,
        **of_others,
        **_about(call),
    )


def _about(call: Call) -> dict[str, User]:
    return {"user": User(call.user_id)} if call.user_id else {}


def _bad_request(error: InvalidRequestError, code: grpc.StatusCode, message: str) -> bytes:
    details = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=each.field, description=each.description)
            for each in error.violations
        ]
    )
    packed = AnyMessage()
    packed.Pack(details)
    status: Message = status_pb2.Status(code=code.value[0], message=message, details=[packed])
    return status.SerializeToString()


def _refuse(refusal: Refusal, context: grpc.ServicerContext) -> NoReturn:
    context.abort_with_status(refusal)
    raise AssertionError("abort_with_status always raises")
