"""A table as its page shows it: every number written out, with its lift, interval and the paper's."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.report import numbers
from evaluation.results import Cell, Column, Row, Table

# Above each interval stands its lift, with the unit.
_PER_CENT = f"{numbers.NARROW_SPACE}%"

_PAPER_FOOT = (
    "“Paper”: its lift over its own last pin, on its own data and vectors, "
    "as quoted in a summary of the paper’s text."
)


@dataclass(frozen=True, slots=True)
class ShownCell:
    """One cell in words; empty texts are left out.

    A value has an interval of its own only where it has no lift: the lift's is paired, and tells more.
    """

    value: str
    value_interval: str = ""
    lift: str = ""
    lift_interval: str = ""
    paper: str = ""
    note: str = ""
    is_best: bool = False


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One line; `starts_kind` where another kind of method begins."""

    name: str
    kind: str
    note: str
    cells: tuple[ShownCell, ...]
    starts_kind: bool


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table ready for the template; its foot explains what stands in it, and nothing that does not."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[ShownRow, ...]
    foot: tuple[str, ...]


def shown(table: Table) -> ShownTable:
    """The table in words."""
    columns = {key: _column(key, column, table.rows) for key, column in table.columns.items()}
    rows = tuple(
        ShownRow(
            name=row.name,
            kind=row.kind,
            note=row.note,
            cells=tuple(columns[key][at] for key in table.columns),
            starts_kind=at > 0 and row.kind != table.rows[at - 1].kind,
        )
        for at, row in enumerate(table.rows)
    )
    titles = tuple(column.title for column in table.columns.values())
    return ShownTable(table.title, table.note, titles, rows, table.foot or _foot(rows))


def _column(key: str, column: Column, rows: Sequence[Row]) -> list[ShownCell]:
    cells = [row.cells.get(key) for row in rows]
    places = numbers.decimals([cell.value for cell in cells if cell is not None], column.unit)
    best = _best(cells, column, [row.kind for row in rows])
    return [_cell(cell, column, places, is_best=cell is not None and cell is best) for cell in cells]


def _best(cells: Sequence[Cell | None], column: Column, kinds: Sequence[str]) -> Cell | None:
    """The best value of a column that has a better and a worse; oracles, which cheat, do not take part."""
    known = [
        cell
        for cell, kind in zip(cells, kinds, strict=True)
        if cell is not None and cell.value is not None and kind != "oracle"
    ]
    if column.higher_is_better is None or len({cell.value for cell in known}) < 2:
        return None
    sign = 1 if column.higher_is_better else -1
    return max(known, key=lambda cell: sign * (cell.value or 0.0))


def _cell(cell: Cell | None, column: Column, places: int, *, is_best: bool) -> ShownCell:
    if cell is None or cell.value is None:
        return ShownCell(value="", paper=_paper(cell, column), note=cell.note if cell else "")
    is_baseline = numbers.is_baseline(cell.over_last_pin)
    lift = None if is_baseline else cell.over_last_pin
    return ShownCell(
        value=numbers.number(cell.value, column.unit, places),
        value_interval=""
        if cell.over_last_pin is not None
        else numbers.interval(cell.low, cell.high, column.unit, places),
        lift=numbers.lift(lift) if lift is not None else "",
        lift_interval=numbers.interval(lift.low, lift.high).removesuffix(_PER_CENT)
        if lift is not None
        else "",
        paper="" if is_baseline else _paper(cell, column),
        note=cell.note,
        is_best=is_best,
    )


def _paper(cell: Cell | None, column: Column) -> str:
    return numbers.paper(cell, column.paper_unit) if cell is not None else ""


def _foot(rows: Sequence[ShownRow]) -> tuple[str, ...]:
    cells = [cell for row in rows for cell in row.cells]
    explained = (
        (any(cell.lift for cell in cells), "Signed: lift over the last pin."),
        (any(cell.lift_interval or cell.value_interval for cell in cells), "In brackets: 95 % interval."),
        (any(cell.paper for cell in cells), _PAPER_FOOT),
        (any(cell.is_best for cell in cells), "Bold: the best of its column, oracles aside."),
    )
    return tuple(text for is_there, text in explained if is_there)
