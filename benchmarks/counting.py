"""What metrics cost a call: everything that an answer from the cache counts and times, and nothing else.

python -m benchmarks.counting
"""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import thread_time
from timeit import repeat
from typing import Annotated

import grpc
from prometheus_client import CollectorRegistry, generate_latest

from pinnersage.v1 import recommender_pb2 as pb
from process.commands import Program, setting
from server.metrics import Metrics
from server.metrics_calls import MethodMetrics
from server.metrics_catalogue import ProfileUse
from server.request_ids import request_id_of

STAGES_OF_A_CALL = ("profile", "sample", "retrieve", "merge", "encode")
METADATA = (("user-agent", "grpc-python/1.85.1"), ("grpc-accept-encoding", "identity, deflate, gzip"))


@dataclass(frozen=True, kw_only=True)
class CountingSettings:
    """Measure what metrics cost a call."""

    calls: Annotated[int, setting("Calls a run.", env="BENCH_CALLS", low=1)] = 20_000
    runs: Annotated[int, setting("Runs; the fastest counts.", env="BENCH_RUNS", low=1)] = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingCosts:
    """Microseconds of CPU.

    Attributes:
        call_us: Of all metrics of one call.
        stage_us: Of one stage's time, of which a call has several.
        request_id_us: To name a call.
        scrape_us: Of one scrape, in a process without other workers.
    """

    call_us: float
    stage_us: float
    request_id_us: float
    scrape_us: float


def measure(settings: CountingSettings) -> CountingCosts:
    """CPU time of each, alone in one thread."""
    metrics = Metrics(CollectorRegistry())
    method = MethodMetrics(metrics, "Recommend")

    def fastest_us(work: Callable[[], object], n: int) -> float:
        return min(repeat(work, timer=thread_time, number=n, repeat=settings.runs)) / n * 1e6

    return CountingCosts(
        call_us=fastest_us(lambda: count_a_call(metrics, method), settings.calls),
        stage_us=fastest_us(lambda: _time_a_stage(metrics), settings.calls),
        request_id_us=fastest_us(lambda: request_id_of(METADATA), settings.calls),
        scrape_us=fastest_us(lambda: generate_latest(metrics.registry), 10),
    )


def count_a_call(metrics: Metrics, method: MethodMetrics) -> None:
    """What Recommend counts when three lists are in the cache."""
    began_s = method.begin()
    for stage in STAGES_OF_A_CALL:
        with metrics.stage(stage):
            pass
    metrics.count_profile(ProfileUse.FRESH)
    metrics.count_cache(hits=3, misses=0)
    metrics.count_candidates(400, 400)
    metrics.count_blocked(0)
    metrics.count_answer(pb.ANSWER_REASON_UNSPECIFIED)
    method.end(began_s, grpc.StatusCode.OK, 1)


def _time_a_stage(metrics: Metrics) -> None:
    with metrics.stage("merge"):
        pass


def run(settings: CountingSettings) -> None:
    """Measure, and say it."""
    for name, cost_us in asdict(measure(settings)).items():
        print(f"{name:<14} {cost_us:9.2f}")


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.counting", expected=())
    program.command("counting", CountingSettings, run)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
