"""`python -m benchmarks.profiles`: users a second of Algorithm 2, beside other ways to the same medoids.

One thread, CPU time. All take turns in every round, so that what disturbs a round disturbs all of them;
ratios are medians over rounds. scikit-learn takes part where it is installed.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.profile_contenders import Contender, contenders
from benchmarks.profile_world import NOW_S, PARAMETERS, actions_of, pins_of, rules_of, user_of
from model.interests import Actions
from model.profile import build_many
from process.commands import Program, setting
from profile_builder.blas import ONE_THREAD
from profile_builder.local import LocalPolicy, build_users, keep_freed_memory

SIZES = (20, 50, 100, 200, 500, 1_000, 2_000)
GROWTH_FROM = 500
ALGORITHM_2 = "algorithm 2"

Way = Callable[[Sequence[Actions]], object]

_PINS_A_ROUND = 4_000
_SCALING_PINS, _SCALING_ACTIONS = 20_000, 100


@dataclass(frozen=True, kw_only=True)
class ProfilesSettings:
    """Measure how fast users' interests are built, and how that grows with their pins."""

    dimension: Annotated[int, setting("Of a vector.", env="BENCH_DIMENSION", low=8, high=4_096)] = 256
    rounds: Annotated[int, setting("All take turns so often.", env="BENCH_ROUNDS", low=1)] = 11
    scaling_users: Annotated[
        int, setting("Users that one and two processes build; 0 leaves it out.", env="BENCH_USERS", low=0)
    ] = 6_000
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/profiles.json"
    )


