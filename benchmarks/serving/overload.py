"""Three times as many calls as can be answered: what is left of the answers, and what turning away costs.

Peak is a closed loop of 64 calls at a time: fewer or more bring no more answers a second. Three times its
rate is asked for in an open loop, peak and overload by turns, so that what disturbs one disturbs both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.figures import Figure, ratios
from benchmarks.serving.flood import OK, Callers, Flood, flood
from benchmarks.serving.processes import Target
from benchmarks.serving.requests import without_common_medoids
from benchmarks.serving.served import World, served

OVER = 3.0
ROUNDS = 3
_GOAL = "at least 0.90"
_AT_PEAK = Callers(connections=2, at_most=64)
# As many as the server advertises when nothing else is set: both together fit into its queue.
_LIMITED = Callers(connections=2, streams=64)
_UNLIMITED = Callers(connections=2)
# About what a full queue takes when every call searches.
_IMPATIENT = Callers(connections=2, streams=64, patience_s=1.0)
# The limit of calls on a connection is the callers' here. None grows old while it is measured.
_FLAGS = ("--streams=100000", "--connection-age-s=3600")
_FILLED, _ASKED_COLD = 600, 600


@dataclass(frozen=True, slots=True)
class Load:
    """How hard a server is pressed.

    Attributes:
        lasts_s: Seconds of peak, and again of overload, in each round.
        most_per_second: More than it can answer.
        storm_per_second: For the cost of turning away: so many calls a second that it is seen beside the
            cost of answers.
    """

    lasts_s: float
    most_per_second: float
    storm_per_second: float


WARM = Load(lasts_s=1.0, most_per_second=30_000, storm_per_second=30_000)
COLD = Load(lasts_s=2.0, most_per_second=1_000, storm_per_second=3_000)


@dataclass(frozen=True, slots=True, eq=False)
class Pressed:
    """A flood, and the server's CPU microseconds meanwhile."""

    flood: Flood
    cpu_us: float

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.flood.per_second()

    @property
    def answer_us(self) -> float:
        """Server CPU of an answer, with all that was turned away on top."""
        return self.cpu_us / max(1, self.flood.count(OK))

    def turned_away_us(self, answer_us: float) -> float:
        """Server CPU of a call turned away, where an answer costs so much."""
        answers = self.flood.count(OK)
        return (self.cpu_us - answer_us * answers) / max(1, len(self.flood.statuses) - answers)


@dataclass(frozen=True, slots=True)
class Turn:
    """Peak, and overload beside it."""

    peak: Pressed
    over: Pressed


def overload(world: World, _: Mapping[str, Figure]) -> dict[str, Figure]:
    """Warm and cold, with callers who respect the limit of calls on a connection, and with others.

    With deadlines of a second, answers count that came in time.
    """
    return _warm(world) | _cold(world)


def _warm(world: World) -> dict[str, Figure]:
    with served(world, 100_000, *_FLAGS) as (target, generator):
        requests = world.requests(_FILLED, seed=21)
        generator.closed_loop(requests)
        turns = _turns(target, requests, WARM, _LIMITED)
        r = _turned_away_over_served(target, requests, WARM, turns)
    return _of(turns, "warm") | _peak(turns, "warm") | {"reject_over_served_cpu_warm": r}


def _cold(world: World) -> dict[str, Figure]:
    with served(world, 1, *_FLAGS) as (target, generator):
        candidates = world.requests(_ASKED_COLD, seed=23)
        requests, _ = without_common_medoids(candidates, generator.answers(candidates))
        limited, unlimited, impatient = (
            _turns(target, requests, COLD, callers) for callers in (_LIMITED, _UNLIMITED, _IMPATIENT)
        )
        r = _turned_away_over_served(target, requests, COLD, limited)
    figures = _of(limited, "cold") | _of(unlimited, "cold_unlimited") | _of(impatient, "cold_with_deadlines")
    bound = goodput_bound(r.value)
    of_peak = figures["goodput_at_3x_over_peak_cold_unlimited"].runs
    return (
        figures
        | _peak(limited, "cold")
        | {
            "reject_over_served_cpu_cold": r,
            "goodput_bound_cold_unlimited": Figure.of([bound]),
            "goodput_over_bound_cold_unlimited": Figure.of([run / bound for run in of_peak], _GOAL),
        }
    )


def goodput_bound(r: float) -> float:
    """What is left of peak at three times its rate, when a call turned away costs r of one that is answered.

    Of g answered and 3 - g turned away: g + r (3 - g) = 1.
    """
    return max(0.0, (1 - OVER * r) / (1 - r))


def _turns(target: Target, requests: Sequence[bytes], load: Load, callers: Callers) -> list[Turn]:
    turns = []
    for seed in range(ROUNDS):
        peak = _press(target, requests, _AT_PEAK, np.zeros(round(load.most_per_second * load.lasts_s)), load)
        turns.append(
            Turn(peak, _press(target, requests, callers, _due(OVER * peak.per_second, load, seed), load))
        )
    return turns


def _turned_away_over_served(
    target: Target, requests: Sequence[bytes], load: Load, turns: Sequence[Turn]
) -> Figure:
    """What a call turned away costs over what an answer costs at peak, from storms of calls."""
    answer_us = float(np.median([turn.peak.answer_us for turn in turns]))
    storms = [
        _press(target, requests, _UNLIMITED, _due(load.storm_per_second, load, seed), load)
        for seed in range(ROUNDS)
    ]
    return Figure.of([each.turned_away_us(answer_us) / answer_us for each in storms])


def _of(turns: Sequence[Turn], name: str) -> dict[str, Figure]:
    over, peak = [turn.over for turn in turns], [turn.peak for turn in turns]
    goodput = ratios([each.per_second for each in over], [each.per_second for each in peak], _GOAL)
    cpu_us = ratios([each.answer_us for each in over], [each.answer_us for each in peak])
    return {f"goodput_at_3x_over_peak_{name}": goodput, f"answer_cpu_at_3x_over_peak_{name}": cpu_us}


def _peak(turns: Sequence[Turn], name: str) -> dict[str, Figure]:
    return {f"peak_per_second_{name}": Figure.of([turn.peak.per_second for turn in turns])}


def _due(per_second: float, load: Load, seed: int) -> NDArray[np.float64]:
    """Random moments at this rate, for as long as it lasts."""
    n = round(per_second * load.lasts_s)
    return np.sort(np.random.default_rng(seed).random(n)) * load.lasts_s


def _press(
    target: Target, requests: Sequence[bytes], callers: Callers, due_s: NDArray[np.float64], load: Load
) -> Pressed:
    cpu_us = target.cpu_us()
    flooded = flood(target.port, target.method, requests, due_s, callers=callers, lasts_s=load.lasts_s)
    return Pressed(flooded, target.cpu_us() - cpu_us)
