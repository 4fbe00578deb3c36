"""Filtered lists are those of exact search over the pins that pass, whichever way they were made."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from server.candidate_cache import CandidateCache
from server.candidate_lists import Retrieved
from server.deadlines import Deadline
from server.errors import DeadlineExpiredError
from server.filtering import FilteredRetrieval, FilterPolicy
from server.joining import JoinedRetrieval
from server.metrics import Metrics
from server.metrics_catalogue import FilterMode
from server.passing import PassingCache, PassingRows
from server.probing import Probe
from server.retrieval import Retrieval
from storage.embedding_space import EmbeddingSpace
from storage.pins.filters import AnyOf, Filter, NoneOf
from storage.pins.hnsw import Hnsw, HnswSearch
from storage.pins.joined import JoinedPins
from storage.pins.memory import InMemoryPins
from storage.pins.port import NO_ROW, PinView
from storage.pins.scoring import exact_search_among
from storage.pins.side import Beside, Side, SideRows
from storage.pins.side_search import SideSearch

NEVER = float("inf")
WAYS: Mapping[FilterMode, FilterPolicy] = {
    FilterMode.OVER_FETCH: FilterPolicy(mild_share=0.0, widest=6_400),
    FilterMode.GRAPH: FilterPolicy(mild_share=2.0, graph_step_us=0.0),
    FilterMode.EXACT: FilterPolicy(mild_share=2.0, graph_step_us=NEVER),
}


class World:
    """A pool, what its filtered retrieval counted, and its cache."""

    def __init__(self, pins: PinView, policy: FilterPolicy | None = None, *, ef_search: int = 64) -> None:
        self.pins = pins
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        self.cache = CandidateCache(50_000_000)
        kind: Any = JoinedRetrieval if isinstance(pins, JoinedPins) else Retrieval
        self.retrieval: Retrieval = kind(pins, self.cache, ef_search=64, perplexity=60.0, metrics=metrics)
        self.filtering = FilteredRetrieval(
            pins, self.retrieval, ef_search=ef_search, metrics=metrics, policy=policy or FilterPolicy()
        )

    def fetch(
        self, rows: list[int], passing: PassingRows, at_least: int, *, with_spread: bool = False
    ) -> list[Retrieved]:
        medoids = list(zip(self.pins.pin_ids(np.array(rows)), rows, strict=True))
        return self.filtering.fetch(
            medoids, passing, at_least=at_least, with_spread=with_spread, deadline=Deadline()
        )

    def counted(self, mode: FilterMode) -> float | None:
        return self.registry.get_sample_value("pinnersage_filtered_lists_total", {"mode": mode.value})


def cloud(n: int, d: int = 8, *, seed: int = 0, kind: type[InMemoryPins] = InMemoryPins) -> Any:
    """Pins anywhere on the sphere, of a column with two values."""
    X = np.random.default_rng(seed).standard_normal((n, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    colours = pa.array(["red" if row % 3 else "blue" for row in range(n)], pa.large_string())
    return kind(
        [f"p{row}" for row in range(n)],
        X.astype(np.float16),
        embedding_space=EmbeddingSpace("cloud-1", d),
        columns={"colour": colours},
    )


class IndexedPins(InMemoryPins):
    """Pins searched by a real graph."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        index = Hnsw.empty(self.embedding_space.dimension, m=16, ef_construction=100)
        index.add(self.embeddings, threads=1)
        self._graph = HnswSearch(index, self.embeddings)

    def search(self, queries: Any, k: int, *, ef_search: int) -> Any:
        return self._graph.search(queries, k, ef_search=ef_search)

    def search_passing(self, queries: Any, k: int, *, bitmap: Any, ef_search: int) -> Any:
        return self._graph.search_passing(queries, k, bitmap=bitmap, ef_search=ef_search)


def nearest(pins: PinView, row: int, passes: NDArray[np.bool_], k: int) -> list[int]:
    """The oracle."""
    X = pins.embeddings[np.arange(pins.n_pins)]
    rows: list[int] = exact_search_among(X[row : row + 1], X, np.flatnonzero(passes), k)[1][0].tolist()
    return rows


