"""Drawings carry their data and their labels, and take their colours from the page."""

import re
from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.axes import spread
from evaluation.report.drawing import draw
from evaluation.report.ink import Ink
from evaluation.report.lines import Mark
from evaluation.results import Figure, Report, Series


def lines(*series: Series, x_title: str = "x") -> Figure:
    return Figure(title="T", shape="lines", x_title=x_title, y_title="y", series=series)


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_each_line_is_labelled_by_its_name() -> None:
    """Labels are text beside the lines, not a legend of swatches."""
    svg = draw(
        [lines(Series(name="up", x=(1, 2), y=(1, 2)), Series(name="down", x=(1, 2), y=(2, 1)))], name="n"
    )
    assert {"up", "down"} <= set(texts(svg))


def test_figures_side_by_side_share_their_labels() -> None:
    """Two panels of the same lines name them once."""
    figure = lines(Series(name="up", x=(1, 2), y=(1, 2)))
    assert texts(draw([figure, figure], name="n")).count("up") == 1


def test_no_stand_in_colour_is_left() -> None:
    """Every colour is a variable of the page's style sheet: dark mode and print change them all."""
    svg = draw(
        [lines(Series(name="up", x=(1, 2), y=(1, 2), low=(0, 1), high=(2, 3), kind="fused"))], name="n"
    )
    assert "var(--fused)" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", re.sub(r'"#[^"]*"|url\(#[^)]*\)', "", svg))
    assert not any(ink.value in svg for ink in Ink)


def test_a_drawing_is_the_same_each_time(village_report: Report) -> None:
    """No clock, no counter: the same numbers give the same bytes."""
    figure = village_report.figures["figure7.recall"]
    assert draw([figure], name="n") == draw([figure], name="n")


def test_drawings_do_not_share_names() -> None:
    """What one drawing defines for itself, another on the page never refers to."""
    figure = lines(Series(name="up", x=(1, 2), y=(1, 2)))
    first, second = (set(re.findall(r' id="([^"]+)"', draw([figure], name=name))) for name in ("a", "b"))
    assert first.isdisjoint(second)


def test_signs_of_markup_and_formulas_are_only_letters() -> None:
    """A name such as "a<b & $c$" is shown as it is."""
    svg = draw([lines(Series(name='a<b & $c$ "d"', x=(1, 2), y=(1, 2)), x_title="<script>")], name="n")
    assert 'a&lt;b &amp; $c$ "d"' in texts(svg)
    assert "<script" not in svg


def test_decades_are_drawn_on_a_logarithmic_axis() -> None:
    """Pools of 10,000 to 1,000,000 pins stand one decade apart."""
    svg = draw([lines(Series(name="s", x=(1e4, 1e5, 1e6), y=(1, 2, 3)))], name="n")
    assert [text for text in texts(svg) if "0,000" in text or "000,000" in text] == [
        "10,000",
        "100,000",
        "1,000,000",
    ]


def test_names_on_the_x_axis_keep_their_order() -> None:
    """Settings that are words stand in the order they come in."""
    found = texts(draw([lines(Series(name="s", x=("tight", "broad", "any"), y=(1, 2, 3)))], name="n"))
    assert [text for text in found if text in {"tight", "broad", "any"}] == ["tight", "broad", "any"]


def test_panels_with_long_names_stand_one_below_the_other() -> None:
    """Side by side they would reach into each other; each panel names its own lines then."""
    short, long = (
        lines(Series(name="up", x=tuple(f"{name} {i}" for i in range(5)), y=(1, 2, 3, 4, 5)))
        for name in ("a", "immeasurable")
    )
    assert texts(draw([short, short], name="n")).count("up") == 1
    assert texts(draw([long, long], name="n")).count("up") == 2


def test_what_stands_below_an_axis_has_room() -> None:
    """Names of two lines, and a title that is wider than its panel, make the drawing higher."""

    def height(names: tuple[str, ...], x_title: str) -> float:
        figure = lines(Series(name="up", x=names, y=(1, 2)), x_title=x_title)
        found = re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', draw([figure, figure], name="n"))
        assert found
        return float(found[1])

    plain = height(("a", "b"), "x")
    assert height(("a\n1", "b\n2"), "x") > plain
    assert height(("a", "b"), "what is varied here; and what that makes of the other") > plain


def test_a_threshold_is_marked_where_the_axis_reaches_it() -> None:
    """Marks on a cosine axis name their value; those beyond the data are left out."""
    figure = replace(lines(Series(name="s", x=(0.5, 0.9), y=(1, 2))), x_unit="cosine")
    found = texts(draw([figure], name="n", marks=[Mark(0.8, "paper"), Mark(0.1, "loose")]))
    assert "paper" in found
    assert "loose" not in found


def test_bars_say_their_values() -> None:
    """A histogram of few bars needs no axis: each bar carries its number."""
    series = Series(name="people", x=(1, 2, 3), y=(40, 1200, 7))
    figure = Figure(title="T", shape="bars", x_title="x", y_title="y", series=(series,), y_unit="count")
    assert {"40", "1,200", "7"} <= set(texts(draw([figure], name="n")))


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    """A program that also plots keeps its own style."""
    before = dict(mpl.rcParams)
    draw([lines(Series(name="up", x=(1, 2), y=(1, 2)))], name="n")
    assert dict(mpl.rcParams) == before


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8))
def test_labels_stand_apart_and_inside(wanted: list[float]) -> None:
    """Labels keep their order and their distance, and stay within the space while they fit."""
    places = spread(wanted, sizes=[1.0] * len(wanted), low=0.0, high=10.0)
    ordered = [place for _, place in sorted(zip(wanted, places, strict=True))]
    assert all(b - a >= 1.0 - 1e-9 for a, b in pairwise(ordered))
    assert min(places) >= 0.5 - 1e-9
    assert max(places) <= 9.5 + 1e-9


def test_a_label_that_has_room_does_not_move() -> None:
    """Two labels three apart stay where they are."""
    assert spread([2.0, 5.0], sizes=[1.0, 1.0], low=0.0, high=10.0) == [2.0, 5.0]


def small(x_title: str, *series: Series) -> Figure:
    return replace(lines(*series, x_title=x_title), shape="multiples", y_unit="lift")


def test_small_multiples_name_what_is_varied_and_share_a_key() -> None:
    """Two panels of other values: each says what it varies, names stand once, and thousands are short."""
    up = Series(name="up", x=(10_000, 1_000_000), y=(-0.1, 0.2), kind="fused")
    found = texts(draw([small("pool", up), small("interests", replace(up, x=(1, 20)))], name="n"))
    assert {"Pool", "Interests", "10k", "1M", "1", "20"} <= set(found)
    assert found.count("up") == 1


def test_small_multiples_share_their_scale() -> None:
    """Only the first panel of a line needs numbers on it; a fifth panel begins another line."""
    up = Series(name="up", x=(1, 2), y=(0.0, 0.2), kind="fused")
    assert texts(draw([small("a", up)] * 4, name="n")).count("+10\N{NARROW NO-BREAK SPACE}%") == 1
    assert texts(draw([small("a", up)] * 5, name="n")).count("+10\N{NARROW NO-BREAK SPACE}%") == 2
