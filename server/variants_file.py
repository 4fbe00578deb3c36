"""The file of variants: TOML, every mistake told with the variant, the key and what would be right.

salt = "2026-11"

[variants.control]
share = 0.5

[variants.wide]
share = 0.5
max_interests = 5
budget = "by_importance"
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from server.errors import StartError
from server.limits import LIMITS
from server.metrics_catalogue import WITHOUT_VARIANT as RESERVED
from server.settings import MergePolicy
from server.variants import Budget, Variant, Variants

MOST = 16
"""Each is a label of metrics."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ROUNDING = 1e-9
_LARGEST_LAMBDA = 10.0

_Read = Callable[[Any], Any]


def read_variants(path: Path, default_policy: MergePolicy) -> Variants:
    """The variants of a file.

    Args:
        path: The file.
        default_policy: Of requests and variants that name none.

    Raises:
        StartError: The file cannot be read, or a value in it cannot be used.
    """
    document = _toml(path)
    try:
        return _variants(document, default_policy)
    except _WrongError as error:
        raise StartError(f"{path}: {error}") from error


class _WrongError(Exception):
    """What is wrong with the file's content, and what would be right."""


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartError(f"cannot read the variants in {path}: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartError(f"{path} is not TOML: {error}.") from error


def _variants(document: Mapping[str, Any], default_policy: MergePolicy) -> Variants:
    _only(document, ("salt", "variants"), "the file")
    salt, tables = document.get("salt", ""), document.get("variants")
    if not isinstance(salt, str):
        raise _WrongError(f"salt is {salt!r}; it must be a text in quotes.")
    if not isinstance(tables, dict) or not 1 <= len(tables) <= MOST:
        raise _WrongError(f"it must have 1 to {MOST} tables [variants.NAME].")
    variants = [_variant(name, table, default_policy) for name, table in tables.items()]
    together = math.fsum(variant.share for variant in variants)
    if together > 1 + _ROUNDING:
        raise _WrongError(f"the shares add up to {together:g}; they may add up to 1 at most.")
    return Variants(variants, salt=salt)


def _variant(name: str, table: object, default_policy: MergePolicy) -> Variant:
    where = f"variants.{name}"
    if not _NAME.fullmatch(name) or name == RESERVED:
        raise _WrongError(
            f"{where}: a name has 1 to 32 of a-z, 0-9, - and _, begins with a letter or a digit, and is not "
            f"{RESERVED!r}."
        )
    if not isinstance(table, dict):
        raise _WrongError(f"{where} must be a table: [variants.{name}].")
    _only(table, tuple(_READERS), where)
    values = {key: _value(f"{where}.{key}", key, value) for key, value in table.items()}
    variant = Variant(name=name, **values)
    _require_sense(variant, where, default_policy)
    return variant


def _require_sense(variant: Variant, where: str, default_policy: MergePolicy) -> None:
    """Refuse parameters that would do nothing: a test of them would find no difference."""
    if (variant.merge_policy or default_policy) is not MergePolicy.FUSED:
        return
    for key, is_given in (
        ("max_interests", variant.max_interests is not None),
        ("budget", variant.budget is not Budget.EQUAL),
    ):
        if is_given:
            raise _WrongError(
                f'{where}.{key} goes with merge_policy = "interleaved": with "fused" nothing is sampled.'
            )


def _only(table: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(table.keys() - set(known))
    if unknown:
        raise _WrongError(f"{where} has the unknown key {unknown[0]!r}; known are {', '.join(known)}.")


def _value(where: str, key: str, value: object) -> Any:  # noqa: ANN401 - a field of Variant
    try:
        return _READERS[key](value)
    except ValueError as error:
        raise _WrongError(f"{where} is {value!r}; {error}.") from error


def _number(low: float, high: float) -> _Read:
    def read(value: object) -> float:
        # A bool is an int, and no number for anybody who writes a file.
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"it must be a number, {low:g} to {high:g}")
        return float(value)

    return read


def _whole(low: int, high: int) -> _Read:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"it must be a whole number, {low} to {high}")
        return value

    return read


def _one_of(kind: type[StrEnum]) -> _Read:
    def read(value: object) -> StrEnum:
        if not isinstance(value, str) or value not in tuple(kind):
            raise ValueError(f"it must be one of {', '.join(f'{each.value!r}' for each in kind)}")
        return kind(value)

    return read


_READERS: Mapping[str, _Read] = {
    "share": _number(0, 1),
    "max_interests": _whole(1, LIMITS.max_interests),
    "min_score": _number(-1, 1),
    "merge_policy": _one_of(MergePolicy),
    "budget": _one_of(Budget),
    "lambda_per_day": _number(0, _LARGEST_LAMBDA),
}