@dataclass(frozen=True, kw_only=True)
class SizeFigures:
    """What users of m pins take.

    Attributes:
        n_clusters: Of a user, on average.
        cpu_ms: CPU milliseconds a user, the median over rounds; of the whole of Algorithm 2 (built together,
            with importances and representatives), and of each contender's way to the medoids.
        users_a_second: The whole of Algorithm 2 on one core.
        ratios: How many times the service's way each other contender takes, the median over rounds.
        whole_ratios: How many times the whole of Algorithm 2 each other contender's way takes.
    """

    n_clusters: float
    cpu_ms: Mapping[str, float]
    users_a_second: float
    ratios: Mapping[str, float]
    whole_ratios: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What a second process of the batch's local engine brings: more users less fewer, so without the start.

    Attributes:
        wall_ratio: Users a second of two processes over one, by the clock: right on an idle machine only.
        cpu_ratio: The same if two cores were idle: twice one process's CPU time over what both take.
    """

    wall_ratio: float
    cpu_ratio: float


def measure(settings: ProfilesSettings) -> None:
    """Measure, show and write."""
    keep_freed_memory()
    users = {m: _users_of(m, settings.dimension) for m in SIZES}
    for m in SIZES:
        _require_the_same(users[m][0])
    taken = _rounds(users, settings.rounds)
    figures = {m: _figures(users[m], taken[m]) for m in SIZES}
    growth = {name: _exponent({m: figures[m].cpu_ms[name] for m in SIZES}) for name in taken[SIZES[0]]}
    scaling = _scaling(settings) if settings.scaling_users else None
    _show(figures, growth, scaling)
    _write(settings, figures, growth, scaling)


def _users_of(m: int, d: int) -> Sequence[Actions]:
    return [user_of(m, d, seed) for seed in range(max(1, _PINS_A_ROUND // m))]


def _require_the_same(user: Actions) -> None:
    """All contenders find the same medoids."""
    found = {name: sorted(way(user.vectors, PARAMETERS.alpha).tolist()) for name, way in contenders().items()}
    if len(set(map(tuple, found.values()))) > 1:
        raise ValueError(f"not the same medoids of {len(user)} pins: {found}")


def _rounds(
    users: Mapping[int, Sequence[Actions]], rounds: int
) -> Mapping[int, Mapping[str, NDArray[np.float64]]]:
    """CPU milliseconds a user: of each size and each way float64 [rounds]."""
    ways: dict[str, Way] = {ALGORITHM_2: lambda these: build_many(these, PARAMETERS, NOW_S)}
    ways |= {name: partial(_one_by_one, way) for name, way in contenders().items()}
    taken = {m: {name: np.empty(rounds) for name in ways} for m in users}
    for at in range(rounds):
        for m, these in users.items():
            for name, way in ways.items():
                taken[m][name][at] = cpu_ms(partial(way, these)) / len(these)
    return taken


def _one_by_one(way: Contender, users: Sequence[Actions]) -> object:
    return [way(user.vectors, PARAMETERS.alpha) for user in users]


def cpu_ms(call: Callable[[], object]) -> float:
    """CPU milliseconds of one call."""
    began = time.process_time_ns()
    call()
    return (time.process_time_ns() - began) / 1_000_000


def _figures(users: Sequence[Actions], taken: Mapping[str, NDArray[np.float64]]) -> SizeFigures:
    medians = {name: float(np.median(each)) for name, each in taken.items()}
    others = [name for name in taken if name not in {ALGORITHM_2, "service"}]
    return SizeFigures(
        n_clusters=float(np.mean([len(each) for each in build_many(users, PARAMETERS, NOW_S)])),
        cpu_ms=medians,
        users_a_second=1_000 / medians[ALGORITHM_2],
        ratios={name: float(np.median(taken[name] / taken["service"])) for name in others},
        whole_ratios={name: float(np.median(taken[name] / taken[ALGORITHM_2])) for name in others},
    )


def _exponent(ms: Mapping[int, float]) -> float:
    """Of the growth: time ~ m^e, fitted from 500 pins on."""
    large = [m for m in ms if m >= GROWTH_FROM]
    return float(np.polyfit(np.log(large), np.log([ms[m] for m in large]), 1)[0])


def _scaling(settings: ProfilesSettings) -> Scaling:
    few, many = settings.scaling_users // 4, settings.scaling_users
    d = settings.dimension
    one, two = (
        np.subtract(_batch_s(many, processes, d), _batch_s(few, processes, d)) for processes in (1, 2)
    )
    return Scaling(wall_ratio=float(one[0] / two[0]), cpu_ratio=float(2 * one[1] / two[1]))


def _batch_s(n_users: int, processes: int, d: int) -> tuple[float, float]:
    """Seconds that the local engine takes, by the clock and of CPU in all its processes."""
    open_pins = partial(pins_of, _SCALING_PINS, d)
    pins, table = open_pins(), actions_of(n_users, _SCALING_ACTIONS, _SCALING_PINS)
    policy = LocalPolicy(processes=processes)
    began = time.perf_counter(), _cpu_s()
    for _ in build_users(table, pins, rules_of(d), open_pins=open_pins, policy=policy):
        pass
    return time.perf_counter() - began[0], _cpu_s() - began[1]


def _cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def _show(figures: Mapping[int, SizeFigures], growth: Mapping[str, float], scaling: Scaling | None) -> None:
    names = list(growth)
    table = Table("pins", "clusters", "users/s", *(f"{name}, ms" for name in names), "ratios", "of the whole")
    for m, each in figures.items():
        table.add_row(
            f"{m:,}",
            f"{each.n_clusters:.1f}",
            f"{each.users_a_second:,.0f}",
            *(f"{each.cpu_ms[name]:.3f}" for name in names),
            *(" ".join(f"{ratio:.2f}" for ratio in of.values()) for of in (each.ratios, each.whole_ratios)),
        )
    table.add_row("growth", "", "", *(f"m^{growth[name]:.2f}" for name in names), "", "")
    console = Console()
    console.print(table)
    if scaling:
        console.print(
            f"two processes over one: {scaling.cpu_ratio:.2f} by CPU, {scaling.wall_ratio:.2f} by clock"
        )


def _write(
    settings: ProfilesSettings,
    figures: Mapping[int, SizeFigures],
    growth: Mapping[str, float],
    scaling: Scaling | None,
) -> None:
    written = {
        "dimension": settings.dimension,
        "rounds": settings.rounds,
        "blas_kernels": os.environ.get("OPENBLAS_CORETYPE", "as OpenBLAS chooses"),
        "sizes": {str(m): asdict(each) for m, each in figures.items()},
        "growth_exponent_from_500": dict(growth),
        "two_processes_over_one": None if scaling is None else asdict(scaling),
    }
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def _in_one_thread() -> None:
    """Begin again with one thread: the BLAS looks when numpy loads it."""
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        arguments = [sys.executable, "-m", "benchmarks.profiles", *sys.argv[1:]]
        os.execve(sys.executable, arguments, os.environ | ONE_THREAD)  # noqa: S606 - itself


def main() -> int:
    """Run the program and return its exit status."""
    _in_one_thread()
    program = Program("benchmarks.profiles", expected=(OSError,))
    program.command("profiles", ProfilesSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
