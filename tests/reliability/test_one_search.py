"""RELIABILITY 6: a thousand callers who miss the same medoid cost one search, whoever leads it."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.ports import Ports
from server.serving import RunningServer
from storage.errors import StoreUnavailableError
from storage.pins.memory import InMemoryPins
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from tests.reliability.servers import channel_to, code_of
from tests.reliability.shares import seeds
from tests.server.conftest import settings
from tests.server.world import describe, make_profile
from tests.storage.pins import worlds
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_ROUNDS, _CALLS, _THREADS = 100, 1_000, 64
_OK, _FAILED, _CANCELLED = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED

Answers: TypeAlias = "list[grpc.Future[pb.RecommendResponse]]"


class GatedPins(InMemoryPins):
    """Holds whoever searches while it is shut, fails one search when told to, and counts them."""

    def __init__(self) -> None:
        world = worlds.cloud(_ROUNDS, describe().embedding_space.dimension)
        ids = [f"p{row}" for row in range(_ROUNDS)]
        super().__init__(ids, world.rows.embeddings, embedding_space=describe().embedding_space)
        self.opened = threading.Event()
        self.searches, self.fails_next = 0, False

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self.searches += 1
        assert self.opened.wait(HANG_S)
        if self.fails_next:
            self.fails_next = False
            raise StoreUnavailableError("this search fails")
        return super().search(queries, k, ef_search=ef_search)


class Crowd(InMemoryProfiles):
    """As many users as anybody asks for: whoever is called `p7/...` likes the pin p7."""

    def __init__(self) -> None:
        super().__init__(
            describe(), profiles=[make_profile(f"p{row}", {f"p{row}": 1.0}) for row in range(_ROUNDS)]
        )

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        return super().read(user_id.partition("/")[0], held)


class Round:
    """A server of which nothing was asked yet about a pin, and a thousand users who like it.

    Args:
        pin_id: The pin.
        pins: Shut.
        server: Of these.
        channel: To it.
    """

    def __init__(self, pin_id: str, pins: GatedPins, server: RunningServer, channel: grpc.Channel) -> None:
        self.pins, self._server, self._stub = pins, server, RecommenderStub(channel)
        self._users = (f"{pin_id}/{number}" for number in itertools.count())
        self._searches, self._joins = pins.searches, self._n_joins()
        pins.opened.clear()

    def ask(self, n: int) -> Answers:
        """So many calls, each of another user."""
        requests = [pb.RecommendRequest(user_id=next(self._users), max_candidates=5) for _ in range(n)]
        return [self._stub.Recommend.future(request, timeout=HANG_S) for request in requests]

    @property
    def searches(self) -> int:
        """Those of this round."""
        return self.pins.searches - self._searches

    def wait_for_search(self) -> None:
        """Wait until somebody leads."""
        wait_until(lambda: self.searches == 1)

    def wait_for_joins(self) -> None:
        """Wait until every thread but the leader's waits for the same search."""
        wait_until(lambda: self._n_joins() - self._joins == _THREADS - 1)

    def _n_joins(self) -> float:
        return self._server.registry.get_sample_value("pinnersage_single_flight_joins_total") or 0.0


@pytest.fixture
def rounds() -> Iterator[Iterator[Round]]:
    with _rounds() as each:
        yield each


@contextmanager
def _rounds() -> Iterator[Iterator[Round]]:
    pins = GatedPins()
    pins.opened.set()
    chosen = settings(
        threads=_THREADS, queued=2 * _CALLS, streams=2 * _CALLS, recall_share=0, observed_share=0
    )
    server = wire_server(pins, Crowd(), chosen)
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with channel_to(f"127.0.0.1:{port}") as channel:
        yield (Round(f"p{seed}", pins, server, channel) for seed in seeds(_ROUNDS))
    server.stop(grace_s=1)


def codes(calls: Answers) -> Counter[grpc.StatusCode]:
    """How they ended."""
    return Counter(map(code_of, calls))


def test_a_thousand_cold_calls_cost_one_search(rounds: Iterator[Round]) -> None:
    """Those that wait for it and those that come after it."""
    for each in rounds:
        calls = each.ask(_CALLS)
        each.wait_for_joins()
        each.pins.opened.set()
        assert codes(calls) == {_OK: _CALLS}
        assert each.searches == 1
        assert len({call.result().candidates[0].pin_id for call in calls}) == 1


def test_a_leader_that_fails_costs_those_who_waited_one_error(rounds: Iterator[Round]) -> None:
    """Each of them once; everybody after that is served by the next search."""
    for each in rounds:
        each.pins.fails_next = True
        calls = each.ask(_CALLS)
        each.wait_for_joins()
        each.pins.opened.set()
        assert codes(calls) == {_FAILED: _THREADS, _OK: _CALLS - _THREADS}
        assert each.searches == 2


def test_a_leader_that_is_cancelled_costs_nobody_else_anything(rounds: Iterator[Round]) -> None:
    """Its search goes on for those who joined."""
    for each in rounds:
        (leader,) = each.ask(1)
        each.wait_for_search()
        others = each.ask(_CALLS - 1)
        each.wait_for_joins()
        assert leader.cancel()
        each.pins.opened.set()
        assert codes(others) == {_OK: _CALLS - 1}
        assert codes([leader]) == {_CANCELLED: 1}
        assert each.searches == 1
