"""The mix: users evenly, the cache's budget as it is."""

from collections.abc import Mapping

from benchmarks.serving.figures import Figure
from benchmarks.serving.processes import idle_private_bytes
from benchmarks.serving.served import World, served
from storage.pins.layout import INDEX


def mix(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """The budget as it is; every call another user, as far as there are others."""
    settings = world.settings
    requests = world.requests(settings.mix_calls, seed=11)
    idle = idle_private_bytes()
    with served(world, cache_mb=settings.cache_mb) as (target, generator):
        opened = target.private_bytes()
        generator.closed_loop(requests[: settings.mix_calls // 2])
        hits, misses = target.hits(), target.misses()
        block = generator.closed_loop(requests[settings.mix_calls // 2 :])
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
