"""Under pressure missing lists cost less, and every answer made of such a list says so."""

import threading

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.candidate_cache import CandidateCache
from server.deadlines import Deadline
from server.errors import StartError
from server.filtering import FilteredRetrieval
from server.joining import put_in
from server.merging import Selection
from server.metrics import Metrics
from server.metrics_catalogue import FilterMode
from server.ports import Ports
from server.pressure import Pressure, PressurePolicy
from server.retrieval import Retrieval
from storage.pins.filters import AnyOf, Filter
from storage.pins.memory import InMemoryPins
from tests.server.conftest import settings
from tests.server.test_filtering import WAYS, cloud
from tests.server.world import SPACE, default_people, fan, make_pins
from tests.waiting import HANG_S, wait_until

USUAL_EF, LOWER_EF, CALM_S = 64, 16, 1.0
POLICY = PressurePolicy(ef_search=LOWER_EF, queued=3, calm_s=CALM_S)
LOWERED = [pb.DEGRADATION_LOWER_EF_SEARCH]


class Queue:
    """So many calls wait, and it is so late, as a test says."""

    def __init__(self) -> None:
        self.length, self.now_s = 0, 100.0

    def pressure(self, policy: PressurePolicy = POLICY) -> Pressure:
        return Pressure(policy, lambda: self.length, clock=lambda: self.now_s)


class NotedPins(InMemoryPins):
    """Notes the efSearch of each search, and holds searches while it is shut."""

    def __init__(self) -> None:
        super().__init__([f"pin-{i}" for i in range(900)], fan(0, 900), embedding_space=SPACE)
        self.efs: list[int] = []

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self.efs.append(ef_search)
        return super().search(queries, k, ef_search=ef_search)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def pins() -> NotedPins:
    return NotedPins()


@pytest.fixture
def retrieval(pins: NotedPins, queue: Queue) -> Retrieval:
    return Retrieval(
        pins,
        CandidateCache(10_000_000),
        ef_search=USUAL_EF,
        perplexity=325.0,
        metrics=Metrics(CollectorRegistry()),
        pressure=queue.pressure(),
    )


def fetched(retrieval: Retrieval, row: int, at_least: int = 200) -> tuple[bool, bool]:
    """Whether the list was in the cache, and whether it is of a lower efSearch."""
    (found,) = retrieval.fetch([(f"pin-{row}", row)], at_least=at_least, deadline=Deadline())
    return found.cache_hit, found.candidates.lowered


def test_pressure_begins_with_the_queue_and_ends_after_a_calm(queue: Queue) -> None:
    """At once when enough calls wait; over when so few have waited for as long as the policy says."""
    pressure = queue.pressure()
    seen = []
    for queue.now_s, queue.length in ((0.0, 2), (1.0, 3), (1.5, 0), (1.9, 5), (2.8, 0), (2.9, 0)):
        seen.append(pressure.ef_search)

    assert seen == [None, LOWER_EF, LOWER_EF, LOWER_EF, LOWER_EF, None]


def test_without_a_lower_ef_there_is_no_pressure(queue: Queue) -> None:
    """However many wait."""
    queue.length = 1_000
    assert queue.pressure(PressurePolicy()).ef_search is None


def test_only_misses_are_lowered(queue: Queue, pins: NotedPins, retrieval: Retrieval) -> None:
    """What is in the cache is as good as ever under pressure, and nothing is searched for twice."""
    assert fetched(retrieval, 0) == (False, False)
    queue.length = 3

    assert fetched(retrieval, 0) == (True, False)
    assert fetched(retrieval, 1) == (False, True)
    assert fetched(retrieval, 1) == (True, True)
    assert pins.efs == [USUAL_EF, LOWER_EF]


def test_a_lowered_list_serves_under_pressure_only(
    queue: Queue, pins: NotedPins, retrieval: Retrieval
) -> None:
    """Afterwards it is searched for as usual, and the better list stays."""
    queue.length = 3
    fetched(retrieval, 1)
    queue.length, queue.now_s = 0, queue.now_s + CALM_S

    assert fetched(retrieval, 1) == (False, False)
    assert fetched(retrieval, 1) == (True, False)
    queue.length = 3
    assert fetched(retrieval, 1) == (True, False)
    assert pins.efs == [LOWER_EF, USUAL_EF]


