"""The benchmark of added pins measures what it says, over pins made up and over an artefact of one's own."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.freshness import FreshnessSettings, measure
from index_builder.bootstrap import run_build
from index_builder.settings import BuildSettings
from storage.pins.artefact import PinArtefact, pin_versions
from tests.index_builder.tables import vectors, write


@pytest.fixture
def settings(tmp_path: Path) -> FreshnessSettings:
    """An artefact of 2,000 pins and 100 to add."""
    raw = np.random.default_rng(0).standard_normal((2_100, 16)).astype("f4")
    ids = [f"p{at}" for at in range(2_100)]
    pins = write(tmp_path / "p.parquet", pin_id=ids[:2_000], embedding=vectors(raw[:2_000]))
    run_build(BuildSettings(out=tmp_path / "artefact", pins=pins, embedding_space="points", threads=1))
    added = write(tmp_path / "a.parquet", pin_id=ids[2_000:], embedding=vectors(raw[2_000:]))
    out = tmp_path / "freshness.json"
    return FreshnessSettings(artefact=tmp_path / "artefact", added=added, queries=40, threads=1, out=out)


def test_what_is_added_is_found_and_the_artefact_is_left_alone(
    settings: FreshnessSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """At each share; nothing is beside the artefact afterwards, and none of its files is gone."""
    measure(settings)
    figures = json.loads(settings.out.read_text())
    assert [each["n_side"] for each in figures["shares"]] == [0, 20, 100]
    assert all(each["recall"] > 0.95 for each in figures["shares"])
    assert figures["shares"][-1]["recall_added"] == 1.0
    assert [each["n"] for each in figures["sides"]] == [2_000]
    assert "2,000 pins of 16 dimensions" in capsys.readouterr().out
    assert settings.artefact is not None
    assert not (settings.artefact / "side").exists()
    PinArtefact.open(settings.artefact).close()
    assert len(pin_versions(settings.artefact).versions()) == 1


def test_too_few_new_pins_are_said(settings: FreshnessSettings, tmp_path: Path) -> None:
    """How many it takes, how many there are; and that there must be some."""
    few = write(tmp_path / "f.parquet", pin_id=["x"], embedding=vectors(np.eye(16, dtype="f4")[:1]))
    with pytest.raises(BenchmarkError, match="1% of 2,000 pins are 20: 1 were given"):
        measure(replace(settings, added=few))
    with pytest.raises(BenchmarkError, match="--artefact needs --added FILE"):
        measure(replace(settings, added=None))
