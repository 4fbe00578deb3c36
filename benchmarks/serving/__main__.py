"""`python -m benchmarks.serving`: what a call costs, warm and cold, beside an empty one.

Server CPU is read from /proc, so that a busy machine counts less; every figure is a ratio of blocks of calls
that took turns. Latencies are those of the machine as it is.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import numpy as np

from benchmarks.serving.figures import Figure, ratios, show, write
from benchmarks.serving.mixes import mix, other_mixes
from benchmarks.serving.overload import overload
from benchmarks.serving.processes import GENERATOR_CORE, SERVER_CORE
from benchmarks.serving.requests import batch_requests, without_common_medoids
from benchmarks.serving.served import World, bare_server, make_world, served
from benchmarks.serving.settings import ServingSettings
from benchmarks.serving.skew import skew
from benchmarks.serving.swaps import swaps
from pinnersage.v1 import recommender_pb2 as pb
from process.commands import Program
from process.progress import Reporter
from storage.errors import StorageError
from storage.pins.artefact import PinArtefact

Part = Callable[[World, Mapping[str, Figure]], dict[str, Figure]]

K = 200  # of the first tier: what 400 candidates of 3 interests take
LOAD = 0.6
N_BATCHES = 3


def measure(settings: ServingSettings) -> None:
    """Measure, show and write."""
    reporter = Reporter()
    world = make_world(settings, reporter)
    os.sched_setaffinity(0, {GENERATOR_CORE})
    figures: dict[str, Figure] = {}
    for title, part in _PARTS:
        with reporter.step(title):
            figures |= part(world, figures)
        write(settings.out, figures, _facts(world))
    show(figures)


def _warm(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """All lists and profiles are there: the cache's budget is lifted, and no call may miss."""
    n, rounds = world.settings.calls, world.settings.rounds
    requests = world.requests(4 * n)
    fused = world.requests(n, merge_policy=pb.MERGE_POLICY_FUSED)
    with ExitStack() as stack:
        target, warm = stack.enter_context(served(world, cache_mb=100_000))
        answer_bytes = round(warm.closed_loop(requests).answer_bytes)
        warm.closed_loop(fused[: n // 5])
        least, empty = (stack.enter_context(bare_server(size)) for size in (answer_bytes, 0))
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
    with served(world, cache_mb=1) as (target, cold):
        candidates = world.requests(2_000, seed=7)
        requests, searched = without_common_medoids(candidates, cold.answers(candidates))
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


_PARTS: Sequence[tuple[str, Part]] = (
    ("Warm", _warm),
    ("Cold", _cold),
    ("Mix", mix),
    ("Mix of other users", other_mixes),
    ("Overload", overload),
    ("Skew between workers", skew),
    ("Swaps under load", swaps),
)


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.serving", expected=(OSError, StorageError))
    program.command("serving", ServingSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
