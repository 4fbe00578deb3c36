"""Chooses a configuration on the validation period, by a rule fixed beforehand."""

from collections.abc import Sequence

from evaluation.comparing import Comparison
from evaluation.methods import Method
from evaluation.results import Lift

CRITERION = ("relevance@0.5%", "relevance@0.8", "recall")
RULE = (
    "the fused method whose least lift over the best single embedding, of relevance at both thresholds and "
    "of recall, was greatest in validation"
)


def choose(candidates: Sequence[Method], comparison: Comparison) -> Method:
    """The candidate whose worst lift over the best single embedding is greatest; the first of equals."""
    return max(candidates, key=lambda method: least_lift(method, comparison))


def least_lift(method: Method, comparison: Comparison) -> float:
    """The smallest of its lifts, without metrics that are 0 for every single embedding: they tell nothing."""
    return min((lift.value for lift in lifts_of(method, comparison) if lift), default=0.0)


def lifts_of(method: Method, comparison: Comparison) -> list[Lift | None]:
    """Over the best single embedding, by CRITERION."""
    return [comparison.over_best_single(method, metric) for metric in CRITERION]
