"""RELIABILITY 23: ready means ready, and a store that goes away is no reason to call a server dead."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from storage.pins.artefact import pin_versions
from tests.ports import free_port
from tests.reliability.served_world import USERS, publish_pins, publish_profiles, publish_users
from tests.reliability.servers import Server, channel_to, serving
from tests.reliability.shares import seeds
from tests.storage.profiles.valkeys import Valkey
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.reliability

_SERVING = health_pb2.HealthCheckResponse.SERVING
_LOOK_S = 0.01


@pytest.fixture
def port() -> int:
    """Known before there is a server."""
    return free_port()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """One that keeps what it acknowledged."""
    server = Valkey(tmp_path)
    yield server
    with suppress(Exception):
        server.stop()


def is_closed(port: int) -> bool:
    """Whether nobody takes connections there."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def without_pins(world: Path) -> tuple[str, ...]:
    (world / "pins").mkdir()
    publish_profiles(world / "profiles", "good")
    return ()


def with_damaged_pins(world: Path) -> tuple[str, ...]:
    publish_profiles(world / "profiles", "good")
    index = pin_versions(world / "pins").root / publish_pins(world / "pins", "bad") / "hnsw.faiss"
    content = bytearray(index.read_bytes())
    content[len(content) // 2] ^= 1
    index.chmod(0o644)
    index.write_bytes(content)
    return ()


def without_profiles(world: Path) -> tuple[str, ...]:
    publish_pins(world / "pins", "good")
    return ()


def without_store(world: Path) -> tuple[str, ...]:
    publish_pins(world / "pins", "good")
    return ("--profiles", "redis://127.0.0.1:1/0")


@pytest.mark.parametrize(
    ("lack", "told"),
    [
        (without_pins, "index_builder build"),
        (with_damaged_pins, "hnsw.faiss does not match its checksum"),
        (without_profiles, "profile_builder batch"),
        (without_store, "redis://127.0.0.1:1/0 cannot be reached"),
    ],
)
def test_nobody_is_answered_by_a_server_that_cannot_be_ready(
    tmp_path: Path, port: int, lack: object, told: str
) -> None:
    """Of pins or profiles that are missing, damaged or away: it takes no connection, ends, and says why."""
    assert callable(lack)
    server = Server(tmp_path, "--port", str(port), *lack(tmp_path))
    n_looks = 0
    while server.process.poll() is None:
        assert is_closed(port)
        n_looks += 1
        time.sleep(_LOOK_S)
    assert server.process.returncode == 1
    (said,) = (line for line in server.log.read_text().splitlines() if line.startswith("server: "))
    assert told in said
    assert "Traceback" not in server.log.read_text()
    assert n_looks > 0


def test_nobody_is_answered_before_the_store_is_there(tmp_path: Path, port: int, valkey: Valkey) -> None:
    """While the store stands still at the start nobody is answered; once it goes on, everybody is."""
    # Longer than anybody looks here.
    url = valkey.url(options=f"timeout_ms={1_000 * HANG_S:.0f}")
    publish_pins(tmp_path / "pins", "good")
    publish_users(url, {"ann": ("p0", "p1")})
    with valkey.paused():
        server = Server(tmp_path, "--drain-s", "0", "--port", str(port), "--profiles", url)
        for _ in range(300):
            assert is_closed(port)
            assert server.process.poll() is None, server.log.read_text()
            time.sleep(_LOOK_S)
    server.wait_for("serving")
    with channel_to(server.address) as channel:
        assert (
            RecommenderStub(channel).Recommend(pb.RecommendRequest(user_id="ann"), timeout=HANG_S).candidates
        )
    server.end()


def test_a_server_outlives_its_store(tmp_path: Path, valkey: Valkey) -> None:
    """Gone and back, again and again: SERVING all the while; whom it knows it answers, and says so."""
    url = valkey.url(options="timeout_ms=100")
    publish_pins(tmp_path / "pins", "good")
    publish_users(url, dict.fromkeys(USERS, ("p0", "p1")))
    known, *others = USERS
    with serving(tmp_path, "--port", "0", "--profiles", url) as server, channel_to(server.address) as channel:
        stub, health = RecommenderStub(channel), health_pb2_grpc.HealthStub(channel)

        def answered(user: str) -> pb.RecommendResponse | grpc.StatusCode:
            assert health.Check(health_pb2.HealthCheckRequest(), timeout=HANG_S).status == _SERVING
            try:
                return stub.Recommend(pb.RecommendRequest(user_id=user), timeout=HANG_S)
            except grpc.RpcError as error:
                return error.code()

        def is_answered(user: str) -> bool:
            answer = answered(user)
            return isinstance(answer, pb.RecommendResponse) and not answer.degraded

        wait_until(partial(is_answered, known))
        for seed in seeds(len(others)):
            valkey.kill()
            assert answered(others[seed]) == grpc.StatusCode.UNAVAILABLE
            # For half a second a profile is taken as it is.
            wait_until(lambda: pb.DEGRADATION_STALE_PROFILE in _degraded(answered(known)))
            valkey.start_again()
            for user in (others[seed], known):
                wait_until(partial(is_answered, user))
        assert server.process.poll() is None


def _degraded(answer: pb.RecommendResponse | grpc.StatusCode) -> list["pb.Degradation.ValueType"]:
    assert isinstance(answer, pb.RecommendResponse), answer
    return list(answer.degraded)
