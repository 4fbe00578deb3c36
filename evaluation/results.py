"""The record that report.json is: plain numbers and texts, from which every page and plot is drawn."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """How much more than a baseline, relative to it: 0.25 is +25 %, with its 95 % interval.

    The interval is a paired bootstrap over users, and absent where none was computed.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measured value.

    Attributes:
        value: In the column's unit; None where it was not measured.
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        over_last_pin: Its lift over the last-pin method, the paper's baseline.
        over_best_single: Its lift over the best single embedding of the same column.
        paper: The paper's own figure, in `paper_unit`; None where the paper has none or it is not known.
        note: What a reader must know about this one value.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    over_last_pin: Lift | None = None
    over_best_single: Lift | None = None
    paper: float | None = None
    note: str = ""


Unit = Literal["share", "cosine", "count", "us", "ms", "s", "bytes", "lift", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        title: For people.
        unit: Of `Cell.value`. A share is 0 to 1; a lift 0.25 is +25 %.
        paper_unit: Of `Cell.paper`.
        higher_is_better: None where neither is.
    """

    title: str
    unit: Unit
    paper_unit: Unit = "lift"
    higher_is_better: bool | None = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table: a method, a setting.

    Attributes:
        name: For people.
        kind: "single" (one embedding), "several", "fused", "oracle" or "": for colours and grouping.
        cells: By the key of the column; a missing one was not measured.
    """

    name: str
    cells: Mapping[str, Cell]
    kind: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        title: For people, with the paper's number: "Table 4: relevance and recall".
        note: What is in it and how to read it.
        columns: By key, in order.
        rows: In order.
        foot: What its small print means, where that is not what it means in tables of methods.
    """

    title: str
    columns: Mapping[str, Column]
    rows: tuple[Row, ...]
    note: str = ""
    foot: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points of a figure that belong together: y over x, with 95 % intervals where there are any."""

    name: str
    x: tuple[float | str, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One plot: lines over a number, bars over names, points, or one small panel of several."""

    title: str
    shape: Literal["lines", "bars", "points", "multiples"]
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    note: str = ""
    y_unit: Unit = "none"
    x_unit: Unit = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One pin in a picture.

    Attributes:
        title: What people call it.
        value: A cosine, to what the gallery says; None where there is none.
        letter: The user's interest that it is nearest to, A for the most important; "" for none.
        is_hit: The user acted on it that day.
    """

    title: str
    value: float | None = None
    letter: str = ""
    is_hit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pins that belong together: an interest, a list.

    Attributes:
        title: For people; an interest is called by its medoid.
        tiles: The first of its pins.
        letter: Of the interest; "" where it is none.
        kind: As a row's.
        share: Of all importance; None where it is no interest.
        note: In a few words.
        n_more: Pins that are not shown.
    """

    title: str
    tiles: tuple[Tile, ...]
    letter: str = ""
    kind: str = ""
    share: float | None = None
    note: str = ""
    n_more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """One picture made of pins.

    Attributes:
        title: For people, with the paper's number.
        finding: What is true of all users, in a sentence.
        groups: In order.
        note: How to read it.
        value_title: What a tile's value is.
        subject: Who is shown, and by which rule; users are numbers.
    """

    title: str
    finding: str
    groups: tuple[Group, ...]
    note: str = ""
    value_title: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSummary:
    """The data set in numbers."""

    name: str
    title: str
    note: str
    n_pins: int
    dimension: int
    n_users: int
    n_actions: int
    n_impressions: int
    alpha: float
    alpha_from: str
    first_day: str
    validation_days: int
    test_days: int
    n_validation_cases: int
    n_test_cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A choice of the protocol: what was done, and whether the paper says so or leaves it open."""

    what: str
    value: str
    is_papers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A cosine from which a recommended pin counts as relevant to an action.

    Attributes:
        key: Names it in columns: "relevance@KEY".
        cosine: The threshold.
        origin: Where it comes from, for people.
        share_of_random_pairs: How many random pairs of pins exceed it.
    """

    key: str
    cosine: float
    origin: str
    share_of_random_pairs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One question of a report that asks several, above the tables and figures that answer it.

    Attributes:
        key: What stands before the point of their keys.
        title: The question.
        lead: What was varied, and what was not.
        answer: In a sentence or two, made of the numbers.
    """

    key: str
    title: str
    lead: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything one evaluation found.

    Attributes:
        world: The data set.
        protocol: How it was judged.
        thresholds: Of relevance.
        findings: Sentences for people, most important first.
        tables: By key, such as "table4.test" and "table4.validation", in order.
        figures: By key, such as "figure7.recall", in order.
        seconds: How long each stage took, by its name.
        galleries: By key, such as "figure2.average", in order.
        heading: What the report asks; "" for whether several embeddings are better than one.
        lead: What a report of chapters says first.
        chapters: The parts of a report that asks several questions, in order; others have none.
    """

    world: WorldSummary
    protocol: tuple[Reading, ...]
    thresholds: tuple[Threshold, ...]
    findings: tuple[str, ...]
    tables: Mapping[str, Table]
    figures: Mapping[str, Figure]
    seconds: Mapping[str, float] = field(default_factory=dict)
    galleries: Mapping[str, Gallery] = field(default_factory=dict)
    heading: str = ""
    lead: str = ""
    chapters: tuple[Chapter, ...] = ()
    format: int = FORMAT


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain JSON types."""
    return asdict(report)


def write_json(report: Report, path: Path) -> None:
    """Write report.json, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".json.unfinished")
    unfinished.write_text(
        json.dumps(to_json(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    unfinished.replace(path)
