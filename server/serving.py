"""The running server: ports, health, reflection, and an orderly end."""

import threading
import time
from collections.abc import Sequence
from wsgiref.simple_server import WSGIServer

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, start_http_server

from server.admission import Admission, Bounds
from server.arrivals import Method, RequestFirstPool
from server.connections import Connections
from server.errors import StartError
from server.health_port import HealthPort
from server.methods import method_handlers
from server.metrics import Metrics
from server.metrics_catalogue import METHODS, SERVICE
from server.ports import HeldPort, Ports, address_of, cannot_listen
from server.reflection import enable_reflection
from server.servicer import Servicer
from server.side_threads import Beside, in_threads
from server.unary import UnaryCalls
from storage.compiled import all_compiled

# Who asks whether the server lives must not queue behind the calls that keep it busy.
_HEALTH = Bounds(threads=1, queued=1_000)
# Who waits for the event stream holds nobody else, however slow it is.
_RECORDS = Bounds(threads=16, queued=64)

# What gRPC may take to end calls that are cut.
_CUT_S = 1.0
# What is done beside the calls may take at least, to end: what is sampled is written, spans are sent.
_BESIDE_S = 2.0

# What whoever may end this process asks for: it lives, whether or not calls should come here.
LIVE = "live"

_UNARY = tuple(f"/{SERVICE}/{name}" for name, kind in METHODS.items() if kind == "unary")

log = structlog.get_logger("server.serving")


