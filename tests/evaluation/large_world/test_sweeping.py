"""The sweep measures each world once, and says where a single embedding wins."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation import running
from evaluation.errors import EvaluationError
from evaluation.large_world import bootstrap, sweeping
from evaluation.large_world.bootstrap import run_sweep
from evaluation.large_world.parameters import Variation
from evaluation.large_world.settings import SweepSettings
from evaluation.large_world.sweeping import Swept
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


@pytest.mark.slow
def test_a_sweep_is_a_report_in_which_a_world_where_axes_cross_counts_once(settings: SweepSettings) -> None:
    """A small and a large figure for each axis and metric; a world where two axes cross is made once."""
    run_sweep(replace(settings, axis="noise"))
    of_noise = json.loads((settings.out / "report.json").read_text())
    run_sweep(settings)
    report = json.loads((settings.out / "report.json").read_text())
    # The second axis, whose only world is one of the first's, adds no request.
    n_cases = report["world"]["n_test_cases"]
    assert n_cases == of_noise["world"]["n_test_cases"] > 0
    keys = {key.partition(".")[0]: 0 for key in report["figures"]}
    for key in report["figures"]:
        keys[key.partition(".")[0]] += 1
    assert keys == {"answer": 2, "overview": 4, "noise": 3, "pool": 3}
    assert [chapter["key"] for chapter in report["chapters"]] == ["overview", "noise", "pool"]
    assert {path.name for path in (settings.out / "worlds").iterdir()} == {"noise-0.1", "noise-1"}
    assert set(report["tables"]) == {"noise.all", "pool.all"}
    page = (settings.out / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "when does one average win?" in page


@pytest.mark.slow
def test_a_sweep_that_is_stopped_goes_on_where_it_was(
    settings: SweepSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had measured stands in a report, and is not measured again, nor is a world that axes share."""
    monkeypatch.setattr(bootstrap, "swept", _stopped_after(2))
    with pytest.raises(KeyboardInterrupt):
        run_sweep(settings)
    first = json.loads((settings.out / "report.json").read_text())
    assert set(first["seconds"]) == {"share of noise 0.1", "share of noise 1"}

    monkeypatch.setattr(bootstrap, "swept", sweeping.swept)
    monkeypatch.setattr(running, "measure", _measured_again)
    run_sweep(settings)
    second = json.loads((settings.out / "report.json").read_text())
    assert set(second["seconds"]) == {"share of noise 0.1", "share of noise 1", "titles in the pool 40"}


def _measured_again(*_: object) -> None:
    raise AssertionError("measured again")


def _stopped_after(n: int) -> Callable[..., Swept]:
    worlds = iter(range(n))

    def measured(*arguments: Any) -> Swept:
        if next(worlds, None) is None:
            raise KeyboardInterrupt
        return sweeping.swept(*arguments)

    return measured


def test_an_unknown_part_is_refused(settings: SweepSettings) -> None:
    """It says which there are."""
    wrong = SweepSettings(titles=settings.titles, out=settings.out, axis="weather")
    with pytest.raises(EvaluationError, match=r"no part 'weather'. Choose one of: noise, pool"):
        run_sweep(wrong)
