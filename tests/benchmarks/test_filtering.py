"""The filtering benchmark measures what it says, on a pool small enough for a test."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import filtering
from benchmarks.errors import BenchmarkError
from benchmarks.filtering import SELECTIVITIES, WAYS, FilteringSettings, measure, world_of
from benchmarks.world import themed_pins


@pytest.fixture
def settings(tmp_path: Path) -> FilteringSettings:
    """Three themes, a few queries."""
    return FilteringSettings(
        pins=3_000, dimension=16, queries=6, threads=1, out=tmp_path / "bench" / "filtering.json"
    )


def test_it_measures_every_way_of_every_filter(
    settings: FilteringSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As chosen, hardly anything is lost; every list is counted once, by the way it was made."""
    monkeypatch.setattr(filtering, "K", 50)
    measure(settings)
    figures = json.loads(settings.out.read_text())["figures"]
    assert len(figures) == 2 * len(SELECTIVITIES) * len(WAYS)
    chosen = [each for each in figures if each["way"] == "as chosen"]
    assert min(each["recall"] for each in chosen) >= 0.95
    assert all(0 <= each["worst_recall"] <= each["recall"] <= 1 for each in figures)
    assert all(each["p95_us"] > 0 for each in figures)
    n_queries = {sum(each["modes"].values()) for each in figures}
    assert n_queries <= {3, 4, 5, 6}
    assert "as chosen" in capsys.readouterr().out


@pytest.mark.parametrize("share", SELECTIVITIES)
def test_a_correlated_filter_passes_whole_themes(share: float) -> None:
    """But for the last of them."""
    themes = np.random.default_rng(0).permutation(20_000) // 1_000
    passes = filtering._passes(themes, share, correlated=True)
    assert np.count_nonzero(passes) == round(share * 20_000)
    by_theme = np.bincount(themes, weights=passes)
    assert np.count_nonzero((by_theme > 0) & (by_theme < 1_000)) <= 1


def test_the_pins_of_an_artefact_lie_in_the_theme_they_are_nearest_to() -> None:
    """So that a correlated filter passes what lies together, whatever the pins are about."""
    pins = themed_pins(3_000, 16)
    world = world_of(pins)
    assert sorted(np.unique(world.themes)) == [0, 1, 2]
    centres = np.random.default_rng(1).choice(3_000, 3, replace=False)
    X = pins.embeddings.astype(np.float32)
    nearest = (X @ X[centres].T).argmax(axis=1)
    assert (nearest == world.themes).mean() > 0.999


def test_a_way_that_there_is_not_is_refused(settings: FilteringSettings) -> None:
    """Before anything is built, with those that there are."""
    with pytest.raises(BenchmarkError, match="--way sideways: there are as chosen, lists, graph, exact"):
        measure(replace(settings, way=["exact", "sideways"]))
