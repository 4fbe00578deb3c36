"""Retrieval: one search per missing medoid, whoever asks, and nothing poisoned by a failure."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from model.fusing import SPREAD_OVER, spread_of
from server.candidate_cache import CandidateCache
from server.deadlines import Deadline
from server.errors import DeadlineExpiredError
from server.metrics import Metrics
from server.retrieval import TIERS, Retrieval, tier
from storage.pins.memory import InMemoryPins
from tests.server.world import SPACE, fan, make_pins
from tests.waiting import HANG_S, wait_until

N_CALLERS = 32


class SlowPins(InMemoryPins):
    """Counts searches, and holds each until it is let go."""

    def __init__(self) -> None:
        super().__init__([f"pin-{i}" for i in range(300)], fan(0, 300), embedding_space=SPACE)
        self.searched: list[tuple[int, int]] = []  # queries and k of each search
        self.let_go = threading.Event()
        self.begun = threading.Event()
        self.error: Exception | None = None

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self.searched.append((len(queries), k))
        self.begun.set()
        assert self.let_go.wait(HANG_S)
        if self.error is not None:
            raise self.error
        return super().search(queries, k, ef_search=ef_search)


@pytest.fixture
def pins() -> SlowPins:
    return SlowPins()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def retrieval(pins: SlowPins, metrics: Metrics) -> Retrieval:
    return Retrieval(pins, CandidateCache(10_000_000), ef_search=64, perplexity=325.0, metrics=metrics)


def fetch(
    retrieval: Retrieval, rows: Sequence[int], at_least: int = 10, deadline: Deadline | None = None
) -> list[str]:
    found = retrieval.fetch(
        [(f"pin-{row}", row) for row in rows], at_least=at_least, deadline=deadline or Deadline()
    )
    return ["hit" if each.cache_hit else "miss" for each in found]


def wait_for_joins(metrics: Metrics, joins: int) -> None:
    """Until so many callers wait for another's search."""
    wait_until(
        lambda: metrics.registry.get_sample_value("pinnersage_single_flight_joins_total") == joins,
        lambda: f"not {joins} joins",
    )


def test_concurrent_misses_cost_one_search(pins: SlowPins, retrieval: Retrieval, metrics: Metrics) -> None:
    """Any number of callers that miss the same medoid at once are served by a single search."""
    with ThreadPoolExecutor(N_CALLERS) as pool:
        calls = [pool.submit(fetch, retrieval, [0]) for _ in range(N_CALLERS)]
        wait_for_joins(metrics, N_CALLERS - 1)
        pins.let_go.set()
        outcomes = [call.result(HANG_S) for call in calls]

    assert outcomes == [["miss"]] * N_CALLERS
    assert pins.searched == [(1, TIERS[0])]
    assert fetch(retrieval, [0]) == ["hit"]


def test_a_calls_misses_are_one_search(pins: SlowPins, retrieval: Retrieval) -> None:
    """Three missing medoids cost one search of three queries; only what is missing is searched."""
    pins.let_go.set()
    fetch(retrieval, [0, 1, 2])
    outcome = fetch(retrieval, [1, 7])

    assert pins.searched == [(3, TIERS[0]), (1, TIERS[0])]
    assert outcome == ["hit", "miss"]


def test_a_failed_leader_fails_its_waiters_once(
    pins: SlowPins, retrieval: Retrieval, metrics: Metrics
) -> None:
    """The error reaches those who wait for it; the next caller searches anew and is served."""
    pins.error = MemoryError("no room for the search")
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(fetch, retrieval, [0]) for _ in range(4)]
        wait_for_joins(metrics, 3)
        pins.let_go.set()
        errors = [call.exception(HANG_S) for call in calls]

    assert [type(error) for error in errors] == [MemoryError] * 4
    assert len(pins.searched) == 1
    pins.error = None
    assert fetch(retrieval, [0]) == ["miss"]


def test_a_waiter_gives_up_at_its_own_deadline(pins: SlowPins, retrieval: Retrieval) -> None:
    """A caller whose deadline passes while another searches gives up; the leader is served all the same."""

    class Soon(Deadline):
        """In time for every stage, and over as soon as somebody waits."""

        def check(self, stage: str) -> None: ...

        def remaining_s(self) -> float:
            return 0.01

    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(fetch, retrieval, [0])
        assert pins.begun.wait(HANG_S)
        with pytest.raises(DeadlineExpiredError, match="another call searched for the same medoid"):
            fetch(retrieval, [0], deadline=Soon())
        pins.let_go.set()
        assert leader.result(HANG_S) == ["miss"]


def test_no_search_begins_after_the_deadline(pins: SlowPins, retrieval: Retrieval) -> None:
    """A call that is already late is refused before it searches, unless the cache has all it needs."""
    pins.let_go.set()
    fetch(retrieval, [0])

    with pytest.raises(DeadlineExpiredError, match="'retrieve'"):
        fetch(retrieval, [1], deadline=Deadline(-1))
    assert fetch(retrieval, [0], deadline=Deadline(-1)) == ["hit"]
    assert len(pins.searched) == 1


def test_a_wider_wish_replaces_the_narrower_list(pins: SlowPins, retrieval: Retrieval) -> None:
    """A list of 200 does not serve 201; the list of 400 fetched then serves both."""
    pins.let_go.set()
    fetch(retrieval, [0], at_least=200)

    assert fetch(retrieval, [0], at_least=201) == ["miss"]
    assert pins.searched == [(1, 200), (1, 400)]
    assert fetch(retrieval, [0], at_least=200) == fetch(retrieval, [0], at_least=400) == ["hit"]


def test_a_list_of_the_whole_pool_serves_any_wish(pins: SlowPins, retrieval: Retrieval) -> None:
    """When the pool has no more than the list holds, nothing wider is ever searched for."""
    pins.let_go.set()
    fetch(retrieval, [0], at_least=400)

    assert fetch(retrieval, [0], at_least=3_200) == ["hit"]


def test_a_medoid_is_spread_over_others_than_itself_and_its_twins(metrics: Metrics) -> None:
    """Whichever of two near-duplicates was saved: neither comes back, and so neither counts."""
    pins = make_pins()
    retrieval = Retrieval(pins, CandidateCache(10_000_000), ef_search=64, perplexity=60.0, metrics=metrics)
    medoids = [(pin_id, pins.row(pin_id)) for pin_id in ("cat-1", "cat-twin")]
    itself, twin = (
        each.candidates for each in retrieval.fetch(medoids, at_least=SPREAD_OVER, deadline=Deadline())
    )
    others = itself.scores[itself.rows != pins.row("cat-1")]

    assert len(others) == len(itself) - 1
    assert itself.spread == pytest.approx(spread_of(others[np.newaxis], 60.0).each()[0])
    assert twin.spread == itself.spread


def test_a_list_keeps_no_other_lists_arrays_alive(pins: SlowPins, retrieval: Retrieval) -> None:
    """What a cached list weighs is all it holds: it is no view of the search it came from."""
    pins.let_go.set()
    both = retrieval.fetch([("pin-0", 0), ("pin-1", 1)], at_least=10, deadline=Deadline())

    assert [(each.candidates.rows.base, each.candidates.scores.base) for each in both] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("at_least", "k"), [(1, 200), (200, 200), (201, 400), (1_000, 1_600), (9_999, 6_400)]
)
def test_misses_fetch_in_tiers(at_least: int, k: int) -> None:
    """A miss fetches the smallest tier that holds what is asked for, the widest at most."""
    assert tier(at_least) == k
