"""Sends spans to a collector, in the background; those that find no room, or no collector, are counted."""

import os
import socket
import threading
import time
from collections.abc import Callable

import structlog
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from server.background import Background
from server.metrics import Metrics
from server.metrics_catalogue import Sampled
from server.tracing import CallTracing

# Sent together, and as many may wait meanwhile: a collector takes messages of 4 MB.
SPANS_AT_ONCE = 2_048
SEND_EVERY_S = 1.0
# Who ends the server waits for the last of them at most so long.
_TIMEOUT_S = 2.0

log = structlog.get_logger("server.trace_export")


class SpanSending:
    """Collects spans and sends them together. Implements server.background.Work.

    Args:
        exporter: Knows the collector.
        metrics: Counts spans sent, dropped, and lost to errors.
        clock: Seconds that only grow.
    """

    def __init__(
        self, exporter: SpanExporter, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._exporter, self._metrics, self._clock = exporter, metrics, clock
        self._spans: list[ReadableSpan] = []
        self._began = 0.0

    def do(self, item: ReadableSpan, stopping: threading.Event) -> None:  # noqa: ARG002 - takes no time
        """Take a span in."""
        if not self._spans:
            self._began = self._clock()
        self._spans.append(item)

    def pause(self) -> None:
        """Send, when there are many or the first has waited."""
        if len(self._spans) >= SPANS_AT_ONCE or (self._spans and self._clock() - self._began >= SEND_EVERY_S):
            self._send()

    def end(self) -> None:
        """Send what is left."""
        if self._spans:
            self._send()
        self._exporter.shutdown()

    def dropped(self) -> None:
        """Count a span that found no room."""
        self._metrics.count_spans(Sampled.DROPPED, 1)

    def _send(self) -> None:
        spans, self._spans = self._spans, []
        try:
            is_sent = self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception:
            # Whatever it is, the next spans must come; calls do not depend on it.
            log.exception("spans not sent")
            is_sent = False
        self._metrics.count_spans(Sampled.DONE if is_sent else Sampled.FAILED, len(spans))


class _HandOver(SpanProcessor):
    """Gives each span that ends to the thread that sends it."""

    def __init__(self, sending: Background[ReadableSpan]) -> None:
        self._sending = sending

    def on_end(self, span: ReadableSpan) -> None:
        self._sending.offer(span)


def build_tracing(
    exporter: SpanExporter, share: float, metrics: Metrics
) -> tuple[CallTracing, Background[ReadableSpan]]:
    """What traces calls, and the thread that sends their spans.

    Args:
        exporter: Where spans go.
        share: Of the calls whose caller has not decided it.
        metrics: Times the stages, counts the spans.
    """
    sending = Background(SpanSending(exporter, metrics), name="traces", capacity=SPANS_AT_ONCE)
    # Every span that is begun is kept: which calls are traced is decided before.
    provider = TracerProvider(ALWAYS_ON, _this_process(), shutdown_on_exit=False)
    provider.add_span_processor(_HandOver(sending))
    tracing = CallTracing(provider.get_tracer("pinnersage"), share)
    tracing.watch(metrics)
    return tracing, sending


def to_collector(endpoint: str) -> SpanExporter:
    """By OTLP over gRPC; of headers and TLS OpenTelemetry's own variables hold, OTEL_EXPORTER_OTLP_*."""
    return OTLPSpanExporter(endpoint, timeout=_TIMEOUT_S)


def _this_process() -> Resource:
    """What sends: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before what is said here."""
    instance = f"{socket.gethostname()}-{os.getpid()}"
    here = Resource({"service.name": "pinnersage", "service.instance.id": instance})
    return here.merge(OTELResourceDetector().detect())
