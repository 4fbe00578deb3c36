"""Numbers as people read them: shares in per cent, lifts with their sign, intervals beside their value."""

import re
from collections.abc import Iterable

from evaluation.results import Cell, Lift, Unit

MINUS = "−"
_HARD_SPACE = "\N{NO-BREAK SPACE}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
_PER_CENT = f"{NARROW_SPACE}%"
_PERCENT_SIGN = re.compile(r"(?<=\d) ?%")
_HYPHEN = re.compile(r"(?<![\w-])-(?=\d)")
"""Before a negative number; not within a date or a name."""
_DECIMALS: dict[Unit, int] = {"cosine": 3, "count": 0, "us": 0, "ms": 2, "s": 1, "lift": 1, "none": 3}
_SUFFIX: dict[Unit, str] = {"us": "µs", "ms": "ms", "s": "s"}
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")


def decimals(values: Iterable[float | None], unit: Unit) -> int:
    """How many decimals a column of these values is read with: shares below 10 % need one more."""
    known = [abs(value) for value in values if value is not None]
    if unit == "share":
        return 1 if known and max(known) >= 0.1 else 2
    if unit in ("none", "count") and all(float(value).is_integer() for value in known):
        return 0
    return 1 if unit == "count" else _DECIMALS.get(unit, 3)


def number(value: float, unit: Unit, places: int | None = None) -> str:
    """A value with its unit: 0.1234 as a share is 12.3 %, as a lift +12.3 %."""
    places = decimals((value,), unit) if places is None else places
    if unit == "lift":
        return percent(value, places, signed=True)
    if unit == "share":
        return percent(value, places)
    if unit == "bytes":
        return _bytes(value)
    return _with_suffix(_sign(f"{value:,.{places}f}"), _SUFFIX.get(unit, ""))


def percent(value: float, places: int = 1, *, signed: bool = False) -> str:
    """A share of 1 in per cent; a signed one never says plus or minus of what rounds to 0."""
    text = f"{100 * value:+,.{places}f}" if signed else f"{100 * value:,.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return _with_suffix(_sign(text), "%")


def lift(value: Lift) -> str:
    """A lift alone: +12.3 %."""
    return percent(value.value, signed=True)


def is_baseline(value: Lift | None) -> bool:
    """Whether this is the lift of a baseline over itself, which is nothing without any doubt."""
    return value is not None and value.value == value.low == value.high == 0


def interval(low: float | None, high: float | None, unit: Unit = "lift", places: int = 1) -> str:
    """The two ends of a 95 % interval, the unit once: "-1.2 to 3.4 %"; empty when there is none."""
    if low is None or high is None:
        return ""
    unsigned: Unit = "share" if unit == "lift" else unit
    first, last = number(low, unsigned, places), number(high, unsigned, places)
    suffix = "%" if last.endswith("%") else _SUFFIX.get(unit, "")
    return f"{first.removesuffix(suffix).strip()} to {last}"


def paper(cell: Cell, unit: Unit) -> str:
    """The paper's figure as the paper prints it: without decimals it does not have."""
    if cell.paper is None:
        return ""
    places = 0 if round(100 * cell.paper, 6).is_integer() and unit in ("lift", "share") else None
    return number(cell.paper, unit, places)


def tick(value: float, unit: Unit) -> str:
    """A value on an axis: as short as it can be."""
    if unit in ("lift", "share"):
        text = _sign(f"{100 * value:+g}" if unit == "lift" and round(value, 9) else f"{100 * value:g}")
        return _with_suffix(text, "%")
    if unit == "bytes":
        return _bytes(value)
    return _with_suffix(_sign(f"{value:,g}" if abs(value) < 1e5 else f"{value:,.0f}"), _SUFFIX.get(unit, ""))


def glued(text: str) -> str:
    """A text with minus signs that does not break between a number and its sign: "λ = 0.01", "30 %"."""
    for sign in "=≥≤×<>":
        text = text.replace(f" {sign} ", f"{_HARD_SPACE}{sign}{_HARD_SPACE}")
    return _HYPHEN.sub(MINUS, _PERCENT_SIGN.sub(_PER_CENT, text))


def bare_tick(lift: float) -> str:
    """A lift on an axis whose title carries the unit: +10."""
    return _sign(f"{100 * lift:+g}") if round(lift, 9) else "0"


def _bytes(value: float) -> str:
    power = 0
    while abs(value) >= 1000 and power < len(_BYTE_UNITS) - 1:
        value, power = value / 1000, power + 1
    return _with_suffix(_sign(f"{value:.3g}"), _BYTE_UNITS[power])


def _with_suffix(text: str, suffix: str) -> str:
    return f"{text}{NARROW_SPACE}{suffix}" if suffix else text


def _sign(text: str) -> str:
    return text.replace("-", MINUS)
