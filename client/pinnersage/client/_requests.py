"""A caller's arguments into messages of the wire contract.

The limits are the server's to check, in one place. Only what cannot be sent at all is refused here, in the
server's manner: by the field's name.
"""

import reprlib
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import NoReturn, TypeVar

import grpc
from google.protobuf.message import Message

from pinnersage.client._errors import InvalidArgumentError
from pinnersage.client._values import RecentPin
from pinnersage.v1 import recommender_pb2 as pb

MessageT = TypeVar("MessageT", bound=Message)

_REPEATED = frozenset({"user_ids", "pin_ids", "exclude_pin_ids", "pins"})


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


def _recent_pin(field: str, given: object) -> pb.RecentPin:
    pin_id, time = (given.pin_id, given.action_time) if isinstance(given, RecentPin) else (given, None)
    if not isinstance(pin_id, str):
        _refuse(pb.RecommendForPinsRequest, field, f"needs a pin's id, not {reprlib.repr(pin_id)}")
    message = build(pb.RecentPin, pin_id=pin_id)
    if time is None:
        return message
    if not isinstance(time, datetime):
        problem = f"needs a datetime, not {reprlib.repr(time)}: use datetime.fromtimestamp(seconds, UTC)"
        _refuse(pb.RecommendForPinsRequest, f"{field}.action_time", problem)
    if time.utcoffset() is None:
        problem = "has no time zone: use datetime.now(UTC), or .replace(tzinfo=UTC)"
        _refuse(pb.RecommendForPinsRequest, f"{field}.action_time", problem)
    message.action_time.FromDatetime(time)
    return message


def _listed(message: type[Message], name: str, values: object) -> list[object]:
    """The values of a repeated field, read once; one string is refused, not taken letter by letter."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        _refuse(message, name, f"takes a list, not {reprlib.repr(values)}")
    return list(values)


def _try_alone(message: type[Message], name: str, value: object) -> None:
    try:
        message(**{name: value})
    except (TypeError, ValueError) as error:
        _refuse(message, name, f"cannot be {reprlib.repr(value)}: {error}")


def _refuse(message: type[Message], field: str, problem: str) -> NoReturn:
    raise InvalidArgumentError(
        f"{field} {problem}",
        status=grpc.StatusCode.INVALID_ARGUMENT,
        method=message.DESCRIPTOR.name.removesuffix("Request"),
    )
