"""What a filter asks of a pin: conditions on declared columns, all of which must hold."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import TypeAlias


class ColumnKind(StrEnum):
    """What the values of a filter column are; its own values are words for messages."""

    TEXT = "text"
    TIME = "time"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The pin's text is one of `values`."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """The pin's text is none of `values`, or it has no text."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """The pin's time is at `since_s` or later and before `before_s`, Unix seconds UTC; None: no such end."""

    column: str
    since_s: int | None = None
    before_s: int | None = None


@dataclass(frozen=True, slots=True)
class Equals:
    """The pin's boolean is `value`."""

    column: str
    value: bool


Condition: TypeAlias = AnyOf | NoneOf | Within | Equals

KIND_OF: dict[type[Condition], ColumnKind] = {
    AnyOf: ColumnKind.TEXT,
    NoneOf: ColumnKind.TEXT,
    Within: ColumnKind.TIME,
    Equals: ColumnKind.BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold, at least one."""

    conditions: tuple[Condition, ...]

    @property
    def digest(self) -> bytes:
        """16 bytes; the same for the same conditions and values in any order."""
        told = sorted({repr(_in_order(condition)) for condition in self.conditions})
        return blake2b("\n".join(told).encode(errors="surrogatepass"), digest_size=16).digest()


def _in_order(condition: Condition) -> Condition:
    if isinstance(condition, AnyOf | NoneOf):
        return type(condition)(condition.column, tuple(sorted(set(condition.values))))
    return condition
