"""dataset.toml: the file that names one data set's pins, actions, embedding space and action weights.

name = "my-shop"
pins = "pins.parquet"
actions = "actions.parquet"           # a file or a folder; may be left out
embedding_space = "my-model-2"
near_duplicate_cosine = 0.98          # may be left out: then the index builder's own counts

[filters]                             # may be left out: then nothing can be filtered by
columns = ["category", "created_at"]  # of pins.parquet: texts, times or booleans

[action_weights]                      # may be left out: then every action counts 1
save = 1.0
open = 0.0                            # 0: seen only
hide = -1.0                           # negative: never show it again
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storage.errors import DataError
from storage.toml_files import TomlTable, read_toml

DATASET_FILE = "dataset.toml"

_KEYS = ("name", "pins", "actions", "embedding_space", "near_duplicate_cosine", "filters", "action_weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """What dataset.toml says.

    Attributes:
        name: For people.
        pins: A parquet file, or a folder of them.
        actions: A parquet file, or a folder of them.
        embedding_space: Name and version of the pins' embeddings.
        near_duplicate_cosine: From this cosine on, 0 to 1, two pins of this embedding space are
            near-duplicates. None: it does not say.
        action_weights: Weight of each action that is read: positive counts towards interests, 0 is seen only,
            negative is a hide. None: every action counts 1.
        filter_columns: The pins' columns that requests may filter by.
    """

    name: str
    pins: Path
    actions: Path | None
    embedding_space: str
    near_duplicate_cosine: float | None
    action_weights: Mapping[str, float] | None
    filter_columns: tuple[str, ...] = ()


def read_dataset(folder: Path, *, files_are_here: bool = True) -> DataSet:
    """Read FOLDER/dataset.toml.

    Args:
        folder: What it says of files is relative to it.
        files_are_here: Those it names must exist; who reads none of them may have been brought it alone.

    Raises:
        DataError: It is missing or wrong; the message names the key and what to write.
    """
    if folder.is_file():
        raise DataError(f"{folder} is a file: name the folder that holds {DATASET_FILE}")
    table = read_toml(
        folder / DATASET_FILE,
        known=_KEYS,
        missing=f"Write one that names the data set's files, at least: {_at_least()}",
    )
    return DataSet(
        name=table.text("name", example="my-shop"),
        pins=_data_path(table, folder, "pins", example="pins.parquet", must_exist=files_are_here),
        actions=_data_path(table, folder, "actions", example="actions.parquet", must_exist=files_are_here)
        if "actions" in table
        else None,
        embedding_space=table.text("embedding_space", example="my-model-2"),
        near_duplicate_cosine=table.number("near_duplicate_cosine", example=0.98, low=0, high=1)
        if "near_duplicate_cosine" in table
        else None,
        action_weights=_weights(table) if "action_weights" in table else None,
        filter_columns=table.table("filters", known=("columns",)).texts("columns", example="category")
        if "filters" in table
        else (),
    )


def _at_least() -> str:
    return 'name = "my-shop", pins = "pins.parquet", embedding_space = "my-model-2"'


def _data_path(table: TomlTable, folder: Path, key: str, *, example: str, must_exist: bool) -> Path:
    path = folder / table.text(key, example=example)
    if must_exist and not path.exists():
        raise table.problem(key, f"names {path}, which does not exist")
    return path


def _weights(top: TomlTable) -> Mapping[str, float]:
    table = top.table("action_weights")
    weights = {action: table.number(action, example=1.0) for action in table}
    if not weights:
        raise top.problem(
            "action_weights", "lists no action, so none would be read. List some, for example: save = 1.0"
        )
    return weights
