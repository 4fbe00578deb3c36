"""From what a stream holds to a batch: an entry is a record, or rejected by reason; none stops a reader."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from storage.errors import InvalidEventError
from storage.events.records import Record, record_of
from storage.events.stream import Batch, Rejected

_SHOWN_CHARACTERS = 200

Clock = Callable[[], float]
"""Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLimits:
    """What a reader takes.

    Attributes:
        max_bytes: The longest entry.
        max_ahead_s: A record may be so far ahead of this machine's clock; who dates it later has another.
    """

    max_bytes: int = 16_384
    max_ahead_s: int = 3_600


DEFAULT_LIMITS = EventLimits()


class Entry(NamedTuple):
    """What one place of a stream holds.

    Attributes:
        partition: The place's partition.
        position: The place, or the one after it.
        line: What is there; None where a record should be and is not.
    """

    partition: str
    position: str
    line: bytes | None


def gather(
    entries: Iterable[Entry], positions: Mapping[str, str], *, limits: EventLimits, now_s: float
) -> Batch:
    """The batch of these entries.

    Args:
        entries: In order.
        positions: After them, by partition.
        limits: What is taken.
        now_s: Unix seconds.
    """
    latest_s = math.floor(now_s) + limits.max_ahead_s
    records: list[Record] = []
    rejected: list[Rejected] = []
    for entry in entries:
        try:
            records.append(_decode(entry.line, limits.max_bytes, latest_s))
        except InvalidEventError as error:
            rejected.append(Rejected(entry.partition, entry.position, str(error), _shown(entry.line)))
    return Batch(records=tuple(records), rejected=tuple(rejected), positions=positions)


def _decode(line: bytes | None, max_bytes: int, latest_s: int) -> Record:
    if line is None:
        raise InvalidEventError("nothing is there")
    if len(line) > max_bytes:
        raise InvalidEventError(f"over {max_bytes:,} bytes")
    record = record_of(_object(line))
    if record.timestamp_s > latest_s:
        raise InvalidEventError("time in the future")
    return record


def _object(line: bytes) -> dict[str, object]:
    try:
        content = json.loads(line.decode(), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise InvalidEventError("not UTF-8") from error
    # Nested too deep, a number of too many digits: whatever the parser gives up on.
    except (ValueError, RecursionError) as error:
        raise InvalidEventError("not JSON") from error
    if not isinstance(content, dict):
        raise InvalidEventError("not a JSON object")
    return content


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")


def _shown(line: bytes | None) -> str:
    text = (line or b"")[: 4 * _SHOWN_CHARACTERS].decode(errors="replace")
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
