"""The benchmark of a build runs the real command, kills it where it should, and says what the version is."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.building import BuildFailedError, BuildingSettings, measure
from tests.index_builder.tables import vectors, write


@pytest.fixture
def settings(tmp_path: Path) -> BuildingSettings:
    raw = np.random.default_rng(0).standard_normal((1_000, 16)).astype("f4")
    pins = write(tmp_path / "p.parquet", pin_id=[f"p{at}" for at in range(1_000)], embedding=vectors(raw))
    return BuildingSettings(
        pins=pins, versions=tmp_path / "artefact", threads=1, out=tmp_path / "building.json"
    )


def test_a_killed_build_goes_on_and_both_runs_are_told(
    settings: BuildingSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed before it could finish anything, then every stage, every file, and recall."""
    measure(replace(settings, kill_after=0.05))
    figures = json.loads(settings.out.read_text())
    killed, whole = figures["runs"]
    assert (killed["was_killed"], killed["stages"]) == (True, {})
    assert not whole["was_killed"]
    assert {"Read pins", "Find near-duplicates", "Build HNSW", "Publish"} <= set(whole["stages"])
    assert 0 < whole["peak_gb"] < 12
    assert figures["counts"]["indexed"] == 1_000
    assert {"hnsw.faiss", "embeddings.npy", "manifest.json"} <= set(figures["file_mb"])
    assert figures["opened"]["checked_seconds"] > 0
    assert "recall@134 at efSearch 320" in capsys.readouterr().out


def test_a_build_that_fails_says_why(settings: BuildingSettings, tmp_path: Path) -> None:
    """In the builder's own words."""
    with pytest.raises(BuildFailedError, match=r"the build failed: index_builder: .*nothing\.parquet"):
        measure(replace(settings, pins=tmp_path / "nothing.parquet"))
