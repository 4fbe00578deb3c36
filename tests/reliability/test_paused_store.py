"""RELIABILITY 9, of a real store that stands still: nobody waits longer than said, nothing is searched."""

import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from tests.ports import free_port
from tests.reliability.served_world import N_PINS, publish_pins, publish_users
from tests.reliability.servers import channel_to, serving
from tests.reliability.shares import SHARE, chance, seeds
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_ROUNDS, _CALLERS = 100, 16
_LATE_S = 0.02
# Who would wait in vain for a thread is told so at once.
_MAY_END = {
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
_SEARCHES, _IN_FLIGHT = 'pinnersage_stage_seconds_count{stage="search"}', "pinnersage_calls_in_flight"


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.stop()


def users_of(kind: str) -> Iterator[str]:
    """Those whom no call asked for yet."""
    return (f"{kind}-{number:05}" for number in range(_ROUNDS * _CALLERS))


def n_searches(metrics_port: int) -> float:
    """How many the server has made, once no call is under way in it."""
    counted: dict[str, float] = {}

    def is_idle() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=HANG_S) as page:
            lines = [line for line in page.read().decode().splitlines() if not line.startswith("#")]
        counted.update((name, float(value)) for name, _, value in (line.rpartition(" ") for line in lines))
        return counted[_IN_FLIGHT] == 0

    wait_until(is_idle)
    return counted[_SEARCHES]


def lateness_s(stub: RecommenderStub, user: str, timeout_s: float, ended: Counter[grpc.StatusCode]) -> float:
    """How much later than at the deadline the caller went on; less than 0 before it."""
    began_s = time.monotonic()
    try:
        stub.Recommend(pb.RecommendRequest(user_id=user, max_candidates=5), timeout=timeout_s)
        ended[grpc.StatusCode.OK] += 1
    except grpc.RpcError as error:
        ended[error.code()] += 1
    return time.monotonic() - began_s - timeout_s


def test_deadlines_hold_while_the_store_stands_still(
    tmp_path: Path, valkey: Valkey, tally: Counter[tuple[str, ...]]
) -> None:
    """Deadlines of 1 to 200 ms, beside the same calls while the store is well."""
    url = valkey.url(options="timeout_ms=100")
    names = {kind: [*users_of(kind)] for kind in ("paused", "well")}
    publish_pins(tmp_path / "pins", "first")
    # What those like for whom the store is well is another half of the pins: no list is in the cache.
    likes = {
        user: (f"p{at % (N_PINS // 2) + half * N_PINS // 2}",)
        for half, users in enumerate(names.values())
        for at, user in enumerate(users)
    }
    publish_users(url, likes)
    metrics_port = free_port()
    flags = ("--port", "0", "--drain-s", "0", "--profiles", url, "--metrics-port", str(metrics_port))
    with (
        serving(tmp_path, *flags) as server,
        channel_to(server.address) as channel,
        ThreadPoolExecutor(_CALLERS) as callers,
    ):
        stub = RecommenderStub(channel)

        def wave(kind: str, seed: int) -> Counter[grpc.StatusCode]:
            draw, ended = chance("deadline", seed), Counter[grpc.StatusCode]()
            chosen = names[kind][seed * _CALLERS :][:_CALLERS]
            each = [(user, draw.uniform(0.001, 0.2)) for user in chosen]
            for late_s in callers.map(lambda of: lateness_s(stub, of[0], of[1], ended), each):
                tally[kind, "late" if late_s > _LATE_S else "in time"] += 1
            return ended

        at_start = n_searches(metrics_port)
        for seed in seeds(_ROUNDS):
            wave("well", seed)
            before = n_searches(metrics_port)
            with valkey.paused():
                ended = wave("paused", seed)
                assert n_searches(metrics_port) == before, f"seed {seed}"
            assert set(ended) <= _MAY_END, f"seed {seed}"
            wait_until(lambda: _is_answered(stub, "paused-00000"))
        assert n_searches(metrics_port) > at_start
    if SHARE == 1:
        # What the machine does to calls of a store that is well, it does to these too.
        assert tally["paused", "late"] <= 0.01 * _ROUNDS * _CALLERS + tally["well", "late"]


def _is_answered(stub: RecommenderStub, user: str) -> bool:
    try:
        return bool(stub.Recommend(pb.RecommendRequest(user_id=user), timeout=HANG_S).candidates)
    except grpc.RpcError:
        return False
