"""The mix: users evenly, the cache's budget as it is; and what becomes of it with other users."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.figures import Figure
from benchmarks.serving.load import Block, Generator
from benchmarks.serving.processes import Target, bare, idle_private_bytes
from benchmarks.serving.served import World, served
from benchmarks.serving.world import Users, users_of
from process.progress import Reporter
from storage.pins.layout import INDEX

LOAD = 0.6
_GOAL = "at most 1.5"
_ALONE_RUNS, _ALONE_CALLS, _AT_LOAD_CALLS = 3, 500, 1_500
# With more each it takes minutes to write them, and nothing else changes.
_MANY_SEEN = Users(n=20_000, seen=2_000)


def mix(world: World, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The budget as it is; every call another user, as far as there are others."""
    settings = world.settings
    idle = idle_private_bytes()
    with served(world, settings.cache_mb) as (target, generator):
        opened = target.private_bytes()
        block, lookups = _asked(world, target, generator)
        private, cached, entries = target.private_bytes(), target.cached_bytes(), target.cached_lists()
        tails = _tails(world, target, generator, block, figures["raw_search_p99_us"].value)
    budget = settings.cache_mb * 1_000_000
    index_bytes = next(world.pins.glob(f"*/{INDEX}")).stat().st_size
    return (
        _figures("mix", block, lookups)
        | tails
        | {
            "bytes_an_entry": Figure.of([cached / max(entries, 1)]),
            "cache_filled": Figure.of([cached / budget]),
            "private_over_cache_budget": Figure.of([(private - idle) / budget], "at most 1.3"),
            "private_of_opening_over_index": Figure.of([(opened - idle) / index_bytes], "at most 0.01"),
        }
    )


def other_mixes(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """Medoids less unevenly popular; users who have seen ten times as many pins."""
    evener = replace(_users(world), zipf=0.8)
    return _mix_of(world, evener, "mix_at_zipf_0.8") | _mix_of(world, _MANY_SEEN, "mix_at_2000_seen")


def _mix_of(world: World, users: Users, name: str) -> dict[str, Figure]:
    folder = world.settings.out.parent / "serving"
    profiles = users_of(world.pins, users, folder, Reporter())
    other = replace(world, profiles=profiles, settings=replace(world.settings, users=users.n))
    with served(other, world.settings.cache_mb) as (target, generator):
        return _figures(name, *_asked(other, target, generator))


def _users(world: World) -> Users:
    return Users(n=world.settings.users, zipf=world.settings.zipf, seen=world.settings.seen)


def _asked(world: World, target: Target, generator: Generator) -> tuple[Block, tuple[float, float]]:
    """The second half of the calls, and its hits and misses; the first one fills the cache."""
    requests = world.requests(world.settings.mix_calls, seed=11)
    half = len(requests) // 2
    generator.closed_loop(requests[:half])
    hits, misses = target.hits(), target.misses()
    block = generator.closed_loop(requests[half:])
    return block, (target.hits() - hits, target.misses() - misses)


def _figures(name: str, block: Block, lookups: tuple[float, float]) -> dict[str, Figure]:
    return {
        f"{name}_cpu_us": Figure.of([block.cpu_us]),
        f"{name}_per_second": Figure.of([block.per_second]),
        f"{name}_hit_rate": Figure.of([lookups[0] / sum(lookups)]),
    }


def _tails(
    world: World, target: Target, generator: Generator, block: Block, raw_p99_us: float
) -> dict[str, Figure]:
    """The 99th percentile beside that of an empty call and of FAISS alone: one call at a time, and at load.

    At load calls wait for each other's searches, which no server on one core spares them.
    """
    requests = world.requests(_ALONE_RUNS * _ALONE_CALLS + _AT_LOAD_CALLS, seed=12)
    with bare(0, 8) as empty:
        empty_p99_us = _p99(_alone(empty, requests[:_ALONE_CALLS]))
    predicted_us = empty_p99_us + raw_p99_us
    alone = [
        _p99(_alone(target, requests[at * _ALONE_CALLS : (at + 1) * _ALONE_CALLS]))
        for at in range(_ALONE_RUNS)
    ]
    at_load = generator.open_loop(requests[-_AT_LOAD_CALLS:], LOAD * block.per_second, 0)
    return {
        "empty_p99_us": Figure.of([empty_p99_us]),
        "p99_over_predicted": Figure.of([each / predicted_us for each in alone], _GOAL),
        "p99_over_predicted_at_load": Figure.of([_p99(at_load) / predicted_us]),
    }


def _alone(target: Target, requests: Sequence[bytes]) -> NDArray[np.float64]:
    """Latencies of one call after the other."""
    with closing(Generator(target, 1)) as generator:
        return generator.closed_loop(requests).latencies_us


def _p99(latencies_us: NDArray[np.float64]) -> float:
    return float(np.percentile(latencies_us, 99))
