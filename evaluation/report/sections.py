"""What stands on the page, in its order: which tables and figures belong together, and what is absent."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from evaluation.report.answer import TEST, VALIDATION, judged
from evaluation.report.comparison import Compared, forest, validation_beside_test
from evaluation.report.drawing import draw
from evaluation.report.galleries import ShownGallery, shown_gallery
from evaluation.report.lines import Mark
from evaluation.report.numbers import number
from evaluation.report.plans import PLANS, Plan
from evaluation.report.tables import ShownTable, shown
from evaluation.results import Cell, Chapter, Column, Figure, Lift, Report, Row, Table

LiftOf = Callable[[Row, str], Lift | None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawing with what stands below it, and its numbers for who wants them exactly.

    Attributes:
        name: Fit for a file.
        svg: The element.
        title: Empty where the drawing's own titles say it.
        note: How to read it.
        numbers: What is drawn.
    """

    name: str
    svg: str
    title: str
    note: str
    numbers: tuple[ShownTable, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page."""

    anchor: str
    title: str
    lead: str = ""
    answer: str = ""
    galleries: tuple[ShownGallery, ...] = ()
    figures: tuple[Drawn, ...] = ()
    tables: tuple[ShownTable, ...] = ()
    folded: tuple[ShownTable, ...] = ()


_FOLDED = ("validation", "all")
_ONE_PERIOD = "Validation was not set beside the test: one of the two periods has no table."


def answer_figure(report: Report) -> Drawn | None:
    """Every method against the best single embedding, or the last pin where only that was compared.

    A report may bring a drawing of its own: figures whose key begins with "answer".
    """
    own = {key: figure for key, figure in report.figures.items() if _stem(key) == "answer"}
    if own:
        return next(_drawings(own, ()))
    table = report.tables.get(TEST)
    if table is None:
        return None
    baseline, lifts_of = _baseline(table)
    measures = [key for key in judged(table) if any(lifts_of(row, key) for row in table.rows)]
    methods = [_compared(row, table, measures, lifts_of, None) for row in table.rows if row.kind != "oracle"]
    methods = [method for method in methods if method.lifts]
    if not measures or not methods:
        return None
    titles = [table.columns[key].title for key in measures]
    note = "Dots are measured on the test period, bars are 95 % intervals over users."
    drawing = forest(methods, titles, baseline=baseline, name="forest")
    return Drawn("forest", drawing, f"Lift over {baseline}", note, (_lift_table(methods, titles),))


def sections(report: Report) -> list[Section]:
    """Every section that has something to show, in order; what no section claims comes last."""
    if report.chapters:
        return [section for chapter in report.chapters if (section := _chapter(report, chapter)) is not None]
    found = [_section(report, plan) for plan in PLANS]
    found.insert(2, _carry_over(report))
    found.append(_section(report, _rest(report)))
    return [section for section in found if section is not None]


def absent(report: Report) -> list[str]:
    """A sentence for each part that the report has nothing of; a report of chapters has what it has."""
    if report.chapters:
        return []
    sentences = [plan.absent for plan in PLANS if plan.absent and _section(report, plan) is None]
    return sentences if _carry_over(report) else [*sentences, _ONE_PERIOD]


def _chapter(report: Report, chapter: Chapter) -> Section | None:
    section = _section(report, Plan(chapter.key, chapter.title, (chapter.key,), chapter.lead))
    return None if section is None else replace(section, answer=chapter.answer)


def _rest(report: Report) -> Plan:
    claimed = {stem for plan in PLANS for stem in plan.stems}
    unclaimed = {_stem(key) for key in (*report.tables, *report.figures, *report.galleries)} - claimed
    return Plan("more", "Further experiments", tuple(unclaimed))


def _section(report: Report, plan: Plan) -> Section | None:
    tables = {key: table for key, table in report.tables.items() if _stem(key) in plan.stems and table.rows}
    figures = {
        key: figure
        for key, figure in report.figures.items()
        if _stem(key) in plan.stems and any(series.x for series in figure.series)
    }
    galleries = [gallery for key, gallery in report.galleries.items() if _stem(key) in plan.stems]
    if not tables and not figures and not galleries:
        return None
    marks = [Mark(threshold.cosine, f"{threshold.cosine:.2f}") for threshold in report.thresholds]
    return Section(
        plan.anchor,
        plan.title,
        plan.lead,
        galleries=tuple(shown_gallery(gallery) for gallery in galleries),
        figures=tuple(_drawings(figures, marks)),
        tables=tuple(shown(table) for key, table in tables.items() if not _is_folded(key)),
        folded=tuple(shown(table) for key, table in tables.items() if _is_folded(key)),
    )


def _carry_over(report: Report) -> Section | None:
    """Whether what was chosen in validation holds in the test."""
    test, validation = report.tables.get(TEST), report.tables.get(VALIDATION)
    if test is None or validation is None:
        return None
    baseline, lifts_of = _baseline(test)
    measures = [key for key in judged(test) if key in validation.columns]
    before = {row.name: row for row in validation.rows}
    methods = [
        _compared(row, test, measures, lifts_of, before.get(row.name))
        for row in test.rows
        if row.kind != "oracle"
    ]
    methods = [method for method in methods if method.lifts and method.validation]
    if not methods:
        return None
    titles = [test.columns[key].title for key in measures]
    drawing = validation_beside_test(methods, titles, baseline=baseline, name="validation-test")
    note = "Methods are chosen on validation, the earlier period; the test shows whether the choice holds."
    drawn = Drawn("validation-test", drawing, f"Lift over {baseline} in both periods", note, ())
    return Section("validation", "Does the choice carry over?", figures=(drawn,))


def _baseline(table: Table) -> tuple[str, LiftOf]:
    has_best = any(_over_best_single(row, key) for row in table.rows for key in row.cells)
    return ("the best single embedding", _over_best_single) if has_best else ("the last pin", _over_last_pin)


def _over_best_single(row: Row, key: str) -> Lift | None:
    return row.cells[key].over_best_single if key in row.cells else None


def _over_last_pin(row: Row, key: str) -> Lift | None:
    return row.cells[key].over_last_pin if key in row.cells else None


def _compared(
    row: Row, table: Table, measures: Sequence[str], lifts_of: LiftOf, before: Row | None
) -> Compared:
    def lifts(row: Row) -> dict[str, Lift]:
        known = {key: lifts_of(row, key) for key in measures}
        return {table.columns[key].title: lift for key, lift in known.items() if lift is not None}

    return Compared(row.name, row.kind, lifts(row), lifts(before) if before is not None else {})


def _lift_table(methods: Sequence[Compared], titles: Sequence[str]) -> ShownTable:
    columns = {title: Column(title=title, unit="lift", higher_is_better=None) for title in titles}
    rows = tuple(
        Row(
            name=method.name,
            kind=method.kind,
            cells={
                title: Cell(value=one.value, low=one.low, high=one.high)
                for title, one in method.lifts.items()
            },
        )
        for method in methods
    )
    return shown(Table(title="", columns=columns, rows=rows))


def _drawings(figures: Mapping[str, Figure], marks: Sequence[Mark]) -> Iterator[Drawn]:
    """Figures of one stem, shape and set of series share a drawing; bars stand alone."""
    for _, group in groupby(figures.items(), key=_looks):
        keys, together = zip(*group, strict=True)
        name = re.sub(r"[^\w-]+", "-", keys[0])
        titles = {figure.title for figure in together}
        title = titles.pop() if len(titles) == 1 else ""
        note = " ".join(dict.fromkeys(figure.note for figure in together if figure.note))
        drawing = draw(together, name=f"figure-{name}", marks=marks)
        yield Drawn(name, drawing, title, note, tuple(_figure_table(figure) for figure in together))


def _looks(item: tuple[str, Figure]) -> tuple[str, ...]:
    key, figure = item
    if figure.shape == "bars":
        return (key,)
    if figure.shape == "multiples":
        return (_stem(key), figure.shape, figure.y_title)
    return (_stem(key), figure.shape, figure.x_title, *(series.name for series in figure.series))


def _figure_table(figure: Figure) -> ShownTable:
    """The numbers behind a figure: one line an x, one column a series."""
    columns = {s.name: Column(title=s.name, unit=figure.y_unit, higher_is_better=None) for s in figure.series}
    cells: dict[str, dict[str, Cell]] = {}
    for series in figure.series:
        for at, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
            low = series.low[at] if series.low is not None else None
            high = series.high[at] if series.high is not None else None
            name = x if isinstance(x, str) else number(x, figure.x_unit)
            cells.setdefault(name, {})[series.name] = Cell(value=y, low=low, high=high)
    rows = tuple(Row(name=name, cells=found) for name, found in cells.items())
    return shown(Table(title=figure.title, columns=columns, rows=rows))


def _is_folded(key: str) -> bool:
    """Whether a table is for who wants every number: that of another period, that behind a drawing."""
    return key.partition(".")[2] in _FOLDED


def _stem(key: str) -> str:
    return key.partition(".")[0]
