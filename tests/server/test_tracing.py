"""Traces of calls: what is in a span, whose decision it is, and that no call waits for a collector."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry

from pinnersage.v1 import recommender_pb2 as pb
from pinnersage.v1.recommender_pb2_grpc import RecommenderStub
from server import observers
from server.bootstrap import wire_server
from server.bootstrap_metrics import build_metrics
from server.errors import StartError
from server.metrics import Metrics
from server.ports import Ports
from server.trace_export import SPANS_AT_ONCE, SpanSending
from server.tracing import STAGES_A_CALL
from tests.server.conftest import settings
from tests.server.world import default_people, make_pins
from tests.waiting import HANG_S

NOT_STOPPING = threading.Event()
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
METHOD = "pinnersage.v1.Recommender/"


class Traced:
    """A server whose spans stay here; `spans` ends it."""

    def __init__(self, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
        self._exporter = exporter
        monkeypatch.setattr("server.trace_export.to_collector", lambda _: exporter)
        changes = {"trace_endpoint": "http://127.0.0.1:4317", "trace_share": share}
        self.server = wire_server(make_pins(), default_people().store(), settings(**changes))
        port = self.server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = RecommenderStub(self._channel)

    def spans(self) -> list[ReadableSpan]:
        """All that ended, in that order, once the server is at its end."""
        self._channel.close()
        self.server.stop(grace_s=5)
        return list(self._exporter.get_finished_spans())


Serve = Callable[[float], Traced]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    return lambda share: Traced(InMemorySpanExporter(), monkeypatch, share)


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def parents(spans: list[ReadableSpan]) -> dict[str, str]:
    """The name of each span with its parent's."""
    names = {span.context.span_id: span.name for span in spans if span.context}
    return {span.name: names.get(span.parent.span_id, "") if span.parent else "" for span in spans}


def test_a_call_is_a_span_with_its_stages_inside(serve: Serve) -> None:
    """From its arrival to its answer, the search inside the retrieving; named as the answer is."""
    traced = serve(1.0)
    answer = traced.stub.Recommend(pb.RecommendRequest(user_id="ann"))
    spans = traced.spans()
    call = spans[-1]

    assert parents(spans) == {
        METHOD + "Recommend": "",
        "queue": METHOD + "Recommend",
        "profile": METHOD + "Recommend",
        "sample": METHOD + "Recommend",
        "retrieve": METHOD + "Recommend",
        "search": "retrieve",
        "merge": METHOD + "Recommend",
        "encode": METHOD + "Recommend",
    }
    assert call.kind is SpanKind.SERVER
    assert attributes(call) == {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD + "Recommend",
        "rpc.response.status_code": "OK",
        "pinnersage.request_id": answer.request_id,
    }
    assert call.resource.attributes["service.name"] == "pinnersage"


def test_no_span_shows_a_user(serve: Serve) -> None:
    """Traces are read by more people than logs: ids of users are not in them, nor in errors."""
    traced = serve(1.0)
    traced.stub.Recommend(pb.RecommendRequest(user_id="ann"))
    with pytest.raises(grpc.RpcError):
        traced.stub.GetProfile(pb.GetProfileRequest(user_id="somebody-else"))

    told = "".join(span.to_json() for span in traced.spans())
    assert "Recommend" in told
    assert "ann" not in told.replace("channel", "")
    assert "somebody-else" not in told


def test_the_callers_trace_goes_on(serve: Serve) -> None:
    """A `traceparent` decides: sampled, the span is the caller's child; not sampled, there is none."""
    traced = serve(0.0)
    for flags in ("01", "00"):
        metadata = (("traceparent", f"00-{TRACE}-{CALLER}-{flags}"), ("x-request-id", f"page-{flags}"))
        traced.stub.Recommend(pb.RecommendRequest(user_id="ann"), metadata=metadata)
    calls = [span for span in traced.spans() if span.kind is SpanKind.SERVER]

    assert [attributes(span)["pinnersage.request_id"] for span in calls] == ["page-01"]
    (span,) = calls
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" == f"{TRACE}-{CALLER}"


NO_HEADERS = ("", "nonsense", f"00-{TRACE}-{CALLER}", f"00-{'0' * 32}-{CALLER}-01")


def test_a_header_that_is_none_leaves_it_to_chance(serve: Serve) -> None:
    """What cannot be read says nothing: the share decides, and the call is answered."""
    traced = serve(0.0)
    for header in NO_HEADERS:
        metadata = (("traceparent", header),)
        assert traced.stub.Recommend(pb.RecommendRequest(user_id="ann"), metadata=metadata).candidates

    assert traced.spans() == []


def test_a_share_of_the_calls_is_traced(serve: Serve) -> None:
    """Of those that say nothing themselves; health checks never are."""
    traced = serve(0.3)
    for _ in range(200):
        traced.stub.GetPins(pb.GetPinsRequest(pin_ids=["cat-0"]))
    n = sum(span.kind is SpanKind.SERVER for span in traced.spans())

    assert abs(n - 60) < 6 * (200 * 0.3 * 0.7) ** 0.5


