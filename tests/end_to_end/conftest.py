"""The whole job, once: data -> artefact -> model -> profiles."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.processes import must
from tests.end_to_end.world import write_world


@dataclass(frozen=True)
class Job:
    """Where the job's parts are, and what the commands said."""

    data: Path
    pins: Path
    model: Path
    profiles: Path
    said: dict[str, str]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The three builder commands, run as a person would."""
    folder = tmp_path_factory.mktemp("job")
    data = write_world(folder / "data")
    pins, model, profiles = folder / "pins", folder / "model.toml", folder / "profiles"
    said = {
        "build": must("index_builder", "build", "--data", data, "--out", pins),
        "calibrate": must("profile_builder", "calibrate", "--data", data, "--pins", pins, "--out", model),
        "batch": must(
            "profile_builder",
            "batch",
            "--data",
            data,
            "--pins",
            pins,
            "--model",
            model,
            "--profiles",
            profiles,
        ),
    }
    return Job(data, pins, model, profiles, said)
