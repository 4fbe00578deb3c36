"""The sweep measures each world once, and says where a single embedding wins."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.errors import EvaluationError
from evaluation.large_world import bootstrap
from evaluation.large_world.bootstrap import run_sweep
from evaluation.large_world.parameters import Variation
from evaluation.large_world.settings import SweepSettings
from tests.evaluation.large_world.test_writing import TINY, write_titles

SWEEP = (
    Variation(name="noise-0.1", axis="share of noise", value=0.1, parameters=TINY),
    Variation(name="noise-1", axis="share of noise", value=1.0, parameters=replace(TINY, noise=1.0)),
    Variation(name="pool-40", axis="titles in the pool", value=40, parameters=TINY),
)
"""Two axes that cross in the first and the last."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepSettings:
    monkeypatch.setattr(bootstrap, "sweep", lambda: SWEEP)
    monkeypatch.setattr(bootstrap, "known_worlds", lambda: {each.name: each.parameters for each in SWEEP})
    titles = write_titles(tmp_path / "titles.parquet")
    return SweepSettings(titles=titles, out=tmp_path / "sweep", cache=tmp_path / "cache", max_cases=20)


def test_a_sweep_is_a_report(settings: SweepSettings) -> None:
    """A figure for each axis and metric, a table for each axis; a world where two axes cross is made once."""
    run_sweep(settings)
    report = json.loads((settings.out / "report.json").read_text())
    assert len(report["figures"]) == 6
    assert set(report["tables"]) == {"sweep.share of noise", "sweep.titles in the pool"}
    assert report["findings"][0].startswith("Of 3 worlds, a single embedding has the best recall in: ")
    assert {path.name for path in (settings.out / "worlds").iterdir()} == {"noise-0.1", "noise-1"}
    assert (settings.out / "report.html").read_text().startswith("<!doctype html>")


def test_an_unknown_part_is_refused(settings: SweepSettings) -> None:
    """It says which there are."""
    wrong = SweepSettings(titles=settings.titles, out=settings.out, axis="weather")
    with pytest.raises(EvaluationError, match=r"no part 'weather'. Choose one of: noise, pool"):
        run_sweep(wrong)
