"""What looking at a call as it arrives costs: the check of API keys, and the decision whether it is traced.

python -m benchmarks.arriving
"""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import thread_time
from timeit import repeat
from typing import Annotated, cast

import grpc
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from benchmarks.counting import STAGES_OF_A_CALL
from process.commands import Program, setting
from server.access import KeyCheck
from server.api_keys import ApiKey, ApiKeys
from server.metrics import Metrics
from server.metrics_catalogue import SERVICE
from server.trace_export import build_tracing

Metadata = tuple[tuple[str, str | bytes], ...]
KEY = "ps_" + "k" * 43
METADATA: Metadata = (
    ("user-agent", "grpc-python/1.85.1"),
    ("authorization", f"Bearer {KEY}"),
    ("grpc-accept-encoding", "identity, deflate, gzip"),
)
NOT_SAMPLED = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
ANSWERED: "grpc.RpcMethodHandler[bytes, bytes]" = grpc.unary_unary_rpc_method_handler(
    lambda request, _: request
)


@dataclass
class Arrival:
    """A call as gRPC tells of it. Implements grpc.HandlerCallDetails."""

    method: str
    invocation_metadata: Metadata


@dataclass(frozen=True, kw_only=True)
class ArrivingSettings:
    """Measure what is done of each call before it has a thread."""

    calls: Annotated[int, setting("Calls a run.", env="BENCH_CALLS", low=1)] = 20_000
    runs: Annotated[int, setting("Runs; the fastest counts.", env="BENCH_RUNS", low=1)] = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivingCosts:
    """Microseconds of CPU a call.

    Attributes:
        one_key_us: To find its API key among one.
        two_keys_us: Among two, while one follows the other.
        ten_keys_us: Among ten.
        without_key_us: To see that it has none.
        untraced_us: To decide by chance that it is not traced.
        told_not_to_us: To read that its caller does not trace it.
        traced_us: All spans of one that is traced, with five stages, up to the thread that sends them.
    """

    one_key_us: float
    two_keys_us: float
    ten_keys_us: float
    without_key_us: float
    untraced_us: float
    told_not_to_us: float
    traced_us: float


def measure(settings: ArrivingSettings) -> ArrivingCosts:
    """CPU time of each, alone in one thread."""

    def fastest_us(work: Callable[[], object]) -> float:
        times = repeat(work, timer=thread_time, number=settings.calls, repeat=settings.runs)
        return min(times) / settings.calls * 1e6

    def us(interceptor: grpc.ServerInterceptor, *metadata: tuple[str, str | bytes]) -> float:
        return fastest_us(arrive(interceptor, metadata))

    tracing, _ = build_tracing(InMemorySpanExporter(), 0.0, Metrics(CollectorRegistry()))
    return ArrivingCosts(
        one_key_us=us(check_of(1), *METADATA),
        two_keys_us=us(check_of(2), *METADATA),
        ten_keys_us=us(check_of(10), *METADATA),
        without_key_us=us(check_of(2), *METADATA[:1]),
        untraced_us=us(tracing, *METADATA),
        told_not_to_us=us(tracing, *METADATA, NOT_SAMPLED),
        traced_us=fastest_us(_traced()),
    )


def _traced() -> Callable[[], object]:
    metrics = Metrics(CollectorRegistry())
    tracing, _ = build_tracing(InMemorySpanExporter(), 1.0, metrics)

    def answer(request: bytes, _: grpc.ServicerContext) -> bytes:
        for stage in STAGES_OF_A_CALL:
            with metrics.stage(stage):
                pass
        return request

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(answer)
    arrival, context = Arrival(f"/{SERVICE}/Recommend", METADATA), cast(grpc.ServicerContext, _Answered())

    def call() -> object:
        traced = tracing.intercept_service(lambda _: handler, arrival)
        return traced and traced.unary_unary and traced.unary_unary(b"", context)

    return call


class _Answered:
    """The context of a call that ends well."""

    def code(self) -> grpc.StatusCode | None:
        return None


def check_of(n_keys: int) -> KeyCheck:
    """Of so many keys, ours the last."""
    keys = [f"ps_{at}" for at in range(n_keys - 1)] + [KEY]
    known = ApiKeys({key: ApiKey(hashlib.sha256(key.encode()).digest()) for key in keys})
    return KeyCheck(lambda: known, lambda _method, _code: None)


def arrive(interceptor: grpc.ServerInterceptor, metadata: Metadata) -> Callable[[], object]:
    """What gRPC does of a call with this metadata: what it returns answers the call."""
    arrival = Arrival(f"/{SERVICE}/Recommend", metadata)
    return lambda: interceptor.intercept_service(lambda _: ANSWERED, arrival)


def run(settings: ArrivingSettings) -> None:
    """Measure, and say it."""
    for name, cost_us in asdict(measure(settings)).items():
        print(f"{name:<16} {cost_us:9.2f}")


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.arriving", expected=())
    program.command("arriving", ArrivingSettings, run)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
