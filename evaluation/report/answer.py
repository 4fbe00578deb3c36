"""Answers “is it better than one embedding, on my data?” in two sentences, from the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.choosing import CRITERION
from evaluation.report import numbers
from evaluation.results import Cell, Lift, Report, Row, Table

TEST, VALIDATION = "table4.test", "table4.validation"
_CANDIDATES = ("fused", "several")


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict in a word or two, and what it rests on."""

    verdict: str
    sentences: tuple[str, ...]


def answer(report: Report) -> Answer | None:
    """The answer; None when no method of several embeddings was compared with a single one.

    The method is the one that was chosen before the test: the fused one whose least lift over the best single
    embedding was greatest in validation; without fused ones, PinnerSage's variant of which that is true.
    """
    table = report.tables.get(TEST)
    if table is None:
        return None
    measures = judged(table)
    chosen = _chosen(table, report.tables.get(VALIDATION), measures)
    if chosen is None:
        return None
    lifts = [(measure, _over_best(chosen, measure)) for measure in measures]
    found = [(measure, lift) for measure, lift in lifts if lift is not None]
    first = _comparison(chosen, found, table, _choice(report))
    return Answer(_verdict(found, table), (first, _in_perspective(chosen, table, measures)))


def judged(table: Table) -> list[str]:
    """The columns that the answer speaks of: those that a method is chosen by."""
    return [key for key in CRITERION if key in table.columns]


def _over_best(row: Row, key: str) -> Lift | None:
    cell = row.cells.get(key)
    return cell.over_best_single if cell is not None else None


def _chosen(test: Table, validation: Table | None, measures: Sequence[str]) -> Row | None:
    for kind in _CANDIDATES:
        rows = {row.name: row for row in test.rows if row.kind == kind and _worst(row, measures) is not None}
        before = [row for row in validation.rows if row.name in rows] if validation is not None else []
        candidates = [row for row in before if _worst(row, measures) is not None] or list(rows.values())
        if candidates:
            return rows[max(candidates, key=lambda row: _worst(row, measures) or 0.0).name]
    return None


def _worst(row: Row, measures: Sequence[str]) -> float | None:
    lifts = [lift.value for measure in measures if (lift := _over_best(row, measure)) is not None]
    return min(lifts, default=None)


def _choice(report: Report) -> str:
    cases = f"{report.world.n_test_cases:,} test cases"
    return f"{cases} it was not chosen on" if VALIDATION in report.tables else cases


def _verdict(lifts: Sequence[tuple[str, Lift]], table: Table) -> str:
    """Certain only where an interval is: what lies on both sides of zero is no difference yet."""
    names = {key: _inside(table.columns[key].title) for key, _ in lifts}
    better = [names[key] for key, lift in lifts if lift.low is not None and lift.low > 0]
    worse = [names[key] for key, lift in lifts if lift.high is not None and lift.high < 0]
    if len(better) == len(lifts):
        return "Yes."
    if len(worse) == len(lifts):
        return "No."
    if better and worse:
        return f"Better in {_listed(better)}, worse in {_listed(worse)}."
    if better:
        return f"Yes in {_listed(better)}; the rest is within the noise."
    if worse:
        return f"No: worse in {_listed(worse)}, the rest is within the noise."
    return "Not measurably: the difference is within the noise."


def _comparison(chosen: Row, lifts: Sequence[tuple[str, Lift]], table: Table, choice: str) -> str:
    parts = [f"{_lift_with_interval(lift)} in {_inside(table.columns[key].title)}" for key, lift in lifts]
    return f"On {choice}, “{chosen.name}” stands at {_listed(parts)} against the best single embedding."


def _in_perspective(chosen: Row, table: Table, measures: Sequence[str]) -> str:
    """The last measure in absolute terms, and where the paper's own setting is."""
    key = measures[-1]
    column = table.columns[key]
    singles = [row for row in table.rows if row.kind == "single" and _value(row.cells, key) is not None]
    best = max(singles, key=lambda row: _value(row.cells, key) or 0.0, default=None)
    value = _value(chosen.cells, key)
    places = numbers.decimals([_value(row.cells, key) for row in table.rows], column.unit)
    sentence = f"Its {_inside(column.title)} is {_shown(value, column.unit, places)}"
    if best is not None:
        sentence += f" against {_shown(_value(best.cells, key), column.unit, places)} of “{best.name}”"
    return sentence + _papers_own(chosen, table, measures) + "."


def _papers_own(chosen: Row, table: Table, measures: Sequence[str]) -> str:
    """Where the paper's own PinnerSage stands: the last of its lines that the paper has a figure for."""
    own = [row for row in table.rows if row.kind == "several" and _is_in_paper(row)]
    if not own or own[-1].name == chosen.name:
        return ""
    lifts = [numbers.lift(lift) for key in measures if (lift := _over_best(own[-1], key)) is not None]
    if len(lifts) < len(measures):
        return ""
    return f"; the paper’s own setting stands at {_listed(lifts)}, in the same order"


def _is_in_paper(row: Row) -> bool:
    return any(cell.paper is not None for cell in row.cells.values())


def _value(cells: Mapping[str, Cell], key: str) -> float | None:
    cell = cells.get(key)
    return cell.value if cell is not None else None


def _shown(value: float | None, unit: str, places: int) -> str:
    return "unknown" if value is None else numbers.number(value, unit, places)  # type: ignore[arg-type] # a unit of the JSON


def _lift_with_interval(lift: Lift) -> str:
    ends = numbers.interval(lift.low, lift.high)
    return f"{numbers.lift(lift)} ({ends})" if ends else numbers.lift(lift)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _inside(title: str) -> str:
    """A column's title within a sentence: "Relevance, cosine" is relevance at cosine, "R-precision" stays."""
    title = title.replace(", ", " at ", 1)
    return title[:1].lower() + title[1:] if title[1:2].islower() else title
