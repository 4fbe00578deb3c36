"""Kinds of index at the same recall, pools at the same efSearch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.costs import comparing
from evaluation.costs.comparing import KINDS, Arrays, Graph, index_costs, pool_costs
from evaluation.costs.indexes import kept, variants
from evaluation.costs.policy import CostPolicy
from evaluation.indexes import IndexParameters, cached_index
from process.progress import Reporter

QUIET = Reporter(quiet=True)


def graph_over(pool: NDArray[np.float16], folder: Path) -> Graph:
    index = cached_index(pool, folder, IndexParameters(m=8, ef_construction=40), QUIET)
    return Graph(file=index.file, build_s=index.build_s)


@pytest.fixture(scope="module")
def compared(
    pool: NDArray[np.float16], policy: CostPolicy, tmp_path_factory: pytest.TempPathFactory
) -> Arrays:
    folder = tmp_path_factory.mktemp("indexes")
    compressed = [(codes, kept(codes, pool, folder, QUIET)) for codes in variants(*pool.shape)]
    return index_costs(pool, pool[::100], graph_over(pool, folder), compressed, policy)


def test_every_kind_reaches_the_same_recall(compared: Arrays, policy: CostPolicy) -> None:
    """That of HNSW's shortest search, or the policy's where that is more."""
    assert compared["target"][0] >= policy.target_recall
    assert (compared["recall"] >= compared["target"]).all()


def test_what_hnsw_finds_at_its_shortest_is_what_others_have_to_find(
    pool: NDArray[np.float16], policy: CostPolicy, tmp_path: Path
) -> None:
    """A target that it passes from the start would make the others look cheap."""
    easy = replace(policy, target_recall=0.01)
    found = index_costs(pool, pool[::100], graph_over(pool, tmp_path), [], easy)
    assert found["depth"][KINDS.index("hnsw")] == policy.k
    assert found["target"][0] == found["recall"][KINDS.index("hnsw")] > 0.5


@pytest.mark.parametrize(("us", "size"), [((1, 2, 3), 16), ((3, 2, 1), 64)])
def test_a_kind_is_measured_by_its_cheapest_variant(
    pool: NDArray[np.float16],
    policy: CostPolicy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    us: tuple[int, ...],
    size: int,
) -> None:
    """Of signs of 16, 32 and 64 projections, the first, or the last, whichever costs less."""

    def costs_of(searches: Sequence[object], _: object, n_rounds: int) -> NDArray[np.float64]:
        return np.tile(np.array(us[: len(searches)], np.float64)[:, np.newaxis], n_rounds)

    monkeypatch.setattr(comparing, "cpu_us", costs_of)
    signs = [codes for codes in variants(*pool.shape) if codes.kind == "lsh"]
    compressed = [(codes, kept(codes, pool, tmp_path, QUIET)) for codes in signs]
    found = index_costs(pool, pool[::100], graph_over(pool, tmp_path), compressed, policy)
    assert found["size"][KINDS.index("lsh")] == size


def test_exact_search_finds_everything(compared: Arrays) -> None:
    """By reading all pins, in float16."""
    exact = KINDS.index("exact")
    assert compared["recall"][exact] == 1
    assert compared["bytes"][exact] == 1_200 * 16 * 2


def test_every_kind_is_measured_in_every_round(compared: Arrays, policy: CostPolicy) -> None:
    """A cost each, more than nothing."""
    assert compared["us"].shape == (len(KINDS), policy.n_rounds)
    assert (compared["us"] > 0).all()


def test_a_kind_that_does_not_reach_the_recall_has_no_cost(
    pool: NDArray[np.float16], policy: CostPolicy, tmp_path: Path
) -> None:
    """It is left open, and the others are measured."""
    found = index_costs(pool, pool[::100], graph_over(pool, tmp_path), [], policy)
    assert np.isnan(found["us"]).all(axis=1).tolist() == [True, True, False, False]
    assert np.isnan(found["recall"]).tolist() == [True, True, False, False]


def test_half_the_pool_is_half_the_index(
    pool: NDArray[np.float16], policy: CostPolicy, tmp_path: Path
) -> None:
    """Pins are counted, bytes are those of the file, and recall is that within its own pool."""
    half = pool[::2].copy()
    pools = [(pool, graph_over(pool, tmp_path)), (half, graph_over(half, tmp_path))]
    found = pool_costs(pool[::100], pools, policy)
    assert found["pins"].tolist() == [1_200, 600]
    assert found["bytes"][1] / found["bytes"][0] == pytest.approx(0.5, abs=0.05)
    assert (found["recall"] > 0.9).all()
    assert found["us"].shape == (2, policy.n_rounds)
