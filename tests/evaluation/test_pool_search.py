"""Small pools are searched exactly, large ones by an index whose lists are measured."""

from pathlib import Path

import numpy as np
import pytest

from evaluation import pool_search as module
from evaluation.methods import DEFAULT, LAST_PIN
from evaluation.pool_search import PoolSearch, pool_search, recall
from evaluation.retrieval import HnswRetriever
from evaluation.running import Plan, run
from process.progress import Reporter
from tests.evaluation.town import busy_log, setting_of, town

QUIET = Reporter(quiet=True)
PLAN = Plan(name="validation", period="validation", methods=(LAST_PIN, DEFAULT))


@pytest.fixture
def by_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PoolSearch:
    """The town's search, had it too many pins to compare all."""
    # Lists of five, since on a circle a sixth pin would be as near as a seventh.
    monkeypatch.setattr(module, "EXACT_PINS", 10)
    return pool_search(town(busy_log()), 5, tmp_path / "indexes", QUIET)


def test_a_small_pool_needs_no_index(tmp_path: Path) -> None:
    """Nothing is built, and the report says that lists are exact."""
    search = pool_search(town(busy_log()), 6, tmp_path, QUIET)
    assert (search.retriever.name, search.reading.value, search.seconds) == ("exact", "exact", {})
    assert not list(tmp_path.iterdir())


def test_the_report_says_how_good_an_index_is(by_index: PoolSearch) -> None:
    """Which index, how much it finds of both kinds of query, and what building it took."""
    assert isinstance(by_index.retriever, HnswRetriever)
    assert "finds 100.0% of the 5 nearest to a pin and 100.0% of the 5 nearest to an average" in (
        by_index.reading.value
    )
    assert by_index.seconds["index of the pool, built once"] > 0


def test_methods_are_judged_alike_by_an_index(by_index: PoolSearch, tmp_path: Path) -> None:
    """Where its lists are exact, so is every measure; its own stages are kept apart."""
    exact = run(PLAN, setting_of(town(busy_log()), tmp_path), QUIET)
    approximate = run(PLAN, setting_of(town(busy_log()), tmp_path, retriever=by_index.retriever), QUIET)
    for method in PLAN.methods:
        assert approximate.values[method.key].tolist() == exact.values[method.key].tolist()
        assert len(list(tmp_path.glob(f"{method.key}-*.npz"))) == 2


def test_a_search_that_finds_too_little_tries_harder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each efSearch in turn, until both kinds of query have the recall that is wanted."""
    monkeypatch.setattr(module, "EXACT_PINS", 10)
    recalls = iter([0.9, 0.99, 0.98, 0.96, 0.97, 0.98])
    monkeypatch.setattr(module, "recall", lambda *_: next(recalls))
    search = pool_search(town(busy_log()), 8, tmp_path, QUIET)
    assert search.retriever.name.endswith(" efSearch=12")
    assert "finds 97.0% of the 8 nearest to a pin and 98.0%" in search.reading.value


def test_recall_by_hand() -> None:
    """Of two lists of two, one is found whole and of the other one pin, in another place."""
    assert recall(np.array([[1, 2], [3, 9]]), np.array([[1, 2], [4, 3]])) == 0.75
