"""The running server: ports, health, reflection, and an orderly end."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from wsgiref.simple_server import WSGIServer

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, start_http_server

from pinnersage.v1 import recommender_pb2 as pb
from server.calls import answer_streaming, answer_unary
from server.errors import StartError
from server.limits import LIMITS
from server.metrics import MethodMetrics, Metrics
from server.metrics_catalogue import SERVICE
from server.reflection import enable_reflection
from server.servicer import Servicer
from server.side_threads import Ticker, in_side_threads

log = structlog.get_logger("server.serving")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the server listens. Port 0 takes a free one; metrics_port 0 serves no metrics."""

    host: str
    port: int
    metrics_port: int


class RunningServer:
    """A gRPC server with health, reflection and metrics.

    Args:
        servicer: The methods.
        metrics: Counts the calls.
        threads: How many calls are answered at a time.
        with_reflection: Let callers list and describe the service.
        watching: What goes on beside the calls, as long as they are answered.
    """

    def __init__(
        self,
        servicer: Servicer,
        metrics: Metrics,
        *,
        threads: int,
        with_reflection: bool,
        watching: Sequence[Ticker] = (),
    ) -> None:
        self._metrics = metrics
        self._watching = watching
        self._health = health.HealthServicer()
        # Who asks whether the server lives must not queue behind the calls that keep it busy.
        self._health.Check = in_side_threads(self._health.Check, name="health", threads=1)
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=threads, thread_name_prefix="call"),
            options=(
                ("grpc.max_receive_message_length", LIMITS.request_bytes),
                # Without this a second server would share the port in silence.
                ("grpc.so_reuseport", 0),
            ),
        )
        self._server.add_generic_rpc_handlers((method_handlers(servicer, metrics),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if with_reflection:
            enable_reflection(self._server, SERVICE)
        self._metrics_server: tuple[WSGIServer, threading.Thread] | None = None
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)

    def start(self, ports: Ports) -> int:
        """Listen, answer, and say so through health; returns the gRPC port.

        Raises:
            StartError: A port is in use, or the address does not exist.
        """
        port = self._bind(ports.host, ports.port)
        if ports.metrics_port:
            self._metrics_server = self._serve_metrics(ports.host, ports.metrics_port)
        for ticker in self._watching:
            ticker.start()
        self._server.start()
        self._set_health(health_pb2.HealthCheckResponse.SERVING)
        log.info("serving", address=_address(ports.host, port), metrics_port=ports.metrics_port or None)
        return port

    @property
    def registry(self) -> CollectorRegistry:
        """What the metrics port serves."""
        return self._metrics.registry

    def drain(self) -> None:
        """Tell health checks to send no new calls here; calls are still answered."""
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        log.info("draining")

    def stop(self, grace_s: float) -> None:
        """Take no new calls, let those in flight finish within `grace_s`, then end."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait()
        for ticker in self._watching:
            ticker.stop()
        if self._metrics_server is not None:
            http, thread = self._metrics_server
            http.shutdown()
            http.server_close()
            thread.join()
        log.info("stopped")

    def _bind(self, host: str, port: int) -> int:
        address = _address(host, port)
        try:
            return self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise StartError(
                f"cannot listen on {address}: the port is in use or the address is not this machine's. "
                "Choose another with --port (PINNERSAGE_PORT)."
            ) from error

    def _serve_metrics(self, host: str, port: int) -> tuple[WSGIServer, threading.Thread]:
        try:
            return start_http_server(port, addr=host, registry=self._metrics.registry)
        except OSError as error:
            raise StartError(
                f"cannot serve metrics on {_address(host, port)}: {error.strerror}. "
                "Choose another with --metrics-port (PINNERSAGE_METRICS_PORT), or 0 for none."
            ) from error

    def _set_health(self, status: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
        for service in ("", SERVICE):
            self._health.set(service, status)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def method_handlers(servicer: Servicer, metrics: Metrics) -> grpc.GenericRpcHandler:
    """The service's methods. Answers are bytes already, requests are parsed where errors are handled."""

    def of(name: str) -> MethodMetrics:
        return MethodMetrics(metrics, name)

    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Recommend": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.recommend, pb.RecommendRequest, of("Recommend"))
            ),
            "RecommendForPins": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.recommend_for_pins, pb.RecommendForPinsRequest, of("RecommendForPins"))
            ),
            "RecommendBatch": grpc.unary_stream_rpc_method_handler(
                answer_streaming(
                    servicer.recommend_batch,
                    pb.RecommendBatchRequest,
                    of("RecommendBatch"),
                )
            ),
            "SimilarPins": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.similar_pins, pb.SimilarPinsRequest, of("SimilarPins"))
            ),
            "GetProfile": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.get_profile, pb.GetProfileRequest, of("GetProfile"))
            ),
            "GetPins": grpc.unary_unary_rpc_method_handler(
                answer_unary(servicer.get_pins, pb.GetPinsRequest, of("GetPins"))
            ),
        },
    )