def test_lists_are_fetched_wider_under_pressure_too(queue: Queue, retrieval: Retrieval) -> None:
    """An answer stays full, no list is fetched over and over, and the one that was there still is."""
    fetched(retrieval, 0, at_least=200)
    queue.length = 3
    assert fetched(retrieval, 0, at_least=400) == (False, True)
    assert fetched(retrieval, 0, at_least=400) == (True, True)
    assert fetched(retrieval, 0, at_least=200) == (True, False)
    queue.length, queue.now_s = 0, queue.now_s + CALM_S

    assert fetched(retrieval, 0, at_least=200) == (True, False)
    assert fetched(retrieval, 0, at_least=400) == (False, False)
    assert fetched(retrieval, 0, at_least=400) == (True, False)


def test_what_is_made_of_a_lowered_list_is_lowered(queue: Queue) -> None:
    """The part of it that passes a filter, serialised or not; with added pins put in; cut shorter."""
    pins, metrics = cloud(600), Metrics(CollectorRegistry())
    cache = CandidateCache(10_000_000)
    retrieval = Retrieval(
        pins, cache, ef_search=USUAL_EF, perplexity=325.0, metrics=metrics, pressure=queue.pressure()
    )
    filtering = FilteredRetrieval(
        pins, retrieval, ef_search=USUAL_EF, metrics=metrics, policy=WAYS[FilterMode.OVER_FETCH]
    )
    red = filtering.passing(Filter((AnyOf("colour", ("red",)),)))
    assert red is not None
    queue.length = 3
    (part,) = filtering.fetch([("p0", 0)], red, at_least=10, with_spread=False, deadline=Deadline())
    chosen = Selection(np.zeros(1, np.int64), np.zeros(1, np.int64))
    (encoded,), _ = filtering.encoded([("p0", 0)], [part], chosen)
    whole = cache.get_each(pins.version, [0], 0, also_lowered=True)[0]

    assert whole is not None
    assert all(
        each.lowered
        for each in (whole, whole.first(10), put_in(whole, whole, 20), part.candidates, encoded.candidates)
    )


class HeldPins(InMemoryPins):
    """Holds the first search of its life until it is let go."""

    def __init__(self) -> None:
        pins = make_pins()
        rows = np.arange(pins.n_indexed)
        super().__init__(pins.pin_ids(rows), pins.embeddings[rows], embedding_space=SPACE)
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.let_go.set()

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self.begun.set()
        assert self.let_go.wait(HANG_S)
        return super().search(queries, k, ef_search=ef_search)


def test_answers_under_pressure_say_so() -> None:
    """Of whatever method; and a metric counts those for users, so that their share is known."""
    pins = HeldPins()
    chosen = settings(threads=1, queued=8, ef_search=USUAL_EF, pressure_ef_search=LOWER_EF, pressure_queued=1)
    server = wire_server(pins, default_people().store(), chosen)
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = RecommenderStub(channel)
        pins.begun.clear()
        pins.let_go.clear()
        first = stub.SimilarPins.future(pb.SimilarPinsRequest(pin_id="cat-50"), timeout=HANG_S)
        assert pins.begun.wait(HANG_S)
        similar = stub.SimilarPins.future(pb.SimilarPinsRequest(pin_id="cat-0"), timeout=HANG_S)
        ann = stub.Recommend.future(
            pb.RecommendRequest(user_id="ann", max_interests=1, seed=1), timeout=HANG_S
        )
        visitor = stub.RecommendForPins.future(
            pb.RecommendForPinsRequest(pins=[pb.RecentPin(pin_id="cake-9")]), timeout=HANG_S
        )
        wait_until(lambda: server.calls.queued == 3)
        # Who waits behind all of them is the pressure, in whatever order and however late they are answered.
        nobody = stub.Recommend.future(pb.RecommendRequest(user_id="nobody"), timeout=HANG_S)
        wait_until(lambda: server.calls.queued == 4)
        pins.let_go.set()

        assert similar.result().degraded == ann.result().degraded == visitor.result().degraded == LOWERED
        assert not first.result().degraded
        assert not nobody.result().degraded
    counted = server.registry.get_sample_value(
        "pinnersage_degraded_answers_total", {"degradation": "lower_ef_search"}
    )
    assert counted == 2
    server.stop(grace_s=1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ef_search": 64, "pressure_ef_search": 64}, "--pressure-ef-search 64 lowers nothing"),
        (
            {"pressure_ef_search": 64, "pressure_queued": 129},
            "--pressure-queued 129 is never reached: at most 128 calls may wait",
        ),
    ],
)
def test_settings_without_effect_are_refused(changes: dict[str, object], said: str) -> None:
    """Whoever thinks that the server gives way under load, and is wrong, learns it when it starts."""
    with pytest.raises(StartError, match=said):
        settings(**changes)
