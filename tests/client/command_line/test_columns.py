"""Columns line up on a terminal, whatever is in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinnersage.client.command_line.columns import printable, shortened, table, width


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("dog", 3),
        ("naïve", 5),
        ("nai\u0308ve", 5),
        ("日本", 4),
        ("ｗｉｄｅ", 8),
        ("🐶", 2),
        ("🐶🐩", 4),
        ("❤", 1),
        ("❤️", 2),
        ("❤️‍🔥", 2),
        ("🐕‍🦺", 2),
        ("👩🏽‍🚀", 2),
        ("👋🏽 hi", 5),
        ("☝🏽", 2),
        ("tone 🏽", 7),
        ("🏽", 2),
        ("🏳️‍🌈", 2),
        ("🇩🇪", 2),
        ("1️⃣", 2),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("🧔‍♂️", 2),
        ("क्‍ष", 2),
        ("\ufe0f", 0),
    ],
)
def test_width(text: str, cells: int) -> None:
    """Emoji and CJK take two cells, accents and joiners none, a joined sequence two."""
    assert width(text) == cells


def test_columns_are_aligned_by_cells() -> None:
    """Two spaces after the widest; numbers to the right; no blanks at the end of a line."""
    rows = [("1.5", "🐶", "dog face"), ("10", "日本語", ""), ("2", "abc", "x")]
    assert table(rows, right=(0,)) == [
        "  1.5  🐶      dog face",
        "   10  日本語",
        "    2  abc     x",
    ]


def test_empty_columns_vanish() -> None:
    """No titles, no column of titles."""
    assert table([("", "a", ""), ("", "b", "")]) == ["  a", "  b"]


def test_no_rows_no_lines() -> None:
    """An empty answer is no error."""
    assert table([]) == []


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("🐶🐶🐶", 6, "🐶🐶🐶"),
        ("🐶🐶🐶", 5, "🐶🐶…"),
        ("🐶🐶🐶", 4, "🐶…"),
        ("🐕‍🦺🐕‍🦺", 3, "🐕‍🦺…"),
        ("abc", 1, "…"),
    ],
)
def test_shortened(text: str, cells: int, shown: str) -> None:
    """Never half a character, never more than fits."""
    assert shortened(text, cells) == shown


@given(st.text(st.sampled_from("a日🐶👩🏽🚀❤\u200d\ufe0f\u0301"), max_size=12), st.integers(1, 20))
def test_what_is_shortened_fits(text: str, cells: int) -> None:
    """Whatever sequence it is cut in."""
    assert width(shortened(text, cells)) <= cells


@pytest.mark.parametrize("hostile", ["\n", "\r", "\t", "\x1b", "\x07", "\x9b", "\u2028", "\u202e", "\udcff"])
def test_a_title_cannot_speak_to_the_terminal(hostile: str) -> None:
    """Titles come from anywhere: no new lines, escape sequences or reversed text."""
    assert printable(f"a{hostile}[31mb") == "a [31mb"