class RunningServer:
    """A gRPC server with health, reflection and metrics.

    Args:
        servicer: The methods.
        metrics: Counts the calls.
        calls: How many calls are taken on at a time.
        batches: The same of RecommendBatch, which is apart: each is hundreds of answers, and waits for its
            reader.
        connections: What one connection may do.
        with_reflection: Let callers list and describe the service.
        credentials: Of the port; None for plain text.
        interceptors: Look at calls as they arrive.
    """

    def __init__(
        self,
        servicer: Servicer,
        metrics: Metrics,
        *,
        calls: Admission,
        batches: Admission,
        connections: Connections,
        with_reflection: bool,
        credentials: grpc.ServerCredentials | None = None,
        interceptors: Sequence[grpc.ServerInterceptor] = (),
    ) -> None:
        self._metrics, self._credentials = metrics, credentials
        self._watching: list[Beside] = []
        self.calls, self.batches, self.records = calls, batches, Admission(_RECORDS)
        metrics.gauges.watch_admission((calls, batches, self.records))
        pool = self._threads(calls, "call")
        self._server = grpc.server(pool, interceptors=list(interceptors), options=connections.options())
        apart, records = self._threads(batches, "batch"), self._threads(self.records, "record")
        handlers = method_handlers(servicer, metrics, apart, records)
        self._server.add_generic_rpc_handlers((handlers,))
        self._unary = UnaryCalls(self._server, _UNARY, handlers, pool=pool, interceptors=interceptors)
        self._health = _enable_health(self._server)
        if with_reflection:
            enable_reflection(self._server, SERVICE)
        self._held: HeldPort | None = None
        self._metrics_server: tuple[WSGIServer, threading.Thread] | None = None
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        # For good: a server that drains must not be taken for a dead one.
        self._health.set(LIVE, health_pb2.HealthCheckResponse.SERVING)

    def start(self, ports: Ports) -> int:
        """Listen, answer, and say so through health; returns the gRPC port.

        Raises:
            StartError: A port is in use, or the address does not exist.
        """
        port = self._bind(ports)
        if ports.metrics_port:
            self._metrics_server = serve_metrics(ports.host, ports.metrics_port, self.registry)
        if ports.health_port:
            self.watch(HealthPort(ports.host, ports.health_port, self._health))
        for beside in self._watching:
            beside.start()
        self._server.start()
        self._unary.start()
        self._set_health(health_pb2.HealthCheckResponse.SERVING)
        log.info(
            "serving",
            address=address_of(ports.host, port),
            tls=self._credentials is not None,
            metrics_port=ports.metrics_port or None,
            compiled=all_compiled(),
        )
        return port

    def watch(self, beside: Beside) -> None:
        """Let this go on beside the calls, as long as they are answered; before `start`."""
        self._watching.append(beside)

    @property
    def registry(self) -> CollectorRegistry:
        """What the metrics port serves."""
        return self._metrics.registry

    def drain(self) -> None:
        """Tell health checks to send no new calls here; calls are still answered."""
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        log.info("draining")

    def stop(self, grace_s: float) -> bool:
        """Take no new calls, let those under way finish within `grace_s`, then end.

        Says whether they did, and what goes on beside them: otherwise threads may still be at work, as one
        that reads a new version to its end. It returns in any case.
        """
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        give_up_s = time.monotonic() + grace_s
        self._end_calls(grace_s)
        are_idle = [
            are_over(max(0.0, give_up_s - time.monotonic()))
            for are_over in (
                self._unary.wait_until_over,
                *(each.wait_until_idle for each in (self.calls, self.batches, self.records)),
            )
        ]
        # What is left now waits for nothing of ours: who watches health, a tool with reflection open.
        has_ended = self._end_calls(0).wait(max(_CUT_S, give_up_s - time.monotonic()))
        is_quiet = self._end_beside(max(give_up_s, time.monotonic() + _BESIDE_S))
        self._let_go()
        in_order = has_ended and all(are_idle) and is_quiet
        log.info("stopped", in_order=in_order)
        return in_order

    def _end_beside(self, by_s: float) -> bool:
        """End what goes on beside the calls; says whether all of it has ended."""
        # All are told before one is waited for: what takes long costs the others nothing.
        for beside in self._watching:
            beside.stop(0.0)
        have_ended = [beside.stop(by_s) for beside in self._watching]
        return all(have_ended)

    def _end_calls(self, grace_s: float) -> threading.Event:
        """Take no new ones, and cut those under way after so long; the event is set when none is left."""
        try:
            # Never without a grace: None would wait here, for as long as gRPC's own thread takes.
            return self._server.stop(grace_s)
        except RuntimeError:
            # There is no thread to cut them in time. New ones are not taken all the same.
            log.warning("calls may not be cut: the system refused a thread", grace_s=grace_s)
            return threading.Event()

    def _threads(self, admission: Admission, name: str) -> RequestFirstPool:
        return RequestFirstPool(
            admission, name=name, count_shed=self._count_shed, count_wait=self._metrics.count_wait
        )

    def _count_shed(self, method: Method) -> None:
        self._metrics.count_shed(method.decode().rpartition("/")[2])

    def _bind(self, ports: Ports) -> int:
        port = ports.port
        if not ports.is_held:
            self._held = HeldPort(ports.host, port)
            port = self._held.port
        try:
            address = address_of(ports.host, port)
            if self._credentials is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, self._credentials)
        except RuntimeError as error:
            raise StartError(cannot_listen(ports.host, port)) from error

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.close()
        if self._metrics_server is not None:
            http, thread = self._metrics_server
            http.shutdown()
            http.server_close()
            thread.join()

    def _set_health(self, status: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
        for service in ("", SERVICE):
            self._health.set(service, status)


def serve_metrics(host: str, port: int, registry: CollectorRegistry) -> tuple[WSGIServer, threading.Thread]:
    """Let Prometheus scrape a registry; returns what answers, to be shut down, and its thread.

    Raises:
        StartError: The port is in use, or the address does not exist.
    """
    try:
        return start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise StartError(
            f"cannot serve metrics on {address_of(host, port)}: {error.strerror}. "
            "Choose another with --metrics-port (PINNERSAGE_METRICS_PORT), or 0 for none."
        ) from error


def _enable_health(server: grpc.Server) -> health.HealthServicer:
    servicer = health.HealthServicer()
    threads = RequestFirstPool(
        Admission(_HEALTH), name="health", count_shed=_pass_over, count_wait=_pass_over
    )
    servicer.Check = in_threads(servicer.Check, threads)
    servicer.Watch = in_threads(servicer.Watch, threads, non_blocking=True)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer


def _pass_over(_: object) -> None:
    """Calls for health are not counted."""
