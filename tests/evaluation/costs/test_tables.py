"""Table 2 from costs that a person can compare in the head."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation import paper
from evaluation.costs.comparing import Graph
from evaluation.costs.facts import CostFacts
from evaluation.costs.figures import saved_figure
from evaluation.costs.policy import CostPolicy
from evaluation.costs.refining import RefinedPool
from evaluation.costs.replaying import Replay
from evaluation.costs.tables import cost_tables
from evaluation.report.numbers import percent
from evaluation.results import Table
from storage.pins.manifest import BuildParameters

POLICY = CostPolicy(n_rounds=3, capacities=(0.1, 0.5), headline=0.5)


def replayed(n_searches: int) -> Replay:
    """100 requests of two lists each, looked up in a microsecond a request."""
    return Replay(n_requests=100, n_lookups=200, n_searches=n_searches, lookups_s=100e-6)


def facts() -> CostFacts:
    """LSH 400 µs, PQ 300, HNSW 100, exact 800; in the last round the machine was busy: twice as much."""
    us = np.outer([400, 300, 100, 800], [1, 1, 2]).astype(np.float64)
    counted = {
        "recall": [0.951, 0.952, 0.96, 1.0],
        "depth": [500, 400, 250, 2_000],
        "n_probe": [0, 5, 0, 0],
        "size": [64, 16, 0, 0],
        "n_lists": [0, 20, 0, 0],
        "bytes": [2_000 * 8, 2_000 * 9, 2_000 * 300, 2_000 * 128],
        "build_s": [1.0, 2.0, 3.0, 0.0],
    }
    return CostFacts(
        n_pins=2_000,
        dimension=64,
        n_queries=50,
        indexes={"us": us, "target": np.array([0.95])} | {key: np.array(of) for key, of in counted.items()},
        pools=None,
        refined=None,
        replays=(replayed(180), replayed(150), replayed(50)),
    )


def with_pools(known: CostFacts) -> CostFacts:
    """Half of the pins are left, and a query costs three quarters."""
    pools = {
        "us": np.array([[400, 400, 400], [300, 300, 360]], np.float64),
        "recall": np.array([0.98, 0.99]),
        "pins": np.array([2_000, 1_000], np.float64),
        "bytes": np.array([600_000, 300_000], np.float64),
    }
    refined = RefinedPool(
        version="000001-a",
        vectors=np.zeros((1_000, 64), np.float16),
        graph=Graph(file=Path("index")),
        parameters=BuildParameters(
            quality_threshold=0.5, near_duplicate_cosine=0.98, storage="float16", m=32, ef_construction=200
        ),
        n_low_quality=600,
        n_near_duplicates=400,
    )
    return replace(known, pools=pools, refined=refined)


def values(table: Table, column: str) -> list[float | None]:
    return [row.cells[column].value if column in row.cells else None for row in table.rows]


def test_what_each_choice_saves_by_hand() -> None:
    """HNSW a quarter of LSH; the refined pool three quarters; 0.5 of 2 searches, and a µs for looking up."""
    table = cost_tables(with_pools(facts()), POLICY)["table2.saved"]
    assert values(table, "before") == [400, 400, 200]
    assert values(table, "after") == [100, 300, 51]
    assert values(table, "change") == pytest.approx([-0.75, -0.25, 51 / 200 - 1])


def test_the_papers_figure_stands_beside_each_line() -> None:
    """60, 50 and 75 % less."""
    table = cost_tables(facts(), POLICY)["table2.saved"]
    assert [row.cells["change"].paper for row in table.rows] == list(paper.TABLE_2.values())


def test_a_slow_round_is_in_the_range_of_the_cost_and_not_of_the_change() -> None:
    """It slowed both: within the round the ratio is the same."""
    line = cost_tables(facts(), POLICY)["table2.saved"].rows[0]
    assert (line.cells["before"].low, line.cells["before"].high) == (400, 800)
    assert (line.cells["change"].low, line.cells["change"].high) == (-0.75, -0.75)


def test_without_an_artefact_the_line_says_how_to_get_one() -> None:
    """No number, no table of its own, and the paper's figure still there."""
    tables = cost_tables(facts(), POLICY)
    line = tables["table2.saved"].rows[1]
    assert line.cells["change"].value is None
    assert "index_builder build" in line.note
    assert "--pins" in line.note
    assert list(tables) == ["table2.saved", "table2.index", "table2.cache"]


