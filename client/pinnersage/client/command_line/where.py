"""`--where`: a condition as a person types it, and several of them as the client takes them."""

import argparse
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from pinnersage.client._filters import AnyOf, Condition, Equals, NoneOf, Within

FORMS = "COLUMN=TEXT, COLUMN!=TEXT, COLUMN>=TIME, COLUMN<TIME, COLUMN or 'not COLUMN'"

_COMPARISON = re.compile(
    r"\s*(?P<column>[^=!<>]*?)\s*(?P<operator>!=|>=|<=|==|=|<|>)\s*(?P<value>.*?)\s*", re.DOTALL
)
_FLAG = re.compile(r"\s*(?P<no>not\s+)?(?P<column>[^\s=!<>]+)\s*")


def condition(text: str) -> Condition:
    """One condition.

    Raises:
        ArgumentTypeError: It has none of the forms; the message shows them.
    """
    if found := _COMPARISON.fullmatch(text):
        return _comparison(text, found["column"], found["operator"], found["value"])
    if found := _FLAG.fullmatch(text):
        return Equals(found["column"], value=found["no"] is None)
    raise _problem(text)


def together(conditions: Iterable[Condition]) -> list[Condition]:
    """All conditions: texts that one column should be are those it may be any of."""
    values: dict[str, list[str]] = {}
    others: list[Condition] = []
    for each in conditions:
        if isinstance(each, AnyOf):
            values.setdefault(each.column, []).extend(each.values)
        else:
            others.append(each)
    return [*(AnyOf(column, tuple(texts)) for column, texts in values.items()), *others]


def _comparison(text: str, column: str, operator: str, value: str) -> Condition:
    if not column:
        raise _problem(text)
    match operator:
        case "=":
            return AnyOf(column, (value,))
        case "!=":
            return NoneOf(column, (value,))
        case ">=":
            return Within(column, since=moment(value))
        case "<":
            return Within(column, before=moment(value))
        case "==":
            raise argparse.ArgumentTypeError(f"{text!r}: a text is compared by one =")
    raise argparse.ArgumentTypeError(f"{text!r}: a time is compared by >= (from then on) or < (before then)")


def moment(value: str) -> datetime:
    """A time as people type it; without an offset it is UTC.

    Raises:
        ArgumentTypeError: It is none; the message shows how to write one.
    """
    try:
        time = datetime.fromisoformat(value)
    except ValueError as error:
        problem = (
            f"{value!r} is no time: write 2024-01-31, or 2024-01-31T12:00:00 (UTC, unless it says +02:00)"
        )
        raise argparse.ArgumentTypeError(problem) from error
    return time if time.utcoffset() is not None else time.replace(tzinfo=UTC)


def _problem(text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text!r} is none of {FORMS}")
