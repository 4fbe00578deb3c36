"""What the fake server received, and the failures it was told to give."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from pinnersage.client._enums import MergePolicy
from pinnersage.client._errors import REQUEST_ID_KEY
from pinnersage.client._filters import AnyOf, Condition, Equals, NoneOf, Within
from pinnersage.client._values import RecentPin
from pinnersage.v1 import recommender_pb2 as pb


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """One call that reached the fake server; a retry is a call of its own.

    Attributes:
        method: The method's name in the wire contract: "Recommend".
        arguments: The fields that were set, by name: strings, numbers, times, a MergePolicy, tuples of
            strings or of RecentPin; of `filter` a tuple of the conditions.
        metadata: The call's headers.
    """

    method: str
    arguments: Mapping[str, object]
    metadata: Mapping[str, str | bytes]


class CallLog:
    """The calls received, in order, and the failures still to give; safe for the server's threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._received: list[ReceivedCall] = []
        self._failures: list[tuple[grpc.StatusCode, str]] = []

    def received(self) -> tuple[ReceivedCall, ...]:
        """Every call so far."""
        with self._lock:
            return tuple(self._received)

    def fail(self, status: grpc.StatusCode, message: str, times: int) -> None:
        """Put `times` failures at the end of the queue."""
        with self._lock:
            self._failures += [(status, message)] * times

    def receive(self, request: Message, context: grpc.ServicerContext) -> str:
        """Note the call and return its id, or end it here if a failure is due."""
        call = _call(request, context)
        with self._lock:
            self._received.append(call)
            request_id = str(call.metadata.get(REQUEST_ID_KEY, f"fake-{len(self._received)}"))
            failure = self._failures.pop(0) if self._failures else None
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
        if failure is not None:
            context.abort(*failure)
        return request_id


def _call(request: Message, context: grpc.ServicerContext) -> ReceivedCall:
    return ReceivedCall(
        method=request.DESCRIPTOR.name.removesuffix("Request"),
        arguments={field.name: _plain(field.name, value) for field, value in request.ListFields()},
        metadata=dict(context.invocation_metadata()),
    )


def _plain(name: str, value: object) -> object:
    if name == "merge_policy":
        return MergePolicy(value)
    if isinstance(value, Timestamp):
        return value.ToDatetime(tzinfo=UTC)
    if isinstance(value, pb.Filter):
        return tuple(map(_condition, value.conditions))
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    return tuple(_recent_pin(item) if isinstance(item, pb.RecentPin) else item for item in value)


def _recent_pin(pin: pb.RecentPin) -> RecentPin:
    return RecentPin(pin.pin_id, _time(pin, "action_time"))


def _condition(condition: pb.Condition) -> Condition | None:
    """None for a test that is newer than this client."""
    column = condition.column
    match condition.WhichOneof("test"):
        case "any_of":
            return AnyOf(column, tuple(condition.any_of.values))
        case "none_of":
            return NoneOf(column, tuple(condition.none_of.values))
        case "within":
            return Within(column, _time(condition.within, "since"), _time(condition.within, "before"))
        case "equals":
            return Equals(column, condition.equals)
    return None


def _time(message: Message, field: str) -> datetime | None:
    if not message.HasField(field):
        return None
    time: Timestamp = getattr(message, field)
    return time.ToDatetime(tzinfo=UTC)
