"""Where the real data is."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def movietweetings() -> Path:
    """The folder of real films, or a skip that says where it was looked for."""
    return _data_set("movietweetings")


@pytest.fixture(scope="session")
def reddit_titles() -> Path:
    """The file of a million real titles, or a skip that says where it was looked for."""
    return _data_set("reddit_titles") / "titles_1m.parquet"


def _data_set(name: str) -> Path:
    default = Path(__file__).parents[3] / "shared" / "datasets"
    folder = Path(os.environ.get("PINNERSAGE_DATASETS", default)) / name
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set PINNERSAGE_DATASETS to the folder of the data sets")
    return folder
