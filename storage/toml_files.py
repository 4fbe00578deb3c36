"""TOML files that people write, read key by key; errors name the file, the key and what to write."""

import json
import math
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeGuard

from storage.errors import DataError

TomlValue = object


class TomlTable:
    """One table of a TOML file; every reading method checks one key.

    Args:
        path: The file, for messages.
        values: The table.
        name: "" for the top of the file.
        known: The keys that may stand here; any other is refused, because a misspelt one would be ignored.

    Raises:
        DataError: A key is not known.
    """

    def __init__(
        self,
        path: Path,
        values: dict[str, TomlValue],
        *,
        known: Collection[str] | None = None,
        name: str = "",
    ) -> None:
        self._path = path
        self._values = values
        self._name = name
        unknown = [] if known is None else sorted(set(values) - set(known))
        if unknown:
            raise self.problem(unknown[0], f"is not known here; known are: {', '.join(sorted(known or ()))}")

    def problem(self, key: str, what: str) -> DataError:
        """The error for one key."""
        return DataError(f"{self._path}: {self._full_name(key)} {what}")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def text(self, key: str, *, example: str) -> str:
        """A string that is not empty."""
        value = self._required(key, f'{key} = "{example}"')
        if not isinstance(value, str) or not value.strip():
            raise self.problem(
                key, f'must be a text that is not empty, for example "{example}"; got {value!r}'
            )
        return value

    def number(self, key: str, *, example: float, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number, whole or not, from `low` to `high`."""
        value = self._required(key, f"{key} = {example}")
        if not _is_number(value) or not low <= value <= high:
            limits = "" if math.isinf(high - low) else f" from {low:g} to {high:g}"
            raise self.problem(key, f"must be a finite number{limits}, for example {example}; got {value!r}")
        return float(value)

    def count(self, key: str, *, example: int) -> int:
        """A whole number from 1."""
        value = self._required(key, f"{key} = {example}")
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.problem(key, f"must be a whole number from 1, for example {example}; got {value!r}")
        return value

    def texts(self, key: str, *, example: str) -> tuple[str, ...]:
        """A list of distinct strings, at least one, none of them empty."""
        values = self._required(key, f'{key} = ["{example}"]')
        if not _are_texts(values) or len(set(values)) < len(values):
            raise self.problem(
                key,
                f'must be a list of distinct texts, none of them empty, for example ["{example}"]; '
                f"got {values!r}",
            )
        return tuple(values)

    def table(self, key: str, *, known: Collection[str] | None = None) -> "TomlTable":
        """A table within this one."""
        value = self._required(key, f"a table [{key}]")
        if not isinstance(value, dict):
            raise self.problem(key, f"must be a table, written as [{key}]; got {value!r}")
        return TomlTable(self._path, value, known=known, name=self._full_name(key))

    def _required(self, key: str, advice: str) -> TomlValue:
        if key not in self._values:
            raise self.problem(key, f"is missing. Write, for example: {advice}")
        return self._values[key]

    def _full_name(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key


def read_toml(path: Path, *, known: Collection[str], missing: str) -> TomlTable:
    """The top table of a file.

    Args:
        path: The file.
        known: The keys that may stand at its top.
        missing: What to do when there is no such file.

    Raises:
        DataError: There is no such file, it cannot be read, it is not TOML, or a key is not known.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist. {missing}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as TOML: {error}") from error
    return TomlTable(path, values, known=known)


def _are_texts(values: TomlValue) -> TypeGuard[list[str]]:
    """Whether it is a list of strings that are not empty, at least one."""
    if not isinstance(values, list) or not values:
        return False
    return all(isinstance(value, str) and value.strip() for value in values)


def _is_number(value: TomlValue) -> TypeGuard[int | float]:
    """Whether it is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def toml_text(value: str) -> str:
    """The value as a TOML string: JSON's, but TOML also wants DEL escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
