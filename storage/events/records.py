"""What the stream carries: an action of a user, or the wish to be forgotten; and each as a line of JSON.

{"user_id": "u7", "pin_id": "85123A", "timestamp": 1383768900, "action": "save", "event_id": "a-1"}
{"user_id": "u7", "timestamp": 1383769000, "forget": true}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from storage.errors import InvalidEventError

MAX_ID_BYTES = 128
LATEST_S = 4_102_444_800
"""2100-01-01: a later time is impossible, and most likely in milliseconds."""

EventKey = str | tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Event:
    """One action of one user.

    Attributes:
        user_id: Opaque, 1 to 128 bytes of UTF-8.
        pin_id: The same.
        timestamp_s: Unix seconds UTC.
        action: What was done; 1 to 128 bytes of UTF-8.
        event_id: Who gives it twice means one event; 1 to 128 bytes of UTF-8, or None.
    """

    user_id: str
    pin_id: str
    timestamp_s: int
    action: str
    event_id: str | None = None

    @property
    def key(self) -> EventKey:
        """What makes it the same event as another: it counts once, however often it is read."""
        if self.event_id is not None:
            return self.event_id
        return (self.user_id, self.pin_id, self.timestamp_s, self.action)


@dataclass(frozen=True, slots=True)
class Forget:
    """A tombstone: what the user did up to then is to vanish, and not to come back from older events.

    Attributes:
        user_id: Opaque, 1 to 128 bytes of UTF-8.
        timestamp_s: Unix seconds UTC.
    """

    user_id: str
    timestamp_s: int


Record = Event | Forget


def encode(record: Record) -> bytes:
    """The record as one line of JSON, without the line's end.

    Raises:
        InvalidEventError: A reader would reject it.
    """
    if isinstance(record, Forget):
        content: dict[str, object] = {
            "user_id": record.user_id,
            "timestamp": record.timestamp_s,
            "forget": True,
        }
    else:
        content = {
            "user_id": record.user_id,
            "pin_id": record.pin_id,
            "timestamp": record.timestamp_s,
            "action": record.action,
        }
        if record.event_id is not None:
            content["event_id"] = record.event_id
    record_of(content)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def record_of(content: Mapping[str, object]) -> Record:
    """The record that a JSON object describes; fields of other names are ignored.

    Raises:
        InvalidEventError: It describes none; the message is a reason to count by.
    """
    user_id = _id(content, "user_id", "user id")
    timestamp_s = _time(content)
    if "forget" in content:
        return _forget(content["forget"], user_id, timestamp_s)
    return Event(
        user_id,
        _id(content, "pin_id", "pin id"),
        timestamp_s,
        _id(content, "action", "action"),
        _id(content, "event_id", "event id") if content.get("event_id") is not None else None,
    )


def _forget(value: object, user_id: str, timestamp_s: int) -> Forget:
    # Were "forget": false read as an action, a client's slip would decide over somebody's data.
    if value is not True:
        raise InvalidEventError("forget is not true")
    return Forget(user_id, timestamp_s)


def _id(content: Mapping[str, object], field: str, name: str) -> str:
    text = content.get(field)
    if text is None or text == "":
        raise InvalidEventError(f"no {name}")
    if not isinstance(text, str):
        raise InvalidEventError(f"{name} is not a text")
    try:
        n_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidEventError(f"{name} is not UTF-8") from error
    if n_bytes > MAX_ID_BYTES:
        raise InvalidEventError(f"{name} over {MAX_ID_BYTES} bytes")
    return text


def _time(content: Mapping[str, object]) -> int:
    time_s = content.get("timestamp")
    if time_s is None:
        raise InvalidEventError("no time")
    # A bool is an int, too.
    if type(time_s) is not int:
        raise InvalidEventError("time is not a whole number of seconds")
    if not 0 <= time_s <= LATEST_S:
        raise InvalidEventError("impossible time")
    return time_s
