"""What was measured: each figure with its runs and their spread, as JSON and as a table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Column, Table


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        value: The median of the runs.
        runs: One each.
        spread: From the second lowest quarter of the runs to the third: the distance of their quartiles.
        goal: What it should be, for people.
    """

    value: float
    runs: Sequence[float]
    spread: float
    goal: str = ""

    @classmethod
    def of(cls, runs: Sequence[float], goal: str = "") -> "Figure":
        """From runs, at least one."""
        low, middle, high = np.percentile(runs, (25, 50, 75)).tolist()
        return cls(value=middle, runs=list(runs), spread=high - low, goal=goal)


def ratios(above: Sequence[float], below: Sequence[float], goal: str = "") -> Figure:
    """The ratio of every run to the one beside it: what disturbs a round disturbs both."""
    return Figure.of([a / b for a, b in zip(above, below, strict=True)], goal)


def show(figures: Mapping[str, Figure]) -> None:
    """A table on screen."""
    # A name cut short would be another figure's as well.
    table = Table(Column("figure", overflow="fold"), "value", "spread", "runs", "goal")
    for name, figure in figures.items():
        table.add_row(
            name, f"{figure.value:,.3f}", f"{figure.spread:,.3f}", f"{len(figure.runs)}", figure.goal
        )
    Console().print(table)


def write(path: Path, figures: Mapping[str, Figure], facts: Mapping[str, object]) -> None:
    """JSON: the figures by name, and what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {name: asdict(figure) for name, figure in figures.items()} | {"measured_on": dict(facts)}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
