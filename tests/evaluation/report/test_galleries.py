"""Pictures made of pins: whatever pins are called, cards stay cards."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.galleries import cut, shown_gallery, split_glyph
from evaluation.report.page import html
from evaluation.results import Gallery, Group, Report, Tile


@pytest.mark.parametrize(
    ("title", "glyph", "text"),
    [
        ("🐟 fish", "🐟", "fish"),
        ("✈️ airplane departure", "✈️", "airplane departure"),
        ("🇫🇷 France", "🇫🇷", "France"),
        ("Fish & chips", "", "Fish & chips"),
        ("42 (2013)", "", "42 (2013)"),
        ("... and justice", "", "... and justice"),
        ("🐟", "", "🐟"),
    ],
)
def test_an_emoji_in_front_is_set_apart(title: str, glyph: str, text: str) -> None:
    """It is shown large; words, numbers and points are not, and a title is never left empty."""
    assert split_glyph(title) == (glyph, text)


def test_long_titles_end_between_words() -> None:
    """A title that fits stays as it is; one long word is cut where it must be."""
    assert cut("Short enough") == "Short enough"
    assert cut("very " * 20) == "very " * 13 + "very…"
    assert cut("x" * 100) == "x" * 69 + "…"


@given(st.text(min_size=1, max_size=200))
def test_no_title_is_too_long_for_its_card(title: str) -> None:
    """Nor does one that has any sign to show vanish."""
    assert len(cut(title)) <= 70
    assert bool(cut(title)) == bool(title.strip())


def test_bars_stay_within_their_cards() -> None:
    """A cosine below zero has no bar, and rounding never makes one longer than its place."""
    tiles = tuple(Tile(title="t", value=value) for value in (-0.5, 0.0, 0.5, 1.0000038))
    gallery = shown_gallery(Gallery(title="T", finding="", groups=(Group(title="", tiles=tiles),)))
    assert [tile.width for tile in gallery.groups[0].tiles] == [0, 0, 50, 100]


def test_one_group_is_a_strip_and_several_are_cards(village_report: Report) -> None:
    """Actions in time stand in a row, interests side by side."""
    shown = [shown_gallery(gallery) for gallery in village_report.galleries.values()]
    assert [gallery.is_strip for gallery in shown] == [True, False]


def test_the_page_shows_titles_letters_and_numbers(village_report: Report) -> None:
    """Everything of a picture: who, what is true of all, titles, what was hit, and what is not shown."""
    page = html(village_report)
    for text in ("Reader 7 on 2024-05-20.", "7 pins", "★", "and 9 earlier", "and 5 more", "🐟", "−0.04"):
        assert text in page
    assert "46\N{NARROW NO-BREAK SPACE}% of importance, 7 pins" in page
    assert "Of 40 readers 25\N{NARROW NO-BREAK SPACE}% turn round." in page


def test_titles_are_never_markup_and_long_ones_can_be_read_whole(village_report: Report) -> None:
    """A title with tags is text, and a cut one is whole in the hint."""
    page = html(village_report)
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; brave" in page
    assert re.search(r'title="How (very ){20}long"', page)
