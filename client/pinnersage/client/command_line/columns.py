"""Plain aligned columns for a terminal, where an emoji is two cells wide and an accent none."""

import unicodedata
from collections.abc import Iterator, Sequence

_JOINER = "\u200d"
_EMOJI_PRESENTATION = "\ufe0f"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_ZERO_WIDTH = frozenset({"Mn", "Me", "Cf"})

# Categories that would break the line or speak to the terminal; and the bidirectional controls.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """The text on one line, without anything a terminal would act on."""
    return "".join(" " if _is_unprintable(character) else character for character in text)


def width(text: str) -> int:
    """How many cells of a terminal the text takes; a joined emoji sequence takes two."""
    return sum(_cells(text))


def shortened(text: str, cells: int) -> str:
    """The text, cut with an ellipsis to at most so many cells."""
    if width(text) <= cells:
        return text
    kept, room = 0, cells - 1
    for taken in _cells(text):
        room -= taken
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip(_JOINER) + "…"


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: str = "  ") -> list[str]:
    """Rows of equally many texts as lines of aligned columns, two spaces apart; empty columns vanish.

    Args:
        rows: The cells' texts.
        right: The columns that are aligned to the right.
        indent: What each line begins with.
    """
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [indent + "  ".join(_padded(row, widths, right)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> Iterator[str]:
    for at, (text, cells) in enumerate(zip(row, widths, strict=True)):
        padding = " " * (cells - width(text))
        if cells:
            yield padding + text if at in right else text + padding


def _is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTABLE or character in _BIDIRECTIONAL


def _cells(text: str) -> Iterator[int]:
    """The cells that each character adds to those before it."""
    cluster, before = 0, ""
    for character in text:
        if not _continues(before, character):
            cluster, added = 0, 2 if unicodedata.east_asian_width(character) in "WF" else 1
        elif cluster and _widens(character):
            added = 2 - cluster
        else:
            added = 0
        cluster += added
        before = character
        yield added


def _continues(before: str, character: str) -> bool:
    """Whether the character is drawn into the cells of the one before."""
    category = unicodedata.category(character)
    if before == _JOINER:
        return category in _ZERO_WIDTH or category == "So"
    return category in _ZERO_WIDTH or _is_skin_tone(before, character)


def _widens(character: str) -> bool:
    return character == _EMOJI_PRESENTATION or ord(character) in _SKIN_TONES


def _is_skin_tone(before: str, character: str) -> bool:
    """A skin tone colours the emoji before it; on its own it is a swatch."""
    colours = ord(character) in _SKIN_TONES and before != ""
    return colours and (before == _EMOJI_PRESENTATION or unicodedata.category(before) == "So")
