"""evaluation.toml: what the experiments must know of a data set besides dataset.toml; all of it is optional.

title = "Film ratings"                # for people
note = "Vectors know all ratings before 2013-08-08."
name = "movietweetings-behaviour"     # in place of the data set's, when one folder is read in two ways
pins = "pins_behaviour64.parquet"     # the same
test_from = "2013-08-08"              # the first day that is judged, UTC
validation_days = 30                  # judged days on which a method may be chosen
test_days = 60                        # judged days after those
"""

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from evaluation.data_set.period import Period
from storage.dataset import DataSet, read_dataset
from storage.toml_files import TomlTable, read_toml, toml_text

ABOUT_FILE = "evaluation.toml"

_KEYS = ("name", "pins", "title", "note", "test_from", "validation_days", "test_days")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What evaluation.toml says.

    Attributes:
        name: In place of the data set's; None keeps it.
        pins: In place of the data set's, within its folder; None keeps them.
        title: For people; None: the name.
        note: What a reader of the results must know.
        period: Which days are judged.
    """

    name: str | None = None
    pins: str | None = None
    title: str | None = None
    note: str = ""
    period: Period = field(default_factory=Period)


def read_about(file: Path) -> About:
    """Read an evaluation.toml.

    Raises:
        DataError: It is missing or wrong; the message names the key and what to write.
    """
    table = read_toml(file, known=_KEYS, missing="Leave it out: whatever it may say is optional.")
    return About(
        name=_text(table, "name"),
        pins=_text(table, "pins"),
        title=_text(table, "title"),
        note=_text(table, "note") or "",
        period=Period(
            test_from=_day(table),
            validation_days=_count(table, "validation_days", default=Period().validation_days),
            test_days=_count(table, "test_days", default=Period().test_days),
        ),
    )


def about_of(folder: Path) -> About:
    """What FOLDER/evaluation.toml says; nothing where there is none.

    Raises:
        DataError: It is wrong.
    """
    file = folder / ABOUT_FILE
    return read_about(file) if file.exists() else About()


def data_set_of(folder: Path, about: About) -> DataSet:
    """What FOLDER/dataset.toml says, with the name and the pins that `about` puts in place of its own.

    Raises:
        DataError: It is missing or wrong.
    """
    data_set = read_dataset(folder)
    return replace(
        data_set,
        name=about.name or data_set.name,
        pins=folder / about.pins if about.pins else data_set.pins,
    )


def write_about(folder: Path, about: About) -> None:
    """Write FOLDER/evaluation.toml."""
    period = about.period
    texts = {"name": about.name, "pins": about.pins, "title": about.title, "note": about.note or None}
    if period.test_from is not None:
        texts["test_from"] = period.test_from.isoformat()
    lines = [f"{key} = {toml_text(text)}" for key, text in texts.items() if text is not None]
    lines += [f"validation_days = {period.validation_days}", f"test_days = {period.test_days}", ""]
    (folder / ABOUT_FILE).write_text("\n".join(lines), encoding="utf-8")


def _text(table: TomlTable, key: str) -> str | None:
    return table.text(key, example="text") if key in table else None


def _count(table: TomlTable, key: str, *, default: int) -> int:
    return table.count(key, example=default) if key in table else default


def _day(table: TomlTable) -> date | None:
    text = _text(table, "test_from")
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise table.problem("test_from", f'must be a day, for example "2013-08-08"; got {text!r}') from error
