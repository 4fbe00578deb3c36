"""docs/attribution.md joins clicks to interests: its code runs, and gives what a person can count."""

import re
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry

from pinnersage.v1 import recommender_pb2 as pb
from server.calls import Call
from server.deadlines import Deadline
from server.metrics import Metrics
from server.observing import Observation, Observer
from server.request_log import RequestLog
from server.servicer import Servicer
from server.validation import Defaults
from tests.server.test_observing import AtOnce, Kept, recommender_of
from tests.server.world import default_people, make_pins

DOCS = Path(__file__).parents[2] / "docs" / "attribution.md"
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def clicked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A log of three answers of 4 candidates each, and of one who got none; two clicks on one answer.

    The two pins clicked, the first of either of ann's interests.
    """
    kept, written = Kept(), RequestLog(tmp_path / "request-log", Metrics(CollectorRegistry()), shown=str)
    recommender = recommender_of(make_pins(), default_people())
    servicer = Servicer(recommender, Defaults(), Observer([Observation(1.0, AtOnce(kept))]))
    for name, user_id in (("page-1", "ben"), ("page-2", "ann"), ("page-3", "nobody"), ("page-4", "85123A")):
        request = pb.RecommendRequest(user_id=user_id, max_candidates=4)
        servicer.recommend(request.SerializeToString(), Call(name, "Recommend", Deadline()))
    for item in kept.items:
        written.do(item, threading.Event())
    written.end()
    shown = kept.items[1].answer().candidates
    clicks = (shown[0].pin_id, shown[1].pin_id)
    pq.write_table(pa.table({"request_id": ["page-2"] * 2, "pin_id": clicks}), tmp_path / "clicks.parquet")
    monkeypatch.chdir(tmp_path)
    return clicks


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the project's own documentation
    return names


def test_the_join_finds_the_interests_behind_clicks(clicked: tuple[str, str]) -> None:
    """Of 12 candidates shown 2 were clicked, one from either of ann's interests, each drawn with 1/2."""
    arrow, _ = CODE.findall(DOCS.read_text())
    names = run(arrow)

    assert names["by_variant"].to_pylist() == [
        {"variant": None, "clicked_mean": pytest.approx(2 / 12), "clicked_count": 12}
    ]
    by_interest = [row for row in names["by_interest"].to_pylist() if row["clicked_sum"]]
    assert [(row["request_id"], row["probability"], row["clicked_sum"]) for row in by_interest] == [
        ("page-2", 0.5, 1),
        ("page-2", 0.5, 1),
    ]
    clicks = {row["pin_id"] for row in names["joined"].to_pylist() if row["clicked"]}
    assert clicks == set(clicked)


@pytest.mark.usefixtures("clicked")
def test_pandas_counts_the_same() -> None:
    """The short way gives the same click-through."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    _, with_pandas = CODE.findall(DOCS.read_text())

    assert run(with_pandas)["joined"]["clicked"].mean() == pytest.approx(2 / 12)
