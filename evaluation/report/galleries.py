"""Pictures made of pins, as the page shows them: titles cut, cosines as numbers and bars."""

import textwrap
import unicodedata
from dataclasses import dataclass

from evaluation.report import numbers
from evaluation.results import Gallery, Group, Tile

_LONGEST_TITLE = 70
_SYMBOLS = {"So", "Cn"}
"""Of emoji: other symbols, and what is younger than Python's tables."""


@dataclass(frozen=True, slots=True)
class ShownTile:
    """One pin.

    Attributes:
        glyph: An emoji that the title begins with, shown large; "" for none.
        text: The rest of the title, cut where it is long.
        whole: The title that was cut, to be read on demand; "" where nothing was.
        value: A number; "" for none.
        width: Of the value's bar, in per cent.
        letter: Of the interest.
        is_hit: Acted on.
    """

    glyph: str
    text: str
    whole: str
    value: str
    width: int
    letter: str
    is_hit: bool


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """One card."""

    title: ShownTile
    kind: str
    note: str
    width: int | None
    tiles: tuple[ShownTile, ...]
    n_more: str


@dataclass(frozen=True, slots=True)
class ShownGallery:
    """One picture; a single group is a strip, several are cards side by side."""

    title: str
    finding: str
    subject: str
    note: str
    value_title: str
    groups: tuple[ShownGroup, ...]
    is_strip: bool


def shown_gallery(gallery: Gallery) -> ShownGallery:
    """The gallery in words and widths."""
    return ShownGallery(
        title=gallery.title,
        finding=gallery.finding,
        subject=gallery.subject,
        note=gallery.note,
        value_title=gallery.value_title,
        groups=tuple(_group(group) for group in gallery.groups),
        is_strip=len(gallery.groups) == 1,
    )


def split_glyph(title: str) -> tuple[str, str]:
    """An emoji that a title begins with, and the rest: "\N{FISH} fish" is "\N{FISH}" and "fish"."""
    first, _, rest = title.partition(" ")
    is_glyph = rest and not any(sign.isalnum() for sign in first)
    is_glyph = is_glyph and any(unicodedata.category(sign) in _SYMBOLS for sign in first)
    return (first, rest) if is_glyph else ("", title)


def cut(title: str) -> str:
    """A title at a length that fits, cut between words where there are any."""
    title = title.strip()
    if len(title) <= _LONGEST_TITLE:
        return title
    short = textwrap.shorten(title, _LONGEST_TITLE, placeholder="…")
    return short if len(short) > 1 else f"{title[: _LONGEST_TITLE - 1]}…"


def _group(group: Group) -> ShownGroup:
    return ShownGroup(
        title=_tile(Tile(title=_title(group), letter=group.letter)),
        kind=group.kind,
        note=_note(group),
        width=_width(group.share) if group.share is not None else None,
        tiles=tuple(_tile(tile) for tile in group.tiles),
        n_more=numbers.number(group.n_more, "count") if group.n_more else "",
    )


def _title(group: Group) -> str:
    """What is no interest is not called by a pin, and may have signs and numbers."""
    return group.title if group.letter else numbers.glued(group.title)


def _note(group: Group) -> str:
    share = f"{numbers.percent(group.share, 0)} of importance" if group.share is not None else ""
    note = ", ".join(part for part in (share, group.note) if part)
    return note[:1].upper() + note[1:]


def _tile(tile: Tile) -> ShownTile:
    glyph, text = split_glyph(tile.title.strip())
    short = cut(text)
    return ShownTile(
        glyph=glyph,
        text=short,
        whole=tile.title if short != text else "",
        value=numbers.number(tile.value, "cosine", 2) if tile.value is not None else "",
        width=_width(tile.value),
        letter=tile.letter,
        is_hit=tile.is_hit,
    )


def _width(value: float | None) -> int:
    return round(100 * min(max(value or 0.0, 0.0), 1.0))
