"""Cold calls: the user's profile is parsed, and not one of the lists is cached."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

from benchmarks.serving.drawing import Asked, again, apart, drawn_by
from benchmarks.serving.figures import Figure
from benchmarks.serving.processes import SERVER_CORE
from benchmarks.serving.served import World, served

K = 200  # of the first tier: what 400 candidates of 3 interests take
N_RUNS = 3
_N_CANDIDATES = 4_000


def cold(world: World, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """Beside the ceiling and what FAISS alone takes for the same searches.

    Every user has been asked for once, of other interests: so their profiles are parsed, and the memory that
    searches walk through has been touched, as it has in the process that searches alone.
    """
    candidates = world.requests(_N_CANDIDATES, seed=7)
    firsts, seconds = apart(drawn_by(world, candidates), drawn_by(world, again(candidates, seed=10**9)))
    size = len(seconds) // N_RUNS
    blocks = [seconds[at * size : (at + 1) * size] for at in range(N_RUNS)]
    with served(world, cache_mb=100_000) as (target, generator):
        generator.closed_loop([each.request for each in firsts])
        before = target.hits(), target.parsed()
        missed = target.misses()
        cpu_us = [generator.closed_loop([each.request for each in block]).cpu_us for block in blocks]
        searched = target.misses() - missed
        if (target.hits(), target.parsed()) != before or searched != sum(len(each.rows) for each in seconds):
            raise RuntimeError("a cold call met a list in the cache, or a profile that was not parsed")
    raw_us, raw_p99_us = zip(*[_raw_search(world, block) for block in blocks], strict=True)
    least_us = figures["ceiling_cpu_us"].value
    return {
        "cold_over_predicted": Figure.of(
            [(least_us + raw) / each for raw, each in zip(raw_us, cpu_us, strict=True)], "at least 0.90"
        ),
        "cold_cpu_us": Figure.of(cpu_us),
        "raw_search_cpu_us": Figure.of(raw_us),
        "raw_search_p99_us": Figure.of(raw_p99_us),
    }


def _raw_search(world: World, block: Sequence[Asked]) -> tuple[float, float]:
    """FAISS alone: CPU microseconds of the searches of a request, and the 99th percentile of their time."""
    lines = "\n".join(" ".join(map(str, each.rows)) for each in block)
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "benchmarks.serving.searches"]
    command += [str(world.pins), str(K), str(world.settings.ef_search)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    cpu_us, p99_us = map(float, done.stdout.split())
    return cpu_us, p99_us
