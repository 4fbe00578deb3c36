"""Records of the manifest made from JSON that may say anything: every number and text is of its type."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

RecordT = TypeVar("RecordT")

_ACCEPTED: dict[object, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}
_MAX_INTEGER = 1 << 40


def record_of(record_type: type[RecordT], values: Mapping[str, Any]) -> RecordT:
    """A dataclass of these values.

    Raises:
        TypeError: A value is missing, unknown, or of another type than its field.
        ValueError: A count is negative, or beyond all sizes.
    """
    record = record_type(**values)
    for each in fields(record_type):  # type: ignore[arg-type] # of dataclasses
        _require(each.name, each.type, getattr(record, each.name))
    return record


def require_integers(name: str, values: object) -> None:
    """Refuse a list that does not hold integers from 0 on.

    Raises:
        TypeError, ValueError: It does not.
    """
    if not isinstance(values, list | tuple):
        raise TypeError(f"{name} is no list")
    for value in values:
        _require(name, int, value)


def _require(name: str, kind: object, value: object) -> None:
    if kind in _ACCEPTED and (isinstance(value, bool) or not isinstance(value, _ACCEPTED[kind])):
        raise TypeError(f"{name} is {value!r}")
    if kind is int and isinstance(value, int) and not 0 <= value <= _MAX_INTEGER:
        raise ValueError(f"{name} is {value}")
