"""The benchmark of near-duplicates runs and counts what is missed."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import near_duplicates
from benchmarks.near_duplicates import NearDuplicateSettings, measure, twins
from index_builder.near_duplicates_in_cells import NearDuplicatesInCells
from tests.index_builder.tables import vectors, write


@pytest.fixture
def settings(tmp_path: Path) -> NearDuplicateSettings:
    raw = np.random.default_rng(0).standard_normal((1_000, 32)).astype("f4")
    pins = write(tmp_path / "p.parquet", pin_id=[f"p{at}" for at in range(1_000)], embedding=vectors(raw))
    return NearDuplicateSettings(pins=pins, planted=100, checked=1_000, out=tmp_path / "figures.json")


def test_planted_twins_are_found_with_any_threads(
    settings: NearDuplicateSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them, each with its original, to the same byte."""
    measure(settings)
    figures = json.loads(settings.out.read_text())
    assert figures["identical"]
    assert set(figures["threads"]) == {"1", "2"}
    assert (figures["planted"], figures["planted_missed"]) == (100, 0)
    assert (figures["left_out"], figures["not_nearest"]) == (100, 0)
    assert figures["near_pairs"] >= 100
    assert figures["near_pairs_missed"] == 0
    assert "planted missed" in capsys.readouterr().out


def test_what_is_missed_is_counted() -> None:
    """Were every pin kept, every planted pair would be missed, and seen from both its ends."""
    pins = twins(np.eye(32, dtype=np.float16), 0.0, np.random.default_rng(0))
    both = np.concatenate([pins, twins(pins, 0.99, np.random.default_rng(1))])
    kept = np.ones(len(both), np.bool_)
    step = near_duplicates._Silent()
    assert near_duplicates._near_pairs(both, 0.985, kept, np.arange(64), step) == (64, 64)
    kept[32:] = NearDuplicatesInCells(both, np.arange(64), 0.985, step).keepers(np.arange(64))[32:]
    assert near_duplicates._near_pairs(both, 0.985, kept, np.arange(64), step) == (64, 0)


@pytest.mark.parametrize("cosine", [0.9, 0.98])
def test_a_twin_is_as_near_as_it_should_be(cosine: float) -> None:
    """To what float16 can hold."""
    pins = twins(np.eye(16, dtype=np.float16), 0.0, np.random.default_rng(0))
    near = twins(pins, cosine, np.random.default_rng(1))
    found = np.einsum("nd,nd->n", pins.astype(np.float64), near.astype(np.float64))
    np.testing.assert_allclose(found, cosine, atol=5e-4)
