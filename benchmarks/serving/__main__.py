"""`python -m benchmarks.serving`: what a call costs, warm and cold, beside an empty one.

Server CPU is read from /proc, so that a busy machine counts less; every figure is a ratio of blocks of calls
that took turns. Latencies are those of the machine as it is.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from benchmarks.serving.figures import Figure, ratios, show, write
from benchmarks.serving.load import Generator
from benchmarks.serving.processes import (
    GENERATOR_CORE,
    SERVER_CORE,
    Target,
    bare,
    idle_private_bytes,
    pinnersage,
)
from benchmarks.serving.requests import batch_requests, recommend_requests
from benchmarks.serving.world import Users, synthetic_pins, users_of
from pinnersage.v1 import recommender_pb2 as pb
from process.commands import Program, setting
from process.progress import Reporter
from storage.errors import StorageError
from storage.pins.artefact import PinArtefact
from storage.pins.layout import INDEX

K = 200  # of the first tier: what 400 candidates of 3 interests take
LOAD = 0.6
N_BATCHES = 3


@dataclass(frozen=True, kw_only=True)
class ServingSettings:
    """Measure the CPU and latency of Recommend and RecommendBatch, as ratios to the least possible."""

    pins: Annotated[Path | None, setting("Pin artefact; made up when left out.", env="BENCH_PINS")] = None
    n_pins: Annotated[int, setting("Pins of the made-up one.", env="BENCH_N_PINS", low=10_000)] = 50_000
    users: Annotated[int, setting("Users with a profile.", env="BENCH_USERS", low=1_000)] = 100_000
    zipf: Annotated[float, setting("Popularity of medoids.", env="BENCH_ZIPF", low=0.0, high=2.0)] = 1.0
    seen: Annotated[int, setting("Pins each has seen.", env="BENCH_SEEN", low=100)] = 200
    ef_search: Annotated[int, setting("HNSW efSearch.", env="EF_SEARCH", low=1)] = 320
    cache_mb: Annotated[int, setting("Cache budget of the mix.", env="CACHE_MB", low=16)] = 512
    mix_calls: Annotated[int, setting("Calls of the mix.", env="BENCH_MIX_CALLS", low=1_000)] = 10_000
    calls: Annotated[int, setting("Calls of a block.", env="BENCH_CALLS", low=100)] = 500
    rounds: Annotated[int, setting("Blocks of each kind.", env="BENCH_ROUNDS", low=3)] = 11
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/serving.json"
    )


@dataclass(frozen=True, kw_only=True)
class World:
    """What is served, and what is asked of it."""

    pins: Path
    profiles: Path
    pin_ids: list[str]
    settings: ServingSettings

    def requests(self, n: int, seed: int = 0, **options: "pb.MergePolicy.ValueType") -> list[bytes]:
        """N requests."""
        return recommend_requests(n, n_users=self.settings.users, pin_ids=self.pin_ids, seed=seed, **options)


@contextmanager
def _served(world: World, cache_mb: int) -> Iterator[tuple[Target, Generator]]:
    """A server and who asks it, over eight connections."""
    flags = (f"--ef-search={world.settings.ef_search}",)
    with pinnersage(world.pins, world.profiles, cache_mb=cache_mb, threads=8, flags=flags) as target:
        generator = Generator(target, 8)
        try:
            yield target, generator
        finally:
            generator.close()


@contextmanager
def _bare(answer_bytes: int) -> Iterator[Generator]:
    with bare(answer_bytes, 8) as target:
        generator = Generator(target, 8)
        try:
            yield generator
        finally:
            generator.close()


def measure(settings: ServingSettings) -> None:
    """Measure, show and write."""
    reporter = Reporter()
    world = _world(settings, reporter)
    os.sched_setaffinity(0, {GENERATOR_CORE})
    figures: dict[str, Figure] = {}
    for title, part in (("Warm", _warm), ("Cold", _cold), ("Mix", _mix)):
        with reporter.step(title):
            figures |= part(world, figures)
        write(settings.out, figures, _facts(world))
    show(figures)


def _world(settings: ServingSettings, reporter: Reporter) -> World:
    folder = settings.out.parent / "serving"
    pins = settings.pins or synthetic_pins(folder, settings.n_pins, 256, reporter)
    users = Users(n=settings.users, zipf=settings.zipf, seen=settings.seen)
    profiles = users_of(pins, users, folder, reporter)
    artefact = PinArtefact.open(pins, checksums=False)
    pin_ids = artefact.pin_ids(np.arange(artefact.n_indexed))
    artefact.close()
    return World(pins=pins, profiles=profiles, pin_ids=pin_ids, settings=settings)


def _warm(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """All lists and profiles are there: the cache's budget is lifted, and no call may miss."""
    n, rounds = world.settings.calls, world.settings.rounds
    requests = world.requests(4 * n)
    fused = world.requests(n, merge_policy=pb.MERGE_POLICY_FUSED)
    with ExitStack() as stack:
        target, warm = stack.enter_context(_served(world, cache_mb=100_000))
        answer_bytes = round(warm.closed_loop(requests).answer_bytes)
        warm.closed_loop(fused[: n // 5])
        least, empty = (stack.enter_context(_bare(size)) for size in (answer_bytes, 0))
        for each in (least, empty):
            each.closed_loop(requests[:n])
        missed = target.misses()
        blocks = []
        for at in range(rounds):
            part = requests[at % 4 * n : (at % 4 + 1) * n]
            blocks.append([each.closed_loop(part) for each in (warm, least, empty)])
        if target.misses() != missed:
            raise RuntimeError("a warm call missed the cache")
        fused_us = [warm.closed_loop(fused[: n // 5]).cpu_us for _ in range(rounds)]
        batches = list(batch_requests(N_BATCHES, n, n_users=world.settings.users, pin_ids=world.pin_ids))
        for request in batches:
            warm.batch(request)
        batch_us = [warm.batch(request) / n for request in batches]
        rate = LOAD * float(np.median([block.per_second for block, _, _ in blocks]))
        latencies = [warm.open_loop(requests[: 2 * n], rate, seed) for seed in range(3)]
    cpu_us = [[block.cpu_us for block in each] for each in zip(*blocks, strict=True)]
    return {
        "warm_over_ceiling": ratios(cpu_us[1], cpu_us[0], "at least 0.80"),
        "warm_cpu_us": Figure.of(cpu_us[0]),
        "ceiling_cpu_us": Figure.of(cpu_us[1]),
        "empty_cpu_us": Figure.of(cpu_us[2]),
        "warm_per_second": Figure.of([block.per_second for block, _, _ in blocks]),
        "ceiling_per_second": Figure.of([block.per_second for _, block, _ in blocks]),
        "answer_bytes": Figure.of([answer_bytes]),
        "fused_cpu_us": Figure.of(fused_us),
        "batch_user_cpu_us": Figure.of(batch_us),
        "batch_user_cpu_over_empty_call": Figure.of(
            [each / float(np.median(cpu_us[2])) for each in batch_us], "at most 0.25"
        ),
        "warm_p99_over_p50": Figure.of(
            [float(np.percentile(each, 99) / np.median(each)) for each in latencies], "at most 4"
        ),
    }


def _cold(world: World, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """No sampled medoid is cached: the smallest cache, and no medoid in two requests of a round."""
    with _served(world, cache_mb=1) as (target, cold):
        candidates = world.requests(2_000, seed=7)
        requests, searched = _without_common_medoids(candidates, cold.answers(candidates))
        hits = target.hits()
        cpu_us = [cold.closed_loop(requests).cpu_us for _ in range(3)]
        n_hits = (target.hits() - hits) / 3 / len(requests)
    raw_us, raw_p99_us = _raw_search(world, searched)
    predicted = figures["ceiling_cpu_us"].value + raw_us
    return {
        "cold_over_predicted": Figure.of([predicted / each for each in cpu_us], "at least 0.90"),
        "cold_cpu_us": Figure.of(cpu_us),
        "cold_hits_a_call": Figure.of([n_hits], "0"),
        "raw_search_cpu_us": Figure.of([raw_us]),
        "raw_search_p99_us": Figure.of([raw_p99_us]),
    }


def _without_common_medoids(
    requests: list[bytes], answers: list[bytes]
) -> tuple[list[bytes], list[list[str]]]:
    """Requests that share no medoid, and the medoids of each."""
    taken: set[str] = set()
    kept, medoids = [], []
    for request, answer in zip(requests, answers, strict=True):
        own = [each.medoid_pin_id for each in pb.RecommendResponse.FromString(answer).interests]
        if taken.isdisjoint(own):
            taken.update(own)
            kept.append(request)
            medoids.append(own)
    return kept, medoids


def _raw_search(world: World, medoids: list[list[str]]) -> tuple[float, float]:
    """FAISS alone: CPU microseconds of the searches of a request, and the 99th percentile of their time."""
    artefact = PinArtefact.open(world.pins, checksums=False)
    lines = "\n".join(" ".join(map(str, artefact.rows(each).tolist())) for each in medoids)
    artefact.close()
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "benchmarks.serving.searches"]
    command += [str(world.pins), str(K), str(world.settings.ef_search)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    cpu_us, p99_us = map(float, done.stdout.split())
    return cpu_us, p99_us


def _mix(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """The budget as it is; every call another user, as far as there are others."""
    settings = world.settings
    requests = world.requests(settings.mix_calls, seed=11)
    idle = idle_private_bytes()
    with _served(world, cache_mb=settings.cache_mb) as (target, mix):
        opened = target.private_bytes()
        mix.closed_loop(requests[: settings.mix_calls // 2])
        hits, misses = target.hits(), target.misses()
        block = mix.closed_loop(requests[settings.mix_calls // 2 :])
        hits, misses = target.hits() - hits, target.misses() - misses
        private, cached, entries = target.private_bytes(), target.cached_bytes(), target.cached_lists()
    budget = settings.cache_mb * 1_000_000
    index_bytes = next(world.pins.glob(f"*/{INDEX}")).stat().st_size
    return {
        "mix_cpu_us": Figure.of([block.cpu_us]),
        "mix_per_second": Figure.of([block.per_second]),
        "mix_hit_rate": Figure.of([hits / (hits + misses)]),
        "bytes_an_entry": Figure.of([cached / max(entries, 1)]),
        "cache_filled": Figure.of([cached / budget]),
        "private_over_cache_budget": Figure.of([(private - idle) / budget], "at most 1.3"),
        "private_of_opening_over_index": Figure.of([(opened - idle) / index_bytes], "at most 0.01"),
    }


def _facts(world: World) -> dict[str, object]:
    return {
        "pins": len(world.pin_ids),
        "users": world.settings.users,
        "zipf": world.settings.zipf,
        "seen": world.settings.seen,
        "ef_search": world.settings.ef_search,
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
        "calls_of_a_block": world.settings.calls,
    }


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.serving", expected=(OSError, StorageError))
    program.command("serving", ServingSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
