"""A caller's arguments into messages of the wire contract.

The limits are the server's to check, in one place. Only what cannot be sent at all is refused here, in the
server's manner: by the field's name.
"""

import reprlib
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import NoReturn, TypeVar, get_args

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from pinnersage.client._errors import InvalidArgumentError
from pinnersage.client._filters import AnyOf, Condition, NoneOf, Within
from pinnersage.client._values import RecentPin
from pinnersage.v1 import recommender_pb2 as pb

MessageT = TypeVar("MessageT", bound=Message)

_WHOLE = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_REPEATED = frozenset({"user_ids", "pin_ids", "exclude_pin_ids", "pins", "values"})


def build(message: type[MessageT], **fields: object) -> MessageT:
    """A message of the fields that are not None.

    Raises:
        InvalidArgumentError: A value cannot be sent; the message names its field.
    """
    given = {
        name: value.value if isinstance(value, Enum) else value
        for name, value in fields.items()
        if value is not None
    }
    for name in _REPEATED & given.keys():
        given[name] = _listed(message, name, given[name])
    try:
        return message(**given)
    except (TypeError, ValueError):
        for name, value in given.items():
            _try_alone(message, name, value)
        raise


def recent_pins(pins: Iterable[str | RecentPin]) -> list[pb.RecentPin]:
    """The pins of a RecommendForPins request; a plain id is a pin acted on now.

    Raises:
        InvalidArgumentError: A time is no aware datetime, or a value cannot be sent.
    """
    given = _listed(pb.RecommendForPinsRequest, "pins", pins)
    return [_recent_pin(f"pins[{at}]", pin) for at, pin in enumerate(given)]


def timestamp_of(message: type[Message], field: str, time: datetime | None) -> Timestamp | None:
    """A time of a request; None where none is given.

    Raises:
        InvalidArgumentError: It is no aware datetime.
    """
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(_aware(message, field, time))
    return timestamp


def filter_of(message: type[Message], filters: Iterable[Condition]) -> pb.Filter | None:
    """The filter of a request; None where there is no condition.

    Raises:
        InvalidArgumentError: A condition is of no kind, or a value cannot be sent.
    """
    given = _listed(message, "filters", filters)
    conditions = [_condition(message, f"filters[{at}]", each) for at, each in enumerate(given)]
    return pb.Filter(conditions=conditions) if conditions else None


def _condition(message: type[Message], field: str, given: object) -> pb.Condition:
    if not isinstance(given, Condition):
        known = ", ".join(kind.__name__ for kind in get_args(Condition))
        _refuse(message, field, f"needs one of {known}, not {reprlib.repr(given)}")
    if not isinstance(given.column, str):
        _refuse(message, f"{field}.column", f"needs a column's name, not {reprlib.repr(given.column)}")
    if isinstance(given, AnyOf):
        return pb.Condition(column=given.column, any_of=_values(message, field, given.values))
    if isinstance(given, NoneOf):
        return pb.Condition(column=given.column, none_of=_values(message, field, given.values))
    if isinstance(given, Within):
        return pb.Condition(column=given.column, within=_time_range(message, field, given))
    if not isinstance(given.value, bool):
        _refuse(message, f"{field}.value", f"needs True or False, not {reprlib.repr(given.value)}")
    return pb.Condition(column=given.column, equals=given.value)


def _values(message: type[Message], field: str, values: object) -> pb.Values:
    listed = _listed(message, f"{field}.values", values)
    for at, value in enumerate(listed):
        if not isinstance(value, str):
            _refuse(message, f"{field}.values[{at}]", f"needs a text, not {reprlib.repr(value)}")
    return build(pb.Values, values=listed)


def _time_range(message: type[Message], field: str, given: Within) -> pb.TimeRange:
    times = pb.TimeRange()
    for name, time in (("since", given.since), ("before", given.before)):
        if time is not None:
            getattr(times, name).FromDatetime(_aware(message, f"{field}.{name}", time))
    return times


def _recent_pin(field: str, given: object) -> pb.RecentPin:
    pin_id, time = (given.pin_id, given.action_time) if isinstance(given, RecentPin) else (given, None)
    if not isinstance(pin_id, str):
        _refuse(pb.RecommendForPinsRequest, field, f"needs a pin's id, not {reprlib.repr(pin_id)}")
    message = build(pb.RecentPin, pin_id=pin_id)
    if time is None:
        return message
    message.action_time.FromDatetime(_aware(pb.RecommendForPinsRequest, f"{field}.action_time", time))
    return message


def _aware(message: type[Message], field: str, time: object) -> datetime:
    if not isinstance(time, datetime):
        problem = f"needs a datetime, not {reprlib.repr(time)}: use datetime.fromtimestamp(seconds, UTC)"
        _refuse(message, field, problem)
    if time.utcoffset() is None:
        _refuse(message, field, "has no time zone: use datetime.now(UTC), or .replace(tzinfo=UTC)")
    return time


def _listed(message: type[Message], name: str, values: object) -> list[object]:
    """The values of a repeated field, read once; one string is refused, not taken letter by letter."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        _refuse(message, name, f"takes a list, not {reprlib.repr(values)}")
    return list(values)


def _try_alone(message: type[Message], name: str, value: object) -> None:
    try:
        message(**{name: value})
    except (TypeError, ValueError) as error:
        problem = _range(message, name) if isinstance(value, int) else None
        _refuse(message, name, f"cannot be {reprlib.repr(value)}: {problem or error}")


def _range(message: type[Message], name: str) -> str | None:
    """What a field of whole numbers may be; None for any other field."""
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None or field.cpp_type not in _WHOLE:
        return None
    low, high = _WHOLE[field.cpp_type]
    return f"it is a whole number, {low} to {high}"


def _refuse(message: type[Message], field: str, problem: str) -> NoReturn:
    raise InvalidArgumentError(
        f"{field} {problem}",
        status=grpc.StatusCode.INVALID_ARGUMENT,
        method=message.DESCRIPTOR.name.removesuffix("Request"),
    )
