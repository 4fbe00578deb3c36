"""A data set on disk as a newcomer brings it, its pin artefact, and a terminal."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from index_builder.build import BuildPolicy, build
from process.progress import Reporter
from profile_builder.__main__ import program
from storage.pins.artefact import pin_versions
from tests.profile_builder.world import SPACE, light_users, make_pins, some_acts, write_actions

DATASET = """\
name = "topics"
pins = "pins.parquet"
actions = "actions.parquet"
embedding_space = "topics-1"

[action_weights]
save = 1.0
love = 3.0
look = 0.0
hide = -1.0
"""


@dataclass(frozen=True)
class Shop:
    """Where things are: the data set, the artefact, and what the commands will make."""

    data: Path
    pins: Path
    out: Path

    @property
    def model(self) -> Path:
        return self.out / "model.toml"

    @property
    def profiles(self) -> Path:
        return self.out / "profiles"


@pytest.fixture(scope="session")
def data_and_pins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The data set of some_acts and sixty light users, and the artefact of its pins."""
    data, pins = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("pins")
    (data / "dataset.toml").write_text(DATASET)
    write_actions(data / "actions.parquet", [*some_acts(), *light_users(60)])
    world = make_pins()
    vectors = world.embeddings[: world.n_indexed].astype(np.float32)
    table = {
        "pin_id": world.pin_ids(np.arange(world.n_indexed)),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), SPACE.dimension),
    }
    pq.write_table(pa.table(table), data / "pins.parquet")
    build(
        data / "pins.parquet",
        SPACE.name,
        pin_versions(pins),
        rejects_path=pins / "rejects.jsonl",
        policy=BuildPolicy(),
        reporter=Reporter(quiet=True),
    )
    return data, pins


@pytest.fixture
def shop(data_and_pins: tuple[Path, Path], tmp_path: Path) -> Shop:
    return Shop(*data_and_pins, tmp_path)


class Terminal:
    """Runs commands and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: object) -> int:
        status = program().run([str(argument) for argument in arguments])
        self.out, self.err = self._capsys.readouterr()
        return status


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture(scope="session")
def movietweetings() -> Path:
    """The folder of real films and people, or a skip that says where it was looked for."""
    default = Path(__file__).parents[3] / "shared" / "datasets"
    folder = Path(os.environ.get("PINNERSAGE_DATASETS", default)) / "movietweetings"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set PINNERSAGE_DATASETS to the folder of the data sets")
    return folder


@pytest.fixture(scope="session")
def movie_pins(movietweetings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact of the films with behaviour vectors, the smaller of the two."""
    root = tmp_path_factory.mktemp("movies")
    build(
        movietweetings / "pins_behaviour64.parquet",
        "behaviour-64",
        pin_versions(root),
        rejects_path=root / "rejects.jsonl",
        policy=BuildPolicy(),
        reporter=Reporter(quiet=True),
    )
    return root
