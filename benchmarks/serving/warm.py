"""Warm calls: the user's profile is parsed and all lists are cached; beside the least that gRPC takes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np

from benchmarks.serving.drawing import drawn_by, newcomers
from benchmarks.serving.figures import Figure, ratios
from benchmarks.serving.load import Block, Generator
from benchmarks.serving.processes import Target
from benchmarks.serving.requests import batch_requests
from benchmarks.serving.served import World, bare_server, served
from pinnersage.v1 import recommender_pb2 as pb

LOAD = 0.6
N_BATCHES = 5
_N_PARTS = 4  # of the requests: one for each round, over and over
_N_RUNS = 3
_N_OTHERS = 4_000


def warm(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """The caches' budget is lifted, and whatever is asked for was asked for before: no call may miss."""
    n = world.settings.calls
    requests = world.requests(_N_PARTS * n)
    with ExitStack() as stack:
        target, generator = stack.enter_context(served(world, cache_mb=100_000))
        answer_bytes = round(generator.closed_loop(requests).answer_bytes)
        least, empty = (stack.enter_context(bare_server(size)) for size in (answer_bytes, 0))
        for each in (least, empty):
            each.closed_loop(requests[:n])
        with _all_cached(target):
            blocks = list(_in_turns((generator, least, empty), requests, world))
            rate = LOAD * float(np.median([block.per_second for block, _, _ in blocks]))
            latencies = [generator.open_loop(requests, rate, seed) for seed in range(_N_RUNS)]
        of_newcomers = _newcomers(world, target, generator, requests)
        of_fused = _fused(world, target, generator)
        of_batches = _batches(world, target, generator)
    cpu_us = [[block.cpu_us for block in each] for each in zip(*blocks, strict=True)]
    empty_us = float(np.median(cpu_us[2]))
    return {
        "warm_over_ceiling": ratios(cpu_us[1], cpu_us[0], "at least 0.80"),
        "warm_cpu_us": Figure.of(cpu_us[0]),
        "ceiling_cpu_us": Figure.of(cpu_us[1]),
        "empty_cpu_us": Figure.of(cpu_us[2]),
        "warm_new_user_cpu_us": Figure.of(of_newcomers),
        "warm_per_second": Figure.of([block.per_second for block, _, _ in blocks]),
        "ceiling_per_second": Figure.of([block.per_second for _, block, _ in blocks]),
        "answer_bytes": Figure.of([answer_bytes]),
        "fused_cpu_us": Figure.of(of_fused),
        "batch_user_cpu_us": Figure.of(of_batches),
        "batch_user_cpu_over_empty_call": Figure.of([each / empty_us for each in of_batches], "at most 0.25"),
        "warm_p99_over_p50": Figure.of(
            [float(np.percentile(each, 99) / np.median(each)) for each in latencies], "at most 4"
        ),
    }


def _in_turns(
    generators: Sequence[Generator], requests: Sequence[bytes], world: World
) -> Iterator[list[Block]]:
    """Blocks of calls of each, one beside the other, so often as the settings say."""
    n = world.settings.calls
    for at in range(world.settings.rounds):
        part = requests[at % _N_PARTS * n : (at % _N_PARTS + 1) * n]
        yield [each.closed_loop(part) for each in generators]


@contextmanager
def _all_cached(target: Target, *, newcomers: int = 0) -> Iterator[None]:
    """No list is missed meanwhile, and no profile is parsed but those of so many newcomers."""
    missed, parsed = target.misses(), target.parsed()
    yield
    if (target.misses(), target.parsed()) != (missed, parsed + newcomers):
        raise RuntimeError("a warm call missed a list, or met a profile that was not parsed")


def _newcomers(world: World, target: Target, generator: Generator, requests: Sequence[bytes]) -> list[float]:
    """CPU microseconds of calls that meet users who were never parsed, for lists that are there."""
    others = drawn_by(world, world.requests(_N_OTHERS, seed=13))
    new = [each.request for each in newcomers(drawn_by(world, requests), others)]
    size = len(new) // _N_RUNS
    blocks = [new[at * size : (at + 1) * size] for at in range(_N_RUNS)]
    with _all_cached(target, newcomers=size * _N_RUNS):
        return [generator.closed_loop(block).cpu_us for block in blocks]


def _fused(world: World, target: Target, generator: Generator) -> list[float]:
    """CPU microseconds of calls with the fused merge."""
    requests = world.requests(world.settings.calls // 5, merge_policy=pb.MERGE_POLICY_FUSED)
    generator.closed_loop(requests)
    with _all_cached(target):
        return [generator.closed_loop(requests).cpu_us for _ in range(world.settings.rounds)]


def _batches(world: World, target: Target, generator: Generator) -> list[float]:
    """CPU microseconds of a user of a batch."""
    n = world.settings.calls
    requests = list(batch_requests(N_BATCHES, n, n_users=world.settings.users, pin_ids=world.pin_ids))
    for request in requests:
        generator.batch(request)
    with _all_cached(target):
        return [generator.batch(request) / n for request in requests]
