"""The hand-made health check against the standard servicer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from pinnersage.client import Client, HealthStatus, UnavailableError, UnsupportedError
from pinnersage.client._health import decode_status
from pinnersage.client.testing import FakeRecommender
from tests.client.servers import PATIENT, nobody, serving


@pytest.fixture
def standard() -> Iterator[tuple[str, HealthServicer]]:
    servicer = HealthServicer()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", servicer
    server.stop(grace=None).wait()


@pytest.mark.parametrize("status", HealthStatus, ids=lambda status: status.name)
def test_every_status_of_the_standard_servicer(
    standard: tuple[str, HealthServicer], status: HealthStatus
) -> None:
    """Read as the standard package reads it."""
    target, servicer = standard
    servicer.set("", health_pb2.HealthCheckResponse.ServingStatus.Value(status.name))
    with Client(target, timeout=PATIENT) as client:
        assert client.health() is status


@pytest.mark.parametrize("status", HealthStatus, ids=lambda status: status.name)
def test_the_fake_says_what_it_is_told(fake: FakeRecommender, client: Client, status: HealthStatus) -> None:
    """SERVING until told otherwise."""
    assert client.health() is HealthStatus.SERVING
    fake.be(status)
    assert client.health() is status


@pytest.mark.parametrize("reply", [b"", b"\x08", b"\x08\x00", b"\x08\x63", b"\x12\x01a"])
def test_an_odd_reply_is_unknown(reply: bytes) -> None:
    """Nothing a server sends breaks the check."""
    assert decode_status(reply) is HealthStatus.UNKNOWN


def test_nobody_there() -> None:
    """No server is an error, not a status; the check is never retried."""
    with (
        nobody() as target,
        Client(target, timeout=PATIENT) as client,
        pytest.raises(UnavailableError, match="Health/Check"),
    ):
        client.health()


def test_a_server_without_health_checks() -> None:
    """Another service may sit at that address."""
    with (
        serving() as target,
        Client(target, timeout=PATIENT) as client,
        pytest.raises(UnsupportedError),
    ):
        client.health()
