"""Cold calls: the user's profile is parsed, and not one of the lists is cached."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from benchmarks.serving.drawing import Asked, again, apart, drawn_by
from benchmarks.serving.figures import Figure, ratios
from benchmarks.serving.processes import Target
from benchmarks.serving.searches import searching
from benchmarks.serving.served import World, served

K = 200  # of the first tier: what 400 candidates of 3 interests take
_N_BLOCKS = 12
_N_TAILS = 3
_N_CANDIDATES = 4_000


def cold(world: World, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """Beside the ceiling and what FAISS alone takes for the same searches, in turns with it.

    Every user has been asked for once, of other interests: so their profiles are parsed, and the memory that
    searches walk through has been touched, as it has in the process that searches alone.
    """
    candidates = world.requests(_N_CANDIDATES, seed=7)
    firsts, seconds = apart(drawn_by(world, candidates), drawn_by(world, again(candidates, seed=10**9)))
    size = len(seconds) // _N_BLOCKS
    blocks = [seconds[at * size : (at + 1) * size] for at in range(_N_BLOCKS)]
    cpu_us: list[float] = []
    raw_us: list[float] = []
    took_us: list[float] = []
    with (
        searching(world.pins, K, world.settings.ef_search) as searcher,
        served(world, cache_mb=100_000) as (target, generator),
    ):
        generator.closed_loop([each.request for each in firsts])
        with _all_searched(target, blocks):
            for block in blocks:
                cpu_us.append(generator.closed_loop([each.request for each in block]).cpu_us)
                alone = searcher.search(each.rows for each in block)
                raw_us.append(alone.cpu_us)
                took_us += alone.took_us
    least_us = figures["ceiling_cpu_us"].value
    return {
        "cold_over_predicted": ratios([least_us + each for each in raw_us], cpu_us, "at least 0.90"),
        "cold_cpu_us": Figure.of(cpu_us),
        "raw_search_cpu_us": Figure.of(raw_us),
        "raw_search_p99_us": Figure.of(
            [float(np.percentile(each, 99)) for each in np.array_split(took_us, _N_TAILS)]
        ),
    }


@contextmanager
def _all_searched(target: Target, blocks: Sequence[Sequence[Asked]]) -> Iterator[None]:
    """Every list of the blocks is missed meanwhile, and no profile is parsed."""
    needed = sum(len(each.rows) for block in blocks for each in block)
    expected = target.hits(), target.parsed(), target.misses() + needed
    yield
    if (target.hits(), target.parsed(), target.misses()) != expected:
        raise RuntimeError("a cold call met a list in the cache, or a profile that was not parsed")
