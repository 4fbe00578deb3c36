"""RELIABILITY 4: a rolling restart loses no call of those who leave a server that drains."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from tests.reliability.served_world import publish_pins, publish_profiles
from tests.reliability.servers import PAUSE_S, Load, Server, channel_to, going_on, serving
from tests.reliability.shares import SHARE, seeds
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_CALLERS = 4
# Of one server's end, before it and after it.
_CALLS = 2_500
_LOOK_S = 0.05
# A server that drains is told when everybody has left it: how long that takes is not what is tested.
_FLAGS = ("--port", "0", "--connection-age-s", "1", "--drain-s", str(HANG_S), "--grace-s", "10")
# Of one worker: each start of several takes as long as all the rest.
_OF_WORKERS = ("--workers", "2" if SHARE >= 0.1 else "1")


class Balancer:
    """Sends each call to one of the servers whose health said SERVING when it was last asked.

    Args:
        servers: Now; a test replaces them one by one.
    """

    def __init__(self, servers: list[Server]) -> None:
        self._channels: dict[str, tuple[ExitStack, grpc.Channel]] = {}
        self._serving: list[str] = []
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.addresses = [server.address for server in servers]
        self.look()

    def look(self) -> None:
        """Ask everybody's health."""
        # Replaced meanwhile by whoever replaces a server.
        addresses = self.addresses
        for address in addresses:
            if address not in self._channels:
                stack = ExitStack()
                self._channels[address] = stack, stack.enter_context(channel_to(address))
        serving = [address for address in addresses if self._is_serving(address)]
        with self._lock:
            self._serving = serving

    @contextmanager
    def stub(self, at: int) -> Iterator[RecommenderStub]:
        """For one call."""
        with self._lock:
            address = self._serving[at % len(self._serving)]
            self._under_way[address] += 1
        try:
            yield RecommenderStub(self._channels[address][1])
        finally:
            with self._lock:
                self._under_way[address] -= 1

    def has_left(self, address: str) -> bool:
        """Whether no call is under way there, nor will be."""
        with self._lock:
            return address not in self._serving and not self._under_way[address]

    def close(self) -> None:
        """Hang up."""
        for stack, _ in self._channels.values():
            stack.close()

    def _is_serving(self, address: str) -> bool:
        stub = health_pb2_grpc.HealthStub(self._channels[address][1])
        try:
            status = stub.Check(health_pb2.HealthCheckRequest(), timeout=HANG_S).status
        except grpc.RpcError:
            return False
        return bool(status == health_pb2.HealthCheckResponse.SERVING)


@contextmanager
def balanced_load(balancer: Balancer) -> Iterator[Load]:
    """Calls through the balancer, and the balancer's own looks, as long as the block lasts."""
    load = Load()

    def call(at: int, done: threading.Event) -> None:
        while not done.wait(PAUSE_S):
            with balancer.stub(at) as stub:
                load.call(stub, at)
            at += 1

    def look(done: threading.Event) -> None:
        while not done.wait(_LOOK_S):
            balancer.look()

    with going_on([look, *(partial(call, at) for at in range(_CALLERS))]):
        yield load


def test_a_rolling_restart_loses_nothing(tmp_path: Path, tally: Counter[tuple[str, ...]]) -> None:
    """One of two servers drains and ends, another takes its place: over and over, and no call fails."""
    publish_pins(tmp_path / "pins", "first")
    publish_profiles(tmp_path / "profiles", "first")
    n_calls = _CALLS if SHARE >= 0.1 else _CALLS // 10
    with ExitStack() as running:
        servers = [running.enter_context(serving(tmp_path, *_FLAGS, *_OF_WORKERS)) for _ in range(2)]
        for server in servers:
            wait_until_served(server)
        balancer = Balancer(servers)
        running.callback(balancer.close)
        with balanced_load(balancer) as load:
            for seed in seeds(20):
                load.wait_for(n_calls)
                old = servers.pop(0)
                old.process.send_signal(signal.SIGTERM)
                old.wait_for("draining", int(_OF_WORKERS[-1]))
                wait_until(partial(balancer.has_left, old.address), old.said)
                # A second signal ends the drain.
                assert old.end() == 0, f"seed {seed}"
                servers.append(running.enter_context(serving(tmp_path, *_FLAGS, *_OF_WORKERS)))
                wait_until_served(servers[-1])
                balancer.addresses = [server.address for server in servers]
                load.wait_for(n_calls)
                assert load.failed == {}, f"seed {seed}: {load.told}"
                tally["servers", "restarted"] += 1
        assert load.failed == {}, load.told
        tally["calls", "answered"] += load.answered.total()


def wait_until_served(server: Server) -> None:
    """By all of its workers."""
    server.wait_for("serving", int(_OF_WORKERS[-1]))


def test_connections_that_grow_old_lose_nothing(tmp_path: Path) -> None:
    """Connections end three times a second, under load: no call fails; and a drain ends by itself."""
    publish_pins(tmp_path / "pins", "first")
    publish_profiles(tmp_path / "profiles", "first")
    with serving(tmp_path, *_FLAGS, "--connection-age-s", "0.3", "--drain-s", "0.5") as server:
        balancer = Balancer([server])
        with balanced_load(balancer) as load:
            for _ in seeds(100):
                load.wait_for(400)
        balancer.close()
        assert load.failed == {}, load.told
        assert server.end() == 0
