"""What each choice saves here, beside what the paper reports."""

from evaluation.results import Figure, Series, Table


def saved_figure(table: Table) -> dict[str, Figure]:
    """The changes of Table 2 as a drawing, those that were measured; nothing where none was.

    Args:
        table: See tables.cost_tables: "table2.saved".
    """
    lines = [(row.name, row.cells["change"]) for row in table.rows]
    ours = [(name, cell.value, cell.low, cell.high) for name, cell in lines if cell.value is not None]
    papers = [(name, cell.paper) for name, cell in lines if cell.paper is not None]
    if not ours:
        return {}
    names, values, lows, highs = zip(*ours, strict=True)
    here = Series(
        name="here",
        kind="several",
        x=names,
        y=values,
        low=tuple(value if low is None else low for value, low in zip(values, lows, strict=True)),
        high=tuple(value if high is None else high for value, high in zip(values, highs, strict=True)),
    )
    paper = Series(
        name="paper",
        kind="single",
        x=tuple(name for name, _ in papers),
        y=tuple(value for _, value in papers),
    )
    return {
        "cost.saved": Figure(
            title="What each choice saves",
            shape="bars",
            x_title="choice",
            y_title="change of CPU",
            y_unit="lift",
            series=(here, paper),
            note="Lines: the lowest and the highest of the rounds of measuring.",
        )
    }
