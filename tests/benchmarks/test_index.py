"""The benchmark of indexes runs, says what it measured, and builds nothing twice."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import built_indexes
from benchmarks.built_indexes import Cost, Spec
from benchmarks.errors import BenchmarkError
from benchmarks.hnswlib_index import is_installed
from benchmarks.index import IndexSettings, measure
from benchmarks.index_figures import Asked, Figures, against_hnswlib, fastest_at_target, front
from tests.index_builder.tables import vectors, write

SPECS = ["8/40/float16", "8/40/int8", "8/40/float32"]


@pytest.fixture
def settings(tmp_path: Path) -> IndexSettings:
    raw = np.random.default_rng(0).standard_normal((1_300, 12))
    raw[1_000:1_100] = raw[:100]
    pins = write(
        tmp_path / "p.parquet", pin_id=[f"p{at}" for at in range(1_300)], embedding=vectors(raw.astype("f4"))
    )
    return IndexSettings(
        pins=pins, rows=1_200, index=SPECS, ef_search=[200, 400], rounds=2, out=tmp_path / "index.json"
    )


@pytest.mark.slow
def test_a_small_run_is_whole_and_a_second_one_builds_nothing(
    settings: IndexSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every index at every efSearch, recall by kind of query, and kept indexes instead of new ones."""
    first = _measured(settings)
    assert [[asked["ef_search"] for asked in each["asked"]] for each in first["indexes"]] == [[200, 400]] * 3
    recall = first["indexes"][0]["asked"][-1]["recall"]
    assert set(recall) == {"pool members", "refined-out pins", "unseen pins"}
    assert recall["unseen pins"] > 0.99
    assert all(each["resident_mb"] > 0 and each["us"] > 0 for each in _flat(first))
    assert "recall@200" in capsys.readouterr().out

    def fail(*_: object) -> None:
        raise AssertionError("it was built before")

    monkeypatch.setattr(built_indexes, "build_hnsw", fail)
    again = _measured(settings)
    assert [each["cost"] for each in again["indexes"]] == [each["cost"] for each in first["indexes"]]


def _measured(settings: IndexSettings) -> Any:
    measure(settings)
    return json.loads(settings.out.read_text())


def _flat(measured: Any) -> list[dict[str, Any]]:
    return [
        asked | {"resident_mb": each["resident_mb"]}
        for each in measured["indexes"]
        for asked in each["asked"]
    ]


@pytest.mark.parametrize("spec", ["32/200", "32/200/", "32/200/float64", "m/200/int8", "32//int8"])
def test_an_index_that_is_none_is_refused(spec: str) -> None:
    """With what was written, and how to write it."""
    with pytest.raises(BenchmarkError, match=rf"--index {spec}: write M/efConstruction/storage, as 32/200"):
        Spec.parse(spec)


def test_hnswlib_is_missed_before_anything_is_built(settings: IndexSettings) -> None:
    """Not after an hour of building."""
    if is_installed():
        pytest.skip("hnswlib is installed here")
    with pytest.raises(BenchmarkError, match=r"hnswlib is not installed: install requirements-bench\.lock"):
        measure(IndexSettings(pins=settings.pins, index=["8/40/hnswlib"], out=settings.out))


def figures(spec: str, asked: dict[int, tuple[float, float]], seconds: float = 1.0) -> Figures:
    """An index of 10 MB by efSearch: recall, microseconds."""
    return Figures(
        spec=Spec.parse(spec),
        cost=Cost(seconds=seconds, cpu_seconds=2 * seconds),
        file_mb=9.0,
        resident_mb=10.0 * seconds,
        asked=[Asked(ef_search=ef, recall={"all": recall}, us=us) for ef, (recall, us) in asked.items()],
    )


def test_the_front_holds_what_nothing_beats() -> None:
    """A slower and worse choice is left out, and so is hnswlib's; the first to reach the target is named."""
    small = figures("8/40/int8", {200: (0.90, 100), 400: (0.94, 200), 800: (0.96, 400)})
    large = figures("16/40/float16", {200: (0.92, 150), 400: (0.95, 300), 800: (0.95, 600)})
    indexes = [small, large, figures("8/40/hnswlib", {200: (1.0, 1)})]
    found = [(each.index, each.ef_search) for each in front(indexes)]
    assert found == [
        ("8/40/int8", 200),
        ("16/40/float16", 200),
        ("8/40/int8", 400),
        ("16/40/float16", 400),
        ("8/40/int8", 800),
    ]
    fastest = fastest_at_target(indexes)
    assert fastest is not None
    assert (fastest.index, fastest.ef_search) == ("16/40/float16", 400)
    assert fastest_at_target([figures("8/40/int8", {200: (0.9, 1)})]) is None


def test_ours_is_set_against_hnswlib_at_the_recall_that_it_reached() -> None:
    """Between two points of ours the logarithm of time is straight; where ours has no point there is none."""
    ours = figures("8/40/int8", {200: (0.90, 100), 400: (0.94, 400)}, seconds=0.5)
    theirs = figures("8/40/hnswlib", {200: (0.80, 50), 300: (0.92, 400), 800: (0.97, 500)})
    other = figures("8/80/int8", {200: (0.9, 1)})
    (ratios,) = against_hnswlib([ours, other, theirs])
    assert (ratios.index, ratios.build_seconds, ratios.build_cpu_seconds) == ("8/40/int8", 0.5, 0.5)
    assert ratios.resident == 0.5
    assert ratios.query_us == {"0.9200": 0.5}
