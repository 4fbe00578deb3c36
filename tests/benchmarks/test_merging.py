"""The benchmark of the merge policies runs, and says what it measured."""

import json
from pathlib import Path

import pytest

from benchmarks.merging import MergingSettings, measure


def test_a_small_run_writes_and_shows_every_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lists searched cold, CPU warm as a ratio, and each step of the fused merge; the same on the screen."""
    out = tmp_path / "bench" / "merging.json"
    measure(MergingSettings(pins=5_000, dimension=16, medoids=20, rounds=2, requests=1, out=out))
    figures = json.loads(out.read_text())

    assert figures["policies"]["interleaved"]["searches"] == 3
    assert figures["policies"]["fused"]["searches"] == 20
    assert figures["policies"]["interleaved"]["ratio"] == 1
    assert set(figures["fused_steps_us"]) >= {"gather", "product", "exp", "select", "join"}
    assert 400 <= figures["fused_distinct_pins"] <= 5_000
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("interleaved", "fused", "product"))
