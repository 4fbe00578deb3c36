"""How unevenly two workers share connections: the kernel deals them out, and calls stay where they began."""

import re
from collections.abc import Mapping

import numpy as np

from benchmarks.serving.figures import Figure
from benchmarks.serving.flood import Callers, flood
from benchmarks.serving.processes import Target
from benchmarks.serving.served import World, served
from pinnersage.v1 import recommender_pb2 as pb

CONNECTIONS = (4, 16, 64)
_DEALS = 10
_CALLS = 10  # of each connection
_LEAST_S = 30.0
# Not the cost of answers is looked at: this user has none.
_REQUEST = pb.RecommendRequest(user_id="nobody").SerializeToString()
_OF_WORKER = re.compile(r"pinnersage_worker_calls_total\{.*worker=\"\d+\".*\}")


def skew(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """The busier worker's calls over the mean of both: 1 is even, 2 is all of them."""
    with served(world, 64, "--workers=2") as (target, _generator):
        return {
            f"skew_at_{n}_connections": Figure.of([_dealt(target, n) for _ in range(_DEALS)])
            for n in CONNECTIONS
        }


def _dealt(target: Target, connections: int) -> float:
    before = _calls(target)
    flood(
        target.port,
        target.method,
        [_REQUEST],
        np.zeros(_CALLS * connections),
        callers=Callers(connections=connections, streams=1),
        lasts_s=_LEAST_S,
    )
    calls = _calls(target) - before
    return float(calls.max() / calls.mean())


def _calls(target: Target) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """float64 [workers]: calls of each worker so far."""
    return np.array([value for name, value in target.counts().items() if _OF_WORKER.fullmatch(name)])
