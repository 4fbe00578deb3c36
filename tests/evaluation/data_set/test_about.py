"""evaluation.toml says what dataset.toml does not, and all of it is optional."""

from datetime import date
from pathlib import Path

import pytest

from evaluation.data_set.about import About, about_of, data_set_of, read_about, write_about
from evaluation.data_set.period import Period
from storage.errors import DataError


def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    """Any data set can be evaluated as it is."""
    assert about_of(tmp_path) == About()


@pytest.mark.parametrize(
    "about",
    [
        About(),
        About(
            name="films-2",
            pins="other pins.parquet",
            title='"Films"',
            note="Leaks\nnothing.",
            period=Period(test_from=date(2013, 8, 8), validation_days=3, test_days=4),
        ),
    ],
)
def test_what_is_written_is_read(about: About, tmp_path: Path) -> None:
    """Every field, whatever its text holds."""
    write_about(tmp_path, about)
    assert about_of(tmp_path) == about


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('test_from = "8 August"', "test_from must be a day, for example \"2013-08-08\"; got '8 August'"),
        ("test_days = 0", "test_days must be a whole number from 1"),
        ('titel = "x"', "titel is not known here; known are: name, note"),
        ("note = 3", "note must be a text"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    """The file, the key, the value, and what to write."""
    (tmp_path / "evaluation.toml").write_text(text)
    with pytest.raises(DataError, match=message):
        about_of(tmp_path)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """Whoever names one wants it read."""
    with pytest.raises(DataError, match=r"gone.toml does not exist. Leave it out"):
        read_about(tmp_path / "gone.toml")


def test_a_folder_may_be_read_in_two_ways(tmp_path: Path) -> None:
    """Another name and other pins of the same folder; what is not said stays."""
    for name in ("pins.parquet", "others.parquet"):
        (tmp_path / name).touch()
    (tmp_path / "dataset.toml").write_text('name = "a"\npins = "pins.parquet"\nembedding_space = "x"\n')
    as_it_is = data_set_of(tmp_path, About())
    otherwise = data_set_of(tmp_path, About(name="b", pins="others.parquet"))
    assert (as_it_is.name, as_it_is.pins.name) == ("a", "pins.parquet")
    assert (otherwise.name, otherwise.pins.name) == ("b", "others.parquet")
    assert otherwise.embedding_space == "x"


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[3] / "evaluation" / "about").glob("*.toml")))
def test_the_files_that_ship_are_right(file: Path) -> None:
    """Each is read, and names itself."""
    assert read_about(file).name == file.stem