def test_kinds_of_index_say_how_hard_they_tried() -> None:
    """What was found out is what a reader may want to set."""
    rows = cost_tables(facts(), POLICY)["table2.index"].rows
    assert [row.note for row in rows] == [
        "64 bits; 500 pins compared exactly",
        "16 × 4 bits; 5 of 20 lists; 400 pins compared exactly",
        "efSearch 250",
        "all 2,000 pins in float16",
    ]


def test_bytes_are_counted_with_the_vectors_that_are_read() -> None:
    """64 float16 are 128 bytes, which exact search has as its index."""
    table = cost_tables(facts(), POLICY)["table2.index"]
    assert values(table, "bytes") == [8, 9, 300, 128]
    assert values(table, "all") == [136, 137, 428, 128]


def test_a_kind_that_does_not_reach_the_recall_is_named_without_numbers() -> None:
    """Nothing can be compared with an LSH that was not measured, and nothing is made up."""
    known = facts()
    known.indexes["us"][0] = np.nan
    tables = cost_tables(known, POLICY)
    assert tables["table2.index"].rows[-1].note == "does not reach the recall"
    assert not tables["table2.index"].rows[-1].cells
    assert values(tables["table2.saved"], "change")[0] is None


def test_the_pools_side_by_side() -> None:
    """Half the pins, half the bytes; the note says what was left out."""
    table = cost_tables(with_pools(facts()), POLICY)["table2.pool"]
    assert values(table, "pins") == [2_000, 1_000]
    assert values(table, "bytes_against") == [None, -0.5]
    assert "600 pins of low quality and 400 near-duplicates" in table.note


def test_the_cache_by_hand() -> None:
    """Of 200 lists 180, 150 and 50 were searched for; without a cache all of them."""
    table = cost_tables(facts(), POLICY)["table2.cache"]
    assert values(table, "hits") == [None, pytest.approx(0.1), pytest.approx(0.25), pytest.approx(0.75)]
    assert values(table, "searches") == [2, 1.8, 1.5, 0.5]
    assert values(table, "us") == pytest.approx([200, 181, 151, 51])
    assert [row.note for row in table.rows][2:] == [
        f"{percent(0.1, 0)} of the pool: 200 lists",
        f"{percent(0.5, 0)} of the pool: 1,000 lists",
    ]


def test_the_drawing_shows_what_was_measured_beside_the_paper() -> None:
    """Two lines of ours without an artefact, three with one; the paper's three always."""
    for known, n in ((facts(), 2), (with_pools(facts()), 3)):
        here, papers = saved_figure(cost_tables(known, POLICY)["table2.saved"])["cost.saved"].series
        assert (len(here.x), len(papers.x)) == (n, 3)
        assert here.y[0] == -0.75


def test_a_pool_that_needs_no_index_is_said_to_need_none() -> None:
    """When comparing everything costs no more than the graph."""
    known = facts()
    assert "so small" not in cost_tables(known, POLICY)["table2.index"].note
    known.indexes["us"][3] = 90
    assert "2,000 pins is so small" in cost_tables(known, POLICY)["table2.index"].note


def test_a_sample_of_requests_is_said_to_share_fewer_lists() -> None:
    """A cache lives on traffic, and most of it was left out."""
    assert "a sample" not in cost_tables(facts(), POLICY)["table2.cache"].note
    assert "a sample" in cost_tables(replace(facts(), is_sample=True), POLICY)["table2.cache"].note
