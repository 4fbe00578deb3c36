"""dataset.toml says what it should, or the person hears which key of which file to mend."""

from pathlib import Path

import pytest

from storage.dataset import DataSet, read_dataset
from storage.errors import DataError

WHOLE = """\
name = "my-shop"
pins = "pins.parquet"
actions = "log"
embedding_space = "my-model-2"
near_duplicate_cosine = 0.95

[action_weights]
save = 1.0
open = 0
hide = -1.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set whose files exist."""
    (tmp_path / "pins.parquet").touch()
    (tmp_path / "log").mkdir()
    (tmp_path / "dataset.toml").write_text(WHOLE)
    return tmp_path


def rewrite(folder: Path, old: str, new: str) -> None:
    text = (folder / "dataset.toml").read_text()
    assert old in text
    (folder / "dataset.toml").write_text(text.replace(old, new))


def test_a_whole_file_is_read(folder: Path) -> None:
    """Paths lie in the folder; weights are numbers, whole or not."""
    assert read_dataset(folder) == DataSet(
        name="my-shop",
        pins=folder / "pins.parquet",
        actions=folder / "log",
        embedding_space="my-model-2",
        near_duplicate_cosine=0.95,
        action_weights={"save": 1.0, "open": 0.0, "hide": -1.5},
    )


def test_it_is_read_without_its_files(tmp_path: Path) -> None:
    """Who needs the weights alone may have been brought nothing else."""
    (tmp_path / "dataset.toml").write_text(WHOLE)
    assert read_dataset(tmp_path, files_are_here=False).action_weights == {
        "save": 1.0,
        "open": 0,
        "hide": -1.5,
    }
    with pytest.raises(DataError, match="does not exist"):
        read_dataset(tmp_path)


def test_actions_their_weights_and_the_cosine_may_be_left_out(folder: Path) -> None:
    """Building an index needs no actions; without weights every action counts 1."""
    (folder / "dataset.toml").write_text('name = "a"\npins = "pins.parquet"\nembedding_space = "b"\n')
    dataset = read_dataset(folder)

    assert dataset.actions is None
    assert dataset.action_weights is None
    assert dataset.near_duplicate_cosine is None


def test_a_byte_order_mark_does_not_matter(folder: Path) -> None:
    """Some editors write one."""
    (folder / "dataset.toml").write_text(WHOLE, encoding="utf-8-sig")
    assert read_dataset(folder).name == "my-shop"


def test_an_absolute_path_is_taken_as_it_is(folder: Path) -> None:
    """Data may lie elsewhere than its description."""
    rewrite(folder, '"log"', f'"{folder / "log"}"')
    assert read_dataset(folder).actions == folder / "log"


def test_a_missing_file_says_what_to_write(tmp_path: Path) -> None:
    """The first thing a newcomer does."""
    with pytest.raises(DataError) as refusal:
        read_dataset(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path / 'dataset.toml'} does not exist. Write one that names the data set's files, at least: "
        'name = "my-shop", pins = "pins.parquet", embedding_space = "my-model-2"'
    )


def test_the_file_in_place_of_its_folder_is_told(folder: Path) -> None:
    """An easy mistake on the command line."""
    path = folder / "dataset.toml"
    with pytest.raises(DataError) as refusal:
        read_dataset(path)
    assert str(refusal.value) == f"{path} is a file: name the folder that holds dataset.toml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "my-shop"', "", 'name is missing. Write, for example: name = "my-shop"'),
        ('pins = "pins.parquet"', "", 'pins is missing. Write, for example: pins = "pins.parquet"'),
        (
            'embedding_space = "my-model-2"',
            "",
            'embedding_space is missing. Write, for example: embedding_space = "my-model-2"',
        ),
        (
            '"my-model-2"',
            "2",
            'embedding_space must be a text that is not empty, for example "my-model-2"; got 2',
        ),
        ('"my-shop"', '" "', "name must be a text that is not empty, for example \"my-shop\"; got ' '"),
        (
            "actions =",
            "acts =",
            "acts is not known here; known are: action_weights, actions, embedding_space, filters, name, ",
        ),
        ("save = 1.0", 'save = "1"', "action_weights.save must be a finite number, for example 1.0; got '1'"),
        (
            "save = 1.0",
            "save = true",
            "action_weights.save must be a finite number, for example 1.0; got True",
        ),
        ("save = 1.0", "save = inf", "action_weights.save must be a finite number, for example 1.0; got inf"),
        (
            "save = 1.0",
            f"save = 1{'0' * 400}",
            "action_weights.save must be a finite number, for example 1.0",
        ),
        (
            "cosine = 0.95",
            "cosine = 95",
            "near_duplicate_cosine must be a finite number from 0 to 1, for example 0.98; got 95",
        ),
        ("cosine = 0.95", "cosine = -0.1", "near_duplicate_cosine must be a finite number from 0 to 1"),
        ("save = 1.0", "save = ", "cannot be read as TOML: Invalid value"),
    ],
)
def test_a_mistake_is_named_by_its_key(folder: Path, old: str, new: str, message: str) -> None:
    """File, key, what was found, what to write."""
    rewrite(folder, old, new)
    with pytest.raises(DataError) as refusal:
        read_dataset(folder)
    assert str(folder / "dataset.toml") in str(refusal.value)
    assert message in str(refusal.value)


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    """The key and the path it leads to."""
    rewrite(folder, '"log"', '"lag"')
    with pytest.raises(DataError, match=f"actions names {folder / 'lag'}, which does not exist"):
        read_dataset(folder)


def test_weights_that_list_no_action_are_refused(folder: Path) -> None:
    """They would leave every action out without a word."""
    rewrite(folder, "save = 1.0\nopen = 0\nhide = -1.5\n", "")
    with pytest.raises(DataError, match="action_weights lists no action, so none would be read"):
        read_dataset(folder)


def test_weights_that_are_no_table_are_refused(folder: Path) -> None:
    """The advice shows how a table is written."""
    (folder / "dataset.toml").write_text(
        'name = "a"\npins = "pins.parquet"\nembedding_space = "b"\naction_weights = 1\n'
    )
    with pytest.raises(
        DataError, match=r"action_weights must be a table, written as \[action_weights\]; got 1"
    ):
        read_dataset(folder)


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    """Somebody named a parquet file dataset.toml."""
    (folder / "dataset.toml").write_bytes(b"PAR1\xff\xfe")
    with pytest.raises(DataError, match="cannot be read as TOML"):
        read_dataset(folder)


def test_the_columns_to_filter_by_may_be_named(folder: Path) -> None:
    """In their order; without the table there are none."""
    assert read_dataset(folder).filter_columns == ()
    rewrite(folder, "[action_weights]", '[filters]\ncolumns = ["category", "sold_at"]\n[action_weights]')
    assert read_dataset(folder).filter_columns == ("category", "sold_at")


@pytest.mark.parametrize("columns", ['"category"', "[]", "[1]", '[" "]', '["a", "a"]'])
def test_what_names_no_columns_to_filter_by_is_refused(folder: Path, columns: str) -> None:
    """With what to write."""
    rewrite(folder, "[action_weights]", f"[filters]\ncolumns = {columns}\n[action_weights]")
    with pytest.raises(DataError, match=r"filters\.columns must be a list of distinct texts.*\[.category"):
        read_dataset(folder)
