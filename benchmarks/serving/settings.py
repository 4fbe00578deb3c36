"""What the benchmark of serving can be told, by flag or by variable."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from process.commands import setting


@dataclass(frozen=True, kw_only=True)
class ServingSettings:
    """Measure the CPU and latency of Recommend and RecommendBatch, as ratios to the least possible."""

    pins: Annotated[Path | None, setting("Pin artefact; made up when left out.", env="BENCH_PINS")] = None
    n_pins: Annotated[int, setting("Pins of the made-up one.", env="BENCH_N_PINS", low=10_000)] = 50_000
    id_bytes: Annotated[int, setting("Of each pin id; 0 as they are.", env="BENCH_ID_BYTES", low=0)] = 12
    users: Annotated[int, setting("Users with a profile.", env="BENCH_USERS", low=1_000)] = 100_000
    zipf: Annotated[float, setting("Popularity of medoids.", env="BENCH_ZIPF", low=0.0, high=2.0)] = 1.0
    seen: Annotated[int, setting("Pins each has seen.", env="BENCH_SEEN", low=100)] = 200
    ef_search: Annotated[int, setting("HNSW efSearch.", env="EF_SEARCH", low=1)] = 320
    cache_mb: Annotated[int, setting("Cache budget of the mix.", env="CACHE_MB", low=16)] = 512
    mix_calls: Annotated[int, setting("Calls of the mix.", env="BENCH_MIX_CALLS", low=1_000)] = 6_000
    calls: Annotated[int, setting("Calls of a block.", env="BENCH_CALLS", low=100)] = 500
    rounds: Annotated[int, setting("Blocks of each kind.", env="BENCH_ROUNDS", low=3)] = 11
    only_warm: Annotated[bool, setting("Nothing but warm calls.", env="BENCH_ONLY_WARM")] = False
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/serving.json"
    )
