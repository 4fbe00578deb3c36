"""The page says what report.json says, in one file that needs nothing else."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from evaluation.report import write_drawings, write_html
from evaluation.report.__main__ import main
from evaluation.report.ink import DARK, LIGHT, Ink, colours
from evaluation.report.page import PAPER, html
from evaluation.report.sections import absent, sections
from evaluation.results import Figure, Report, Series, to_json, write_json

_NUMBER = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)?")
_VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """The page's visible text outside drawings, its addresses, its ids and whether its elements nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "svg", "title"} & set(self.open):
            self.texts.append(data)


def numbers_in(text: str) -> list[str]:
    return _NUMBER.findall(text)


def leaves(value: object) -> Iterator[object]:
    """Every text and number in plain JSON types, keys included."""
    match value:
        case dict():
            for key, inner in value.items():
                yield key
                yield from leaves(inner)
        case list() | tuple():
            for inner in value:
                yield from leaves(inner)
        case _:
            yield value


def unknown_numbers(page: str, report: Report, constants: str) -> set[str]:
    """The numbers on the page that are neither a rounded one of the record nor part of one of its texts."""
    found = list(leaves(to_json(report)))
    texts = [leaf for leaf in found if isinstance(leaf, str)]
    known = {number for text in [*texts, constants] for number in numbers_in(text)}
    values = [float(leaf) for leaf in found if isinstance(leaf, int | float)]
    return {
        number
        for text in Page(page).texts
        for number in numbers_in(text)
        if number not in known and not any(_is_rounded(number, value) for value in values)
    }


def _is_rounded(number: str, value: float) -> bool:
    plain = number.replace(",", "").replace("−", "-")
    half = 0.5000001 * 10 ** -len(plain.partition(".")[2])
    return any(abs(float(plain) - scale * value) <= half for scale in (1, 100))


def constants_of(report: Report) -> str:
    """What the page says of any report: the explanations around the numbers."""
    fixed = [section.lead for section in sections(report)]
    return " ".join([*fixed, *absent(report), "95 % intervals, 400 candidates, 20 impressions, KDD 2020"])


@pytest.fixture(scope="module")
def village_page(village_report: Report) -> str:
    return html(village_report)


def test_every_number_is_one_of_the_record(village_report: Report, village_page: str) -> None:
    """Nothing on the page was made up, mistyped or computed anew."""
    constants = constants_of(village_report)
    assert unknown_numbers(village_page, village_report, constants) == set()
    assert unknown_numbers(village_page.replace("56.0", "56.7"), village_report, constants) == {"56.7"}


def test_nothing_is_fetched_from_anywhere(village_page: str) -> None:
    """The only address is the link to the paper; there is no script, and nothing is imported by the style."""
    outside = {address for address in Page(village_page).addresses if not address.startswith("#")}
    assert outside == {PAPER}
    assert not re.search(r"<script|@import|url\((?!#)|<link|<iframe", village_page)


def test_texts_of_the_data_are_never_markup(village_report: Report) -> None:
    """A data set may be called anything."""
    evil = '<img src="http://evil.example/x" onerror=alert(1)>'
    world = replace(village_report.world, title=evil, note=evil, alpha_from=evil)
    table = village_report.tables["table4.test"]
    named = replace(table, title=evil, note=evil, rows=(replace(table.rows[-1], name=evil, note=evil),))
    figure = replace(village_report.figures["figure7.recall"], title=evil, x_title=evil, note=evil)
    page = html(
        replace(
            village_report,
            world=world,
            findings=(evil,),
            tables={"table4.test": named, f"{evil}.x": named},
            figures={f"{evil}.y": figure},
        )
    )
    assert "<img" not in page
    assert "onerror" in page
    assert Page(page).open == []


def test_elements_nest_and_names_are_unique(village_page: str) -> None:
    """The page is well formed, and no two elements share an id, within drawings neither."""
    page = Page(village_page)
    assert page.open == []
    assert [name for name, count in Counter(page.ids).items() if count > 1] == []


def test_what_was_not_run_is_left_out_with_a_sentence(minimal_report: Report) -> None:
    """A report of nothing has no table frames and no drawings, and says what is missing."""
    page = html(minimal_report)
    assert "<svg" not in page
    assert "does not say" in page
    assert "Table 5, the ranking of actions among impressions, was not run." in page
    assert sections(minimal_report) == []


def test_an_empty_figure_is_no_box(minimal_report: Report) -> None:
    """A figure without a point is left out like one that is absent."""
    empty = Figure(title="T", shape="lines", x_title="x", y_title="y", series=(Series(name="s", x=(), y=()),))
    report = replace(minimal_report, figures={"figure7.recall": empty})
    assert "<svg" not in html(report)
    assert absent(report) == absent(minimal_report)


def test_experiments_the_page_does_not_know_are_shown_too(village_report: Report) -> None:
    """A table or figure under a new key comes last, not never."""
    last = sections(village_report)[-1]
    assert last.anchor == "more"
    assert [figure.title for figure in last.figures] == ["Recall by pool"]


def test_the_file_is_whole(tmp_path: Path, minimal_report: Report) -> None:
    """The file holds the page, in a folder made for it, and no unfinished one stays beside it."""
    path = tmp_path / "new" / "report.html"
    write_html(minimal_report, path)
    assert path.read_text(encoding="utf-8") == html(minimal_report)
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]


def test_light_dark_and_paper_have_their_colours() -> None:
    """Each colour is defined for light, and again for dark on screens only: paper is light."""
    light, dark = colours().split("@media screen and (prefers-color-scheme: dark)")
    assert all(f"--{ink.name.lower()}:" in light and f"--{ink.name.lower()}:" in dark for ink in Ink)


def test_letters_can_be_read_on_their_paper() -> None:
    """Every colour of letters has a contrast of at least 4.5 to 1, in light and in dark."""
    for palette in (LIGHT, DARK):
        paper = luminance(palette[Ink.PAPER])
        for ink in set(Ink) - {Ink.PAPER, Ink.RULE}:
            lighter, darker = sorted((luminance(palette[ink]), paper), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, ink


def luminance(colour: str) -> float:
    """Of WCAG 2: how bright a colour such as "#1b1f24" is, from 0 to 1."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_drawings_stand_alone(tmp_path: Path, village_report: Report) -> None:
    """Each drawing is a well-formed SVG file that defines every colour it uses."""
    paths = write_drawings(village_report, tmp_path / "drawings")
    assert {path.name for path in paths} >= {"village-forest.svg", "village-figure7-relevance.svg"}
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert fromstring(text).tag.endswith("svg")  # noqa: S314 - we wrote it
        assert set(re.findall(r"var\(--(\w+)\)", text)) <= set(re.findall(r"--(\w+):", text))


def test_a_page_is_drawn_again_from_its_json(
    tmp_path: Path, village_report: Report, village_page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished report.json is enough: the page is the same as when it was first drawn."""
    write_json(village_report, tmp_path / "report.json")
    monkeypatch.setattr(sys, "argv", ["report", "--report", str(tmp_path / "report.json")])
    assert main() == 0
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == village_page


def test_a_missing_report_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for a wrong path."""
    monkeypatch.setattr(sys, "argv", ["report", "--report", str(tmp_path / "none.json")])
    assert main() == 1
    assert capsys.readouterr().err.endswith("none.json: No such file or directory\n")
