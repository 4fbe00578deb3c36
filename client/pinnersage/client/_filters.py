"""Which pins may be candidates: conditions on the columns that the server's pins were indexed with.

    client.recommend("ann", filters=[AnyOf("category", ["shoes", "boots"]), Equals("in_stock", True)])

All of them must hold. A pin without a value in the column meets NoneOf, and nothing else.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The pin's text is one of `values`, as they are in the data: 1 to 200 of them."""

    column: str
    values: Collection[str]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """The pin's text is none of `values`, 1 to 200 of them, or it has no text."""

    column: str
    values: Collection[str]


@dataclass(frozen=True, slots=True)
class Within:
    """The pin's time is not earlier than `since` and earlier than `before`; at least one of them, aware."""

    column: str
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Equals:
    """The pin's boolean is `value`."""

    column: str
    value: bool


Condition: TypeAlias = AnyOf | NoneOf | Within | Equals
