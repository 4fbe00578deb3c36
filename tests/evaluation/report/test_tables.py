"""A table shows each number once, in its column, and marks the best honestly."""

from evaluation.report.tables import shown
from evaluation.results import Cell, Column, Row, Table
from tests.evaluation.report.conftest import retrieval_table


def of(column: Column, *cells: tuple[str, float | None]) -> Table:
    rows = tuple(Row(name=kind, kind=kind, cells={"c": Cell(value=value)}) for kind, value in cells)
    return Table(title="T", columns={"c": column}, rows=rows)


def best(table: Table) -> list[str]:
    return [row.name for row in shown(table).rows if row.cells[0].is_best]


def test_an_oracle_is_not_the_best() -> None:
    """An oracle has seen the future: the best is the best of the methods that have not."""
    recall = Column(title="Recall", unit="share")
    assert best(of(recall, ("single", 0.1), ("fused", 0.2), ("oracle", 0.9))) == ["fused"]


def test_less_can_be_better() -> None:
    """The best of a column of times is the least; a column without better and worse has none."""
    assert best(of(Column(title="Time", unit="ms", higher_is_better=False), ("a", 3.0), ("b", 2.0))) == ["b"]
    assert best(of(Column(title="Pins", unit="count", higher_is_better=None), ("a", 3.0), ("b", 2.0))) == []


def test_what_was_not_measured_stays_empty() -> None:
    """A missing cell and a cell without a value show nothing, and no lift of nothing."""
    column = Column(title="Recall", unit="share")
    table = Table(
        title="T",
        columns={"c": column},
        rows=(Row(name="absent", cells={}), Row(name="unknown", cells={"c": Cell(value=None, paper=0.5)})),
    )
    absent, unknown = (row.cells[0] for row in shown(table).rows)
    assert absent.value == absent.lift == absent.paper == unknown.value == ""
    assert unknown.paper.startswith("+50")


def test_the_foot_explains_only_what_is_there() -> None:
    """Without lifts, intervals and figures of the paper there is nothing to explain."""
    assert shown(of(Column(title="Pins", unit="count", higher_is_better=None), ("a", 3.0))).foot == ()


def test_the_foot_explains_what_is_there() -> None:
    """Lifts, intervals, the paper's figures and the best are each explained once."""
    assert len(shown(retrieval_table("T")).foot) == 4
