"""What surrounds every call: request id, deadline, metrics, the log, and errors turned into statuses."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from server.deadlines import Deadline
from server.errors import InvalidRequestError, Violation, status_of
from server.metrics import MethodMetrics

RequestT = TypeVar("RequestT", bound=Message)
Unary = Callable[[RequestT, "Call"], bytes]
Streaming = Callable[[RequestT, "Call"], Iterator[bytes]]

REQUEST_ID_KEY = "x-request-id"
DETAILS_KEY = "grpc-status-details-bin"

log = structlog.get_logger("server.calls")


@dataclass(frozen=True, slots=True)
class Call:
    """One call under way."""

    request_id: str
    deadline: Deadline
    is_active: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Refusal(grpc.Status):
    """A status with details, as grpc's abort_with_status wants it."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def answer_unary(
    behaviour: Unary[RequestT], request_type: type[RequestT], metrics: MethodMetrics
) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    """Surround a unary method."""

    def answer(serialised: bytes, context: grpc.ServicerContext) -> bytes:
        call = _begin(context)
        with metrics.call() as outcome:
            try:
                response = behaviour(_parse(request_type, serialised), call)
            except Exception as error:
                refusal = _refusal(error, call)
                outcome.code = refusal.code
            else:
                return response
        _refuse(refusal, context)

    return answer


def answer_streaming(
    behaviour: Streaming[RequestT], request_type: type[RequestT], metrics: MethodMetrics
) -> Callable[[bytes, grpc.ServicerContext], Iterator[bytes]]:
    """Surround a method that streams its answer."""

    def answer(serialised: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        call = _begin(context)
        with metrics.call() as outcome:
            try:
                yield from behaviour(_parse(request_type, serialised), call)
            except Exception as error:
                refusal = _refusal(error, call)
                outcome.code = refusal.code
            else:
                return
        _refuse(refusal, context)

    return answer


def _begin(context: grpc.ServicerContext) -> Call:
    return Call(uuid.uuid4().hex, Deadline(context.time_remaining()), context.is_active)


def _parse(request_type: type[RequestT], serialised: bytes) -> RequestT:
    try:
        return request_type.FromString(serialised)
    except DecodeError as error:
        name = request_type.DESCRIPTOR.full_name
        raise InvalidRequestError([Violation("", f"the request is not a valid {name}")]) from error


def _refusal(error: Exception, call: Call) -> Refusal:
    code = status_of(error)
    if code is grpc.StatusCode.INTERNAL:
        log.error("call failed", request_id=call.request_id, exc_info=error)
        message = f"internal error; the server's log has it under request id {call.request_id}"
    else:
        log.debug("call refused", request_id=call.request_id, code=code.name, reason=str(error))
        message = str(error)
    metadata: tuple[tuple[str, str | bytes], ...] = ((REQUEST_ID_KEY, call.request_id),)
    if isinstance(error, InvalidRequestError):
        metadata += ((DETAILS_KEY, _bad_request(error, code, message)),)
    return Refusal(code, message, metadata)


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
