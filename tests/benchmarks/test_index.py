"""The benchmark of the index runs, says what it measured, and builds nothing twice."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import index
from benchmarks.index import IndexSettings, measure
from tests.index_builder.tables import vectors, write


def test_a_small_run_is_whole_and_a_second_one_builds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every storage at every efSearch, recall by kind of query, and kept indexes instead of new ones."""
    raw = np.random.default_rng(0).standard_normal((1_300, 12))
    raw[1_000:1_100] = raw[:100]
    pins = write(
        tmp_path / "p.parquet", pin_id=[f"p{at}" for at in range(1_300)], embedding=vectors(raw.astype("f4"))
    )
    settings = IndexSettings(pins=pins, rows=1_200, m=[8], ef_construction=[40], out=tmp_path / "index.json")
    measure(settings)
    points = [each for each in json.loads(settings.out.read_text())["points"] if each["library"] == "faiss"]
    assert len(points) == 3 * len(index.EF_SEARCH)
    assert set(points[0]["recall"]) == {"pool members", "refined-out pins", "unseen pins"}
    assert points[-1]["recall"]["unseen pins"] > 0.99
    assert "recall@200" in capsys.readouterr().out

    def fail(*_: object) -> None:
        raise AssertionError("it was built before")

    monkeypatch.setattr(index, "build_hnsw", fail)
    measure(settings)
    again = [each for each in json.loads(settings.out.read_text())["points"] if each["library"] == "faiss"]
    assert [each["build_s"] for each in again] == [each["build_s"] for each in points]
