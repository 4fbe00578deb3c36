"""Where the real data is."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def movietweetings() -> Path:
    """The folder of real films, or a skip that says where it was looked for."""
    default = Path(__file__).parents[3] / "shared" / "datasets"
    folder = Path(os.environ.get("PINNERSAGE_DATASETS", default)) / "movietweetings"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set PINNERSAGE_DATASETS to the folder of the data sets")
    return folder
