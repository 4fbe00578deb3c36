"""`python -m benchmarks.merging`: what a request costs with the fused merge, beside the interleaved one.

All lists are in the cache: what is measured is the CPU of everything but gRPC, the profile store and
searches. Both policies take turns, so that what disturbs a round disturbs both.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.world import N_INTERESTS, USER, CountedPins, recommender_of, themed_pins
from model.fusing import SPREAD_OVER, Spread, contributions, fuse, traced, union
from pinnersage.v1 import recommender_pb2 as pb
from process.commands import Program, setting
from server.calls import Call
from server.candidate_lists import CandidateList
from server.deadlines import Deadline
from server.merging import Filters, Selection
from server.recommending import Recommender
from server.servicer import Servicer
from server.validation import Defaults
from storage.pins.scoring import widened

StepT = TypeVar("StepT")

REQUESTS = {
    "interleaved": pb.RecommendRequest(
        user_id=USER, merge_policy=pb.MERGE_POLICY_INTERLEAVED
    ).SerializeToString(),
    "fused": pb.RecommendRequest(user_id=USER, merge_policy=pb.MERGE_POLICY_FUSED).SerializeToString(),
}
N_CANDIDATES = 400
CALL = Call("benchmark", "Recommend", Deadline())


@dataclass(frozen=True, kw_only=True)
class MergingSettings:
    """Measure the CPU of warm requests under both merge policies, and how many lists a cold one searches."""

    pins: Annotated[int, setting("Pins in the pool.", env="BENCH_PINS", low=5_000)] = 100_000
    dimension: Annotated[int, setting("Of a vector.", env="BENCH_DIMENSION", low=8, high=4_096)] = 256
    medoids: Annotated[
        int, setting("That stand for the user, of 5 interests.", env="BENCH_MEDOIDS", low=5, high=40)
    ] = 40
    rounds: Annotated[int, setting("Both policies take turns so often.", env="BENCH_ROUNDS", low=1)] = 40
    requests: Annotated[int, setting("Requests a round.", env="BENCH_REQUESTS", low=1)] = 20
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/merging.json"
    )


@dataclass(frozen=True, kw_only=True)
class PolicyCost:
    """What a policy costs.

    Attributes:
        searches: Lists that a cold request searches, in one call of the index.
        cpu_us: CPU microseconds of a warm request, the median over rounds.
        ratio: To the interleaved policy in the same round, the median.
    """

    searches: int
    cpu_us: float
    ratio: float


def measure(settings: MergingSettings) -> None:
    """Measure, show and write."""
    pins = themed_pins(settings.pins, settings.dimension)
    recommender = recommender_of(pins, n_medoids=settings.medoids)
    policies = policy_costs(recommender, pins, settings)
    n_distinct, steps = step_costs(recommender, settings)
    _show(policies, steps, n_distinct)
    _write(settings, policies, steps, n_distinct)


def policy_costs(
    recommender: Recommender, pins: CountedPins, settings: MergingSettings
) -> Mapping[str, PolicyCost]:
    """Of each policy."""
    servicer = Servicer(recommender, Defaults(pb.MERGE_POLICY_INTERLEAVED))
    searches = {name: _searches(servicer, pins, request) for name, request in REQUESTS.items()}
    # What is sampled differs from call to call: all lists are fetched before anything is timed.
    every_interest = pb.RecommendRequest(user_id=USER, max_interests=N_INTERESTS)
    servicer.recommend(every_interest.SerializeToString(), CALL)
    taken = {name: np.empty(settings.rounds) for name in REQUESTS}
    for at in range(settings.rounds):
        for name, request in REQUESTS.items():
            taken[name][at] = cpu_us(partial(servicer.recommend, request, CALL), settings.requests)
    return {
        name: PolicyCost(
            searches=searches[name],
            cpu_us=float(np.median(each)),
            ratio=float(np.median(each / taken["interleaved"])),
        )
        for name, each in taken.items()
    }


def step_costs(recommender: Recommender, settings: MergingSettings) -> tuple[int, Mapping[str, float]]:
    """CPU microseconds of each step of the fused merge, and how many distinct pins its lists hold.

    The steps of server.fusing one by one, each again and again on the same lists: its memory is warmer here.
    """
    lists, filters, weights, rows = _fused_lists(recommender)
    X, policy, n = recommender.pins.embeddings, recommender.profiles.batch.parameters.fusing, N_CANDIDATES
    taken: dict[str, float] = {}

    def timed(name: str, step: Callable[[], StepT]) -> StepT:
        taken[name] = float(np.median([cpu_us(step, settings.requests) for _ in range(settings.rounds)]))
        return step()

    allowed = timed("filter", lambda: filters.allowed_in_each(lists))
    held = [each.rows[at] for each, at in zip(lists, allowed, strict=True)]
    distinct, places = timed("union", lambda: union(held))
    gathered = timed("gather", lambda: X[distinct])
    F, Q = timed("widen", lambda: widened(gathered)), widened(X[rows])
    cosines = timed("product", lambda: Q @ F.T)
    spread = Spread.of(each.spread for each in lists if each.spread)
    parts = timed("exp", lambda: contributions(cosines, weights, spread))
    scores = timed("sum", lambda: parts.sum(axis=0))
    answer = timed("select", lambda: fuse(places, scores, fused_share=policy.fused_share, n=n))
    came = timed("trace", lambda: Selection.among(allowed, traced(places, parts[:, answer], answer)))
    timed("join", lambda: came.elements(lists))
    return len(distinct), taken


def _fused_lists(
    recommender: Recommender,
) -> tuple[list[CandidateList], Filters, NDArray[np.float64], NDArray[np.int64]]:
    """The lists of the user's medoids, what may not come back, and the medoids' weights and rows."""
    profile = recommender.profiles.load(USER, recommender.clock())
    if profile is None:
        raise LookupError(f"the benchmark's own user {USER!r} is missing")
    medoids, rows = recommender.profiles.representatives(profile)
    filters = Filters(
        representatives=recommender.pins.representatives,
        excluded=(profile.seen.astype(np.int32),),
        min_score=None,
    )
    fetched = recommender.retrieval.fetch(
        list(zip(medoids.pin_ids, rows.tolist(), strict=True)), at_least=SPREAD_OVER, deadline=Deadline()
    )
    return [each.candidates for each in fetched], filters, medoids.weights, rows


def cpu_us(call: Callable[[], object], n: int) -> float:
    """CPU microseconds of one call, the mean of n."""
    began = time.process_time_ns()
    for _ in range(n):
        call()
    return (time.process_time_ns() - began) / n / 1_000


def _searches(servicer: Servicer, pins: CountedPins, request: bytes) -> int:
    before = pins.n_searches
    servicer.recommend(request, CALL)
    return pins.n_searches - before


def _show(policies: Mapping[str, PolicyCost], steps: Mapping[str, float], n_distinct: int) -> None:
    costs = Table("policy", "searches, cold", "CPU, warm", "ratio")
    for name, cost in policies.items():
        costs.add_row(name, f"{cost.searches}", f"{cost.cpu_us:,.0f} us", f"{cost.ratio:.2f}")
    by_step = Table("step of the fused merge", "CPU")
    for name, taken in steps.items():
        by_step.add_row(name, f"{taken:,.0f} us")
    console = Console()
    console.print(costs, by_step, f"{n_distinct:,} distinct pins in the fused lists")


def _write(
    settings: MergingSettings,
    policies: Mapping[str, PolicyCost],
    steps: Mapping[str, float],
    n_distinct: int,
) -> None:
    figures = {
        "pins": settings.pins,
        "dimension": settings.dimension,
        "medoids": settings.medoids,
        "policies": {name: asdict(cost) for name, cost in policies.items()},
        "fused_steps_us": dict(steps),
        "fused_distinct_pins": n_distinct,
    }
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Run the program and return its exit status."""
    program = Program("benchmarks.merging", expected=(OSError,))
    program.command("merging", MergingSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