@given(
    n=st.integers(1, 900),
    share=st.sampled_from([0.0, 0.003, 0.05, 0.3, 0.7, 1.0]),
    at_least=st.integers(1, 400),
    way=st.sampled_from([None, *WAYS]),
    warm=st.booleans(),
    with_spread=st.booleans(),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=80, deadline=None)
def test_every_way_is_exact_filtered_search(
    *,
    n: int,
    share: float,
    at_least: int,
    way: FilterMode | None,
    warm: bool,
    with_spread: bool,
    seed: int,
) -> None:
    """Whatever passes, whatever is cached: the nearest that pass in order, all of them if there are fewer."""
    pins = cloud(n, seed=seed)
    passes = np.random.default_rng(seed).random(n) < share
    rows = sorted({0, n // 2, n - 1})
    world = World(pins, WAYS[way] if way else None)
    if warm:
        world.retrieval.fetch([(f"p{rows[0]}", rows[0])], at_least=200, deadline=Deadline())
    found = world.fetch(rows, PassingRows.of(passes), at_least, with_spread=with_spread)
    for row, each in zip(rows, found, strict=True):
        expected = nearest(pins, row, passes, n)
        rows_found = each.candidates.rows.tolist()
        assert rows_found == expected[: len(rows_found)]
        assert len(rows_found) >= min(at_least, len(expected))
        assert (each.candidates.spread is not None) or not with_spread


@given(
    n=st.integers(1, 500),
    n_unindexed=st.integers(0, 20),
    n_added=st.integers(1, 200),
    share=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
    at_least=st.integers(1, 300),
    way=st.sampled_from([None, *WAYS]),
    warm=st.booleans(),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_every_way_finds_what_was_added(
    *,
    n: int,
    n_unindexed: int,
    n_added: int,
    share: float,
    at_least: int,
    way: FilterMode | None,
    warm: bool,
    seed: int,
) -> None:
    """Of an artefact and pins beside it: the nearest of both that pass, by exact search over all vectors."""
    X = cloud(n + n_unindexed + n_added, seed=seed).embeddings
    colour = ["red" if each < share else "blue" for each in np.random.default_rng(seed).random(len(X))]
    pins = joined(X, colour, n, n_added)
    world = World(pins, WAYS[way] if way else None)
    rows = sorted({0, n - 1, len(X) - 1})
    if warm:
        world.retrieval.fetch([(pins.pin_ids(np.array([0]))[0], 0)], at_least=200, deadline=Deadline())
    asked = Filter((AnyOf("colour", ("red",)),))
    passing = world.filtering.passing(asked)
    assert passing is not None
    is_candidate = pins.representatives == np.arange(len(X))
    passes = is_candidate & (np.array(colour) == "red")
    assert (passing.count, passing.share) == (passes.sum(), passes.sum() / (n + n_added))
    for row, each in zip(rows, world.fetch(rows, passing, at_least), strict=True):
        expected = nearest(pins, row, passes, len(X))
        found = each.candidates.rows.tolist()
        assert found == expected[: len(found)]
        assert len(found) >= min(at_least, len(expected))


def joined(X: NDArray[np.float16], colour: list[str], n: int, n_added: int) -> JoinedPins:
    """The first n are the pool of an artefact, the last are added to it, those between are no candidates."""
    space, n_main = EmbeddingSpace("cloud-1", X.shape[1]), len(X) - n_added
    values = pa.array(colour, pa.large_string())
    main = InMemoryPins(
        [f"p{row}" for row in range(n_main)],
        X[:n_main],
        embedding_space=space,
        representatives=np.array([*range(n), *[NO_ROW] * (n_main - n)], np.int32),
        n_indexed=n,
        columns={"colour": values[:n_main]},
    )
    rows = SideRows(
        beside=Beside(main.version, n_main),
        embedding_space=space,
        pin_ids=tuple(f"p{row}" for row in range(n_main, len(X))),
        titles=("",) * n_added,
        quality=np.full(n_added, np.nan),
        embeddings=X[n_main:],
        representatives=np.arange(n_main, len(X), dtype=np.int32),
        n_indexed=n_added,
        columns={"colour": values[n_main:]},
    )
    return JoinedPins(main, Side(version="side", rows=rows, searching=SideSearch(rows.pool)))


def test_a_sample_is_of_candidates() -> None:
    """Of those of an artefact and of those added to it; not of the pins between."""
    X = cloud(7).embeddings
    probed = Probe(joined(X, ["red"] * 7, 3, 2)).look(X[:1])
    assert (probed.rows.tolist(), probed.n) == ([0, 1, 2, 5, 6], 5)


def test_a_cached_list_serves_with_what_was_added() -> None:
    """Where few pass nothing is fetched wider, but what is there is looked at: nobody searches again."""
    X = cloud(900).embeddings
    colour = ["red" if row % 3 else "blue" for row in range(len(X))]
    pins = joined(X, colour, 800, 100)
    world = World(pins, FilterPolicy(mild_share=2.0))
    world.retrieval.fetch([("p0", 0)], at_least=800, deadline=Deadline())
    passing = world.filtering.passing(Filter((AnyOf("colour", ("red",)),)))
    assert passing is not None
    (found,) = world.fetch([0], passing, 200)
    assert found.candidates.rows.tolist() == nearest(pins, 0, np.array(colour) == "red", 200)
    assert world.counted(FilterMode.OVER_FETCH) == 1


@pytest.mark.parametrize("mode", list(WAYS))
@pytest.mark.parametrize("share", [0.6, 0.2])
def test_every_way_recalls_what_exact_search_finds_on_a_real_graph(mode: FilterMode, share: float) -> None:
    """Recall@200 of 0.95 at least over 2,000 pins, and the way meant is the way taken."""
    pins = cloud(2_000, 16, kind=IndexedPins)
    passes = np.random.default_rng(1).random(2_000) < share
    world = World(pins, WAYS[mode])
    rows = list(range(0, 2_000, 100))
    found = world.fetch(rows, PassingRows.of(passes), 200)
    hits = [
        len(set(each.candidates.rows.tolist()) & set(nearest(pins, row, passes, 200)))
        for row, each in zip(rows, found, strict=True)
    ]
    assert np.mean(hits) / 200 >= 0.95
    assert world.counted(mode) == len(rows)


def test_a_graph_that_met_too_few_is_not_believed() -> None:
    """It was walked to its end and some were not reached: all that pass are compared."""

    class Torn(InMemoryPins):
        def search_passing(self, queries: Any, k: int, *, bitmap: Any, ef_search: int) -> Any:
            assert ef_search == self.n_indexed
            scores, rows = super().search_passing(queries, k, bitmap=bitmap, ef_search=ef_search)
            scores[:, -1], rows[:, -1] = -1, NO_ROW
            return scores, rows

    pins = cloud(600, kind=Torn)
    passes = np.arange(600) % 2 == 0
    world = World(pins, FilterPolicy(mild_share=2.0, graph_step_us=0.0, reach=1_000.0))
    (found,) = world.fetch([0], PassingRows.of(passes), 200)
    assert found.candidates.rows.tolist() == nearest(pins, 0, passes, 200)
    assert (world.counted(FilterMode.GRAPH), world.counted(FilterMode.EXACT)) == (0, 1)


def test_the_graph_is_not_walked_for_all_that_pass() -> None:
    """When no more pass than are asked for it would be walked to its end: they are compared at once."""

    class NeverWalked(InMemoryPins):
        def search_passing(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("walked")

    pins = cloud(600, kind=NeverWalked)
    passes = np.arange(600) % 3 == 0
    world = World(pins, WAYS[FilterMode.GRAPH])
    (found,) = world.fetch([0], PassingRows.of(passes), 200)
    assert found.candidates.rows.tolist() == nearest(pins, 0, passes, 200)


@pytest.mark.parametrize(("ef_search", "expected"), [(64, 200), (300, 300)])
def test_the_graph_is_never_walked_less_far_than_for_an_unfiltered_list(
    ef_search: int, expected: int
) -> None:
    """However little the sample foretells: as far as the list is long, and as the server's efSearch says."""
    walked = []

    class Walked(InMemoryPins):
        def search_passing(self, queries: Any, k: int, *, bitmap: Any, ef_search: int) -> Any:
            walked.append(ef_search)
            return super().search_passing(queries, k, bitmap=bitmap, ef_search=ef_search)

    policy = FilterPolicy(mild_share=2.0, graph_step_us=0.0, reach=0.01)
    world = World(cloud(1_000, kind=Walked), policy, ef_search=ef_search)
    world.fetch([0], PassingRows.of(np.arange(1_000) % 2 == 0), 200)
    assert walked == [expected]


def test_each_medoid_walks_the_graph_for_itself_and_all_are_compared_together() -> None:
    """2 walks of 100 steps of 1 us against 100 vectors fetched at 1 us and compared with 2 at 0.4 us each."""
    policy = FilterPolicy(exact_row_us=1.0, exact_cosine_us=0.4, graph_step_us=1.0)
    assert policy.prefers_graph(np.array([100]), 100)
    assert not policy.prefers_graph(np.array([100, 100]), 100)
    assert policy.prefers_graph(np.array([100, 79]), 100)


def test_no_list_is_fetched_wider_than_the_policy_says() -> None:
    """For 200 of 15 % some 1,700 would be; the cache keeps 400, and the answer is exact all the same."""
    pins = cloud(2_000)
    passes = np.arange(2_000) % 20 < 3
    world = World(pins, FilterPolicy(mild_share=0.1, widest=400))
    (found,) = world.fetch([0], PassingRows.of(passes), 200)
    assert found.candidates.rows.tolist() == nearest(pins, 0, passes, 200)
    (kept,) = world.retrieval.cached([("p0", 0)]).values()
    assert kept.candidates.wanted == 400


def test_a_graph_that_did_not_get_there_is_not_believed() -> None:
    """It gives the farthest that pass, as many as asked for: they lie deeper than it can have looked."""

    class Astray(InMemoryPins):
        def search_passing(self, queries: Any, k: int, *, bitmap: Any, ef_search: int) -> Any:
            return super().search_passing(-queries, k, bitmap=bitmap, ef_search=ef_search)

    pins = cloud(3_000, kind=Astray)
    passes = np.arange(3_000) % 2 == 0
    world = World(pins, WAYS[FilterMode.GRAPH])
    # What it found scores as it lies: towards the query's opposite.
    pins.search_passing = _rescored(pins)
    (found,) = world.fetch([7], PassingRows.of(passes), 200)
    assert found.candidates.rows.tolist() == nearest(pins, 7, passes, 200)
    assert (world.counted(FilterMode.GRAPH), world.counted(FilterMode.EXACT)) == (0, 1)


def _rescored(pins: InMemoryPins) -> Callable[..., Any]:
    astray = pins.search_passing

    def search(queries: Any, k: int, *, bitmap: Any, ef_search: int) -> Any:
        scores, rows = astray(queries, k, bitmap=bitmap, ef_search=ef_search)
        return -scores, rows

    return search


def test_a_filter_that_knows_the_surroundings_takes_the_way_that_fits() -> None:
    """All near the query pass: the graph has them at once. None near it does: all that pass are compared."""
    pins = cloud(8_000, 4)
    query = pins.embeddings[5].astype(np.float32)
    closeness = pins.embeddings.astype(np.float32) @ query
    policy = FilterPolicy(mild_share=2.0, exact_row_us=1.0, exact_cosine_us=0.0, graph_step_us=1.0)
    for passes, mode in (
        (closeness >= np.quantile(closeness, 0.75), FilterMode.GRAPH),
        (closeness <= np.quantile(closeness, 0.25), FilterMode.EXACT),
    ):
        world = World(pins, policy)
        (found,) = world.fetch([5], PassingRows.of(passes), 200)
        assert world.counted(mode) == 1
        assert found.candidates.rows.tolist() == nearest(pins, 5, passes, 200)


def test_filtered_lists_are_never_cached() -> None:
    """What the cache holds afterwards is the medoid's unfiltered list, or nothing."""
    pins = cloud(1_000)
    passes = np.arange(1_000) % 5 == 0
    for mode, policy in WAYS.items():
        world = World(pins, policy)
        world.fetch([3], PassingRows.of(passes), 50)
        (entry,) = world.cache.get_each(pins.version, [3], 1)
        if mode is FilterMode.OVER_FETCH:
            assert entry is not None
            assert entry.rows.tolist() == pins.search(pins.embeddings[3:4], 1_000, ef_search=1)[1][0].tolist()
        else:
            assert entry is None


def test_a_cached_list_serves_a_filter_that_passes_enough_of_it() -> None:
    """Also one that passes little of the pool: nothing is searched then, and the answer is a cache hit."""
    pins = cloud(6_000, 4)
    closeness = pins.embeddings.astype(np.float32) @ pins.embeddings[9].astype(np.float32)
    passes = closeness >= np.quantile(closeness, 0.95)
    world = World(pins)
    world.retrieval.fetch([("p9", 9)], at_least=200, deadline=Deadline())
    (found,) = world.fetch([9], PassingRows.of(passes), 200)
    assert found.cache_hit
    assert world.counted(FilterMode.OVER_FETCH) == 1
    assert found.candidates.rows.tolist() == nearest(pins, 9, passes, 200)


def test_no_search_begins_after_the_deadline() -> None:
    """The caller is gone."""
    world = World(cloud(100), WAYS[FilterMode.EXACT])
    medoids, passing = [("p1", 1)], PassingRows.of(np.arange(100) < 50)
    with pytest.raises(DeadlineExpiredError):
        world.filtering.fetch(medoids, passing, at_least=10, with_spread=False, deadline=Deadline(0.0))


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_a_bitmap_says_of_every_row_whether_it_passes(passes: list[bool]) -> None:
    """Rows that are not indexed do not."""
    passing = PassingRows.of(np.array(passes))
    rows = np.arange(len(passes) + 20)
    assert passing.among(rows).tolist() == passes + [False] * 20
    assert passing.rows().tolist() == np.flatnonzero(passes).tolist()
    assert passing.count == sum(passes)
    assert passing.share == pytest.approx(np.mean(passes))


def test_who_passes_is_found_out_once() -> None:
    """The same conditions in another order are the same filter; what does not fit the budget is not kept."""
    registry = CollectorRegistry()
    pins = cloud(90)
    cache = PassingCache(pins, Metrics(registry))
    red = cache.passing(Filter((AnyOf("colour", ("red", "green")),)))
    assert red.count == 60
    assert cache.passing(Filter((AnyOf("colour", ("green", "red")),))) is red
    assert cache.passing(Filter((NoneOf("colour", ("red", "green")),))).count == 30
    lookups = [
        registry.get_sample_value("pinnersage_filter_lookups_total", {"result": result})
        for result in ("hit", "miss")
    ]
    assert lookups == [1, 2]
    assert 2 * 12 < cache.size_bytes < 2_000
    tiny = PassingCache(pins, Metrics(CollectorRegistry()), budget_bytes=10)
    assert tiny.passing(Filter((AnyOf("colour", ("red",)),))).count == 60
    assert tiny.size_bytes == 0


def test_a_sample_of_the_whole_pool_knows_how_far_to_look() -> None:
    """Of 100 pins every tenth by nearness passes: three that pass lie within the nearest thirty."""
    pins = cloud(100, 3)
    order = np.argsort(-(pins.embeddings.astype(np.float32) @ pins.embeddings[0].astype(np.float32)))
    passes = np.zeros(100, np.bool_)
    passes[order[9::10]] = True
    probed = Probe(pins).look(pins.embeddings[:1])
    assert probed.reach(PassingRows.of(passes), 3).tolist() == [30]
    assert probed.reach(PassingRows.of(passes), 11).tolist() == [100]
    assert probed.depth(np.array([1.1], np.float32)).tolist() == [0]
