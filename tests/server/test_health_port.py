"""The port of health: what probes that speak no TLS may ask, and nothing else."""

import socket
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server.bootstrap import wire_server
from server.errors import StartError
from server.ports import Ports
from server.serving import LIVE
from tests.ports import free_port
from tests.server.certificates import Authority
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

LIVING = health_pb2.HealthCheckRequest(service=LIVE)
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_probe_without_tls_hears_of_health_and_nothing_else(tmp_path: Path) -> None:
    """Health is answered in the clear, as the service's own port would, to the end; no method is there."""
    pair = Authority(tmp_path).sign("server")
    server = wire_server(
        make_pins(), default_people().store(), settings(tls_cert=pair.certificate, tls_key=pair.key)
    )
    ports = Ports(host="127.0.0.1", port=0, metrics_port=0, health_port=free_port())
    server.start(ports)
    with grpc.insecure_channel(f"127.0.0.1:{ports.health_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=HANG_S).status == SERVING
        with pytest.raises(grpc.RpcError) as refused:
            RecommenderStub(channel).GetPins(pb.GetPinsRequest(pin_ids=["cat-0"]), timeout=HANG_S)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert health.Check(LIVING, timeout=HANG_S).status == SERVING
        server.drain()
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=HANG_S).status == NOT_SERVING
        assert health.Check(LIVING, timeout=HANG_S).status == SERVING
        server.stop(grace_s=1)
        with pytest.raises(grpc.RpcError):
            health.Check(health_pb2.HealthCheckRequest(), timeout=HANG_S)


def test_a_port_in_use_is_refused() -> None:
    """With a sentence that names the flag."""
    server = wire_server(make_pins(), default_people().store(), settings())
    with (
        socket.create_server(("127.0.0.1", 0)) as somebody,
        pytest.raises(StartError, match="--health-port"),
    ):
        server.start(Ports(host="127.0.0.1", port=0, metrics_port=0, health_port=somebody.getsockname()[1]))
    server.stop(grace_s=0)
