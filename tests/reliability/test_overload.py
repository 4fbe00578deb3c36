"""RELIABILITY 7, 8, 9, 27: too many calls, slow stores, and retries: bounded, shed, and never too late."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from pinnersage.client import Client, ResourceExhaustedError, Retries
from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.ports import Ports
from server.serving import RunningServer
from storage.pins.memory import InMemoryPins
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from tests.reliability.servers import channel_to
from tests.reliability.shares import SHARE, chance, seeds
from tests.server.conftest import settings
from tests.server.world import default_people, describe, make_pins, make_profile
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_THREADS, _QUEUED = 4, 12
_CAP = _THREADS + _QUEUED
_LATE_S = 0.02
_USERS = tuple(f"user-{at}" for at in range(5_000))
_next_user = itertools.cycle(_USERS)
_DONE = {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


class GatedStore(InMemoryProfiles):
    """Holds whoever reads a user while it is shut, and knows the most that ever read at a time."""

    def __init__(self) -> None:
        super().__init__(describe(), profiles=[make_profile(user, {"cat-0": 1.0}) for user in _USERS])
        self.opened, self._lock = threading.Event(), threading.Lock()
        self.inside = self.most = 0

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        if not threading.current_thread().name.startswith("call"):
            # What goes on beside the calls is not theirs.
            return super().read(user_id, held)
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self.opened.wait(HANG_S)
        with self._lock:
            self.inside -= 1
        return super().read(user_id, held)


class CountedPins(InMemoryPins):
    """Counts searches."""

    searches = 0

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        type(self).searches += 1
        return super().search(queries, k, ef_search=ef_search)


@contextmanager
def serving(
    store: InMemoryProfiles, pins: InMemoryPins | None = None, **changes: object
) -> Iterator[tuple[RunningServer, str]]:
    """A server of few threads and places to wait, and its address."""
    chosen = settings(**({"threads": _THREADS, "queued": _QUEUED} | changes))
    server = wire_server(pins or make_pins(), store, chosen)
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    yield server, f"127.0.0.1:{port}"
    server.stop(grace_s=1)


def ask(
    channel: grpc.Channel, n: int, timeout_s: float = HANG_S
) -> "list[grpc.Future[pb.RecommendResponse]]":
    """So many calls at once, none of which is waited for."""
    stub = RecommenderStub(channel)
    # Each of another user: none is known from a call before.
    users = [next(_next_user) for _ in range(n)]
    return [stub.Recommend.future(pb.RecommendRequest(user_id=user), timeout=timeout_s) for user in users]


def codes(calls: "list[grpc.Future[pb.RecommendResponse]]") -> Counter[grpc.StatusCode]:
    """How they ended."""
    found: Counter[grpc.StatusCode] = Counter()
    for call in calls:
        error = call.exception(HANG_S)
        assert error is None or isinstance(error, grpc.RpcError)
        found[grpc.StatusCode.OK if error is None else error.code()] += 1
    return found


def test_the_cap_holds(tally: Counter[tuple[str, ...]]) -> None:
    """Waves of twenty times the cap: the threads at work, the queue full, and the rest told to go."""
    store = GatedStore()
    with serving(store, streams=10_000) as (server, address), channel_to(address) as channel:
        for _ in seeds(1_000):
            store.opened.clear()
            calls = ask(channel, 20 * _CAP)
            while sum(call.done() for call in calls) < 19 * _CAP:
                assert server.calls.in_flight <= _CAP
                time.sleep(0.01)
            store.opened.set()
            assert codes(calls) == {
                grpc.StatusCode.OK: _CAP,
                grpc.StatusCode.RESOURCE_EXHAUSTED: 19 * _CAP,
            }
            assert server.calls.wait_until_idle(HANG_S)
            tally["calls", "answered"] += _CAP
            tally["calls", "turned away"] += 19 * _CAP
    assert store.most == _THREADS


def test_overload_is_survived(tally: Counter[tuple[str, ...]]) -> None:
    """Callers without limits get answers or are told to go, and afterwards all is as before."""
    store = default_people().store()
    with serving(store, streams=10_000) as (server, address), channel_to(address) as channel:
        for _ in seeds(300):
            met = codes(ask(channel, 500))
            assert set(met) <= _DONE
            assert met[grpc.StatusCode.OK] >= _CAP
            for code, n in met.items():
                tally["calls", code.name] += n
        assert server.calls.wait_until_idle(HANG_S)
        assert codes(ask(channel, 1)) == {grpc.StatusCode.OK: 1}


def test_callers_who_respect_streams_are_never_turned_away(tally: Counter[tuple[str, ...]]) -> None:
    """Many more calls than two connections may have at a time: they wait at the caller's."""
    store = default_people().store()
    with (
        serving(store, streams=_QUEUED // 2) as (_, address),
        channel_to(address) as first,
        channel_to(address) as second,
    ):
        for _ in seeds(100):
            calls = [*ask(first, 200), *ask(second, 200)]
            assert codes(calls) == {grpc.StatusCode.OK: 400}
            tally["calls", "answered"] += 400


def test_deadlines_hold_while_the_store_is_paused(tally: Counter[tuple[str, ...]]) -> None:
    """Nobody waits much longer than they said; nothing is searched for those who have left."""
    store = GatedStore()
    pins = CountedPins(*_parts(), embedding_space=describe().embedding_space)
    with serving(store, pins) as (server, address), channel_to(address) as channel:
        searches_at_start = CountedPins.searches
        for seed in seeds(100):
            store.opened.clear()
            draw = chance("deadline", seed)
            with ThreadPoolExecutor(_CAP) as callers:
                late = list(
                    callers.map(_lateness_s, [(channel, draw.uniform(0.001, 0.2)) for _ in range(_CAP)])
                )
            tally["calls", "in time"] += sum(each <= _LATE_S for each in late)
            tally["calls", "late"] += sum(each > _LATE_S for each in late)
            # Of whoever left the server learns a moment later than they do.
            wait_until(lambda: not server.calls._open)
            store.opened.set()
            assert server.calls.wait_until_idle(HANG_S)
        assert CountedPins.searches == searches_at_start
        assert codes(ask(channel, 1)) == {grpc.StatusCode.OK: 1}
    if SHARE == 1:
        assert tally["calls", "late"] <= 0.01 * tally.total()


def _parts() -> tuple[list[str], NDArray[np.float16]]:
    pins = make_pins()
    rows = np.arange(pins.n_indexed)
    return pins.pin_ids(rows), pins.embeddings[rows]


def _lateness_s(call: tuple[grpc.Channel, float]) -> float:
    """Of a call that nobody can answer: it waits in vain, or learns at once that it would."""
    channel, timeout_s = call
    began_s = time.monotonic()
    assert set(codes(ask(channel, 1, timeout_s))) <= {
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
    return time.monotonic() - began_s - timeout_s


def test_who_is_turned_away_is_not_sent_again() -> None:
    """Our client leaves a server in peace that sheds: one attempt a call."""
    store = GatedStore()
    with serving(store, threads=1, queued=0) as (server, address), channel_to(address) as channel:
        held = ask(channel, 1)
        while not store.inside:
            time.sleep(0.01)
        with Client(address, retries=Retries(max_attempts=5)) as client:
            for _ in seeds(2_000):
                with pytest.raises(ResourceExhaustedError, match="come back later"):
                    client.recommend("user-0", timeout_s=HANG_S)
        shed = server.registry.get_sample_value(
            "grpc_server_handled_total",
            {
                "grpc_type": "unary",
                "grpc_service": "pinnersage.v1.Recommender",
                "grpc_method": "Recommend",
                "grpc_code": "ResourceExhausted",
            },
        )
        assert shed == len(list(seeds(2_000)))
        store.opened.set()
        assert codes(held) == {grpc.StatusCode.OK: 1}
