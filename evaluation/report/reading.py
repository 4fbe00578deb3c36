"""report.json back into its record, so that a page can be drawn again without running anything again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluation.errors import EvaluationError
from evaluation.results import (
    FORMAT,
    Cell,
    Chapter,
    Column,
    Figure,
    Gallery,
    Group,
    Lift,
    Reading,
    Report,
    Row,
    Series,
    Table,
    Threshold,
    Tile,
    WorldSummary,
)


def read_json(path: Path) -> Report:
    """Read what `evaluation.results.write_json` wrote.

    Raises:
        EvaluationError: There is no such file, or it is not a report of this format.
    """
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise EvaluationError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(
            f"{path} is not a report of format {FORMAT}: run the evaluation again"
        ) from error


def from_json(plain: Mapping[str, Any]) -> Report:
    """The record of `evaluation.results.to_json`'s plain types."""
    if plain["format"] != FORMAT:
        raise ValueError(f"format {plain['format']}")
    return Report(
        world=WorldSummary(**plain["world"]),
        protocol=tuple(Reading(**reading) for reading in plain["protocol"]),
        thresholds=tuple(Threshold(**threshold) for threshold in plain["thresholds"]),
        findings=tuple(plain["findings"]),
        tables={key: _table(table) for key, table in plain["tables"].items()},
        figures={key: _figure(figure) for key, figure in plain["figures"].items()},
        seconds=dict(plain["seconds"]),
        # Reports of the first version have none.
        galleries={key: _gallery(gallery) for key, gallery in plain.get("galleries", {}).items()},
        heading=plain.get("heading", ""),
        lead=plain.get("lead", ""),
        chapters=tuple(Chapter(**chapter) for chapter in plain.get("chapters", ())),
    )


def _table(plain: Mapping[str, Any]) -> Table:
    columns = {key: Column(**column) for key, column in plain["columns"].items()}
    rows = tuple(_row(row) for row in plain["rows"])
    return Table(**{**plain, "columns": columns, "rows": rows, "foot": tuple(plain.get("foot", ()))})


def _row(plain: Mapping[str, Any]) -> Row:
    return Row(**{**plain, "cells": {key: _cell(cell) for key, cell in plain["cells"].items()}})


def _cell(plain: Mapping[str, Any]) -> Cell:
    lifts = {name: _lift(plain.get(name)) for name in ("over_last_pin", "over_best_single")}
    return Cell(**{**plain, **lifts})


def _lift(plain: Mapping[str, Any] | None) -> Lift | None:
    return None if plain is None else Lift(**plain)


def _figure(plain: Mapping[str, Any]) -> Figure:
    return Figure(**{**plain, "series": tuple(_series(series) for series in plain["series"])})


def _series(plain: Mapping[str, Any]) -> Series:
    arrays = {name: _tuple(plain.get(name)) for name in ("x", "y", "low", "high")}
    return Series(**{**plain, **arrays})


def _gallery(plain: Mapping[str, Any]) -> Gallery:
    return Gallery(**{**plain, "groups": tuple(_group(group) for group in plain["groups"])})


def _group(plain: Mapping[str, Any]) -> Group:
    return Group(**{**plain, "tiles": tuple(Tile(**tile) for tile in plain["tiles"])})


def _tuple(plain: list[Any] | None) -> tuple[Any, ...] | None:
    return None if plain is None else tuple(plain)