def test_a_refused_call_says_why(serve: Serve) -> None:
    """The caller's mistakes have their status and are no faults of the server."""
    traced = serve(1.0)
    with pytest.raises(grpc.RpcError):
        traced.stub.Recommend(pb.RecommendRequest(user_id=""))
    call = traced.spans()[-1]

    assert attributes(call)["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert call.status.status_code is StatusCode.UNSET


def test_a_fault_of_the_server_is_marked(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks for failed traces finds those that are the server's doing."""
    monkeypatch.setattr("server.sampling.Sampler.sample", lambda *_: 1 / 0)
    traced = serve(1.0)
    with pytest.raises(grpc.RpcError):
        traced.stub.Recommend(pb.RecommendRequest(user_id="ann"))
    call = traced.spans()[-1]

    assert attributes(call)["rpc.response.status_code"] == "INTERNAL"
    assert call.status.status_code is StatusCode.ERROR


def test_a_batch_has_so_many_spans_and_no_more(serve: Serve) -> None:
    """A thousand users are one call: the stages that have no span are counted."""
    traced = serve(1.0)
    messages = list(traced.stub.RecommendBatch(pb.RecommendBatchRequest(user_ids=["ann", "ben"] * 100)))
    assert sum(len(message.results) for message in messages) == 200
    spans = traced.spans()

    assert len(spans) == STAGES_A_CALL + 1
    left_out = attributes(spans[-1])["pinnersage.stages_left_out"]
    # Of each user one at least: lists as short as these are merged for each on their own.
    assert isinstance(left_out, int)
    assert left_out + STAGES_A_CALL > 200


class Collector(TraceServiceServicer):
    """Takes what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def Export(  # noqa: N802 - gRPC's name
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return ExportTraceServiceResponse()


@pytest.fixture
def collector() -> Iterator[tuple[str, Collector]]:
    """One that listens, and its URL."""
    taking, server = Collector(), grpc.server(ThreadPoolExecutor(1))
    add_TraceServiceServicer_to_server(taking, server)  # type: ignore[no-untyped-call] # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", taking
    server.stop(None).wait()


def answered(endpoint: str) -> Metrics:
    """The metrics of a server that traced one call, and ended."""
    asked = settings(trace_endpoint=endpoint, trace_share=1.0)
    server = wire_server(make_pins(), default_people().store(), asked)
    port = server.start(Ports(host="127.0.0.1", port=0, metrics_port=0))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert RecommenderStub(channel).Recommend(pb.RecommendRequest(user_id="ann")).candidates
    server.stop(grace_s=1)
    return server._metrics


def counted(metrics: Metrics) -> dict[str, float]:
    name = "pinnersage_trace_spans_total"
    results = ("done", "dropped", "failed")
    return {each: metrics.registry.get_sample_value(name, {"result": each}) or 0 for each in results}


def test_a_collector_gets_the_spans(
    collector: tuple[str, Collector], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By OTLP over gRPC, the last of them when the server ends."""
    endpoint, taking = collector
    monkeypatch.setattr("server.trace_export._TIMEOUT_S", HANG_S)
    metrics = answered(endpoint)

    assert {span.name for span in taking.spans} >= {METHOD + "Recommend", "profile", "retrieve", "encode"}
    assert counted(metrics) == {"done": len(taking.spans), "dropped": 0, "failed": 0}


def test_without_a_collector_calls_are_answered_and_spans_counted() -> None:
    """Nobody listens there: the server answers, ends, and says how many spans were lost."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        metrics = answered(f"http://127.0.0.1:{taken.getsockname()[1]}")

    assert counted(metrics)["failed"] > 0
    assert counted(metrics)["done"] == 0


class Failing(InMemorySpanExporter):
    """Has a defect."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError("a defect")


def test_an_exporter_that_breaks_costs_its_spans_only() -> None:
    """The next ones come all the same."""
    metrics, now_s = Metrics(CollectorRegistry()), iter([0.0, 9.0, 10.0, 19.0])
    sending = SpanSending(Failing(), metrics, clock=lambda: next(now_s))
    for _ in range(2):
        sending.do(ReadableSpan("a"), NOT_STOPPING)
        sending.pause()

    assert counted(metrics) == {"done": 0, "dropped": 0, "failed": 2}


def test_spans_are_sent_together() -> None:
    """Once a second, or sooner when there are as many as go together."""
    kept, metrics, now_s = InMemorySpanExporter(), Metrics(CollectorRegistry()), [0.0]
    sending = SpanSending(kept, metrics, clock=lambda: now_s[0])
    sizes = []
    for n_spans, later_s in ((1, 0.5), (1, 0.5), (SPANS_AT_ONCE - 1, 0.0), (1, 0.0)):
        for _ in range(n_spans):
            sending.do(ReadableSpan("a"), NOT_STOPPING)
        now_s[0] += later_s
        sending.pause()
        sizes.append(len(kept.get_finished_spans()))

    assert sizes == [0, 2, 2, 2 + SPANS_AT_ONCE]


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4317", "ftp://h:1", "http://h", "http://h:1/v1/traces", ""])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    """With what to write, before anything is served."""
    with pytest.raises(StartError, match=r"write http://HOST:PORT, .*PINNERSAGE_TRACE_ENDPOINT"):
        observers.build_observers(settings(trace_endpoint=endpoint), build_metrics(settings()))
