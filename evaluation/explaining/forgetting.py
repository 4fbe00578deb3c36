"""Is it the decay? Fused medoids and averages that forget at the same rate."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.explaining.answering import (
    averaged,
    fused_answer,
    interests_of,
    joined,
    medoid_scores,
    ranking,
    rankings,
)
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.judging import METRICS, worth
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import Line, Point, lift_figures, measures
from evaluation.explaining.sights import Sight
from evaluation.explaining.words import lifted, listed, side

LAMBDAS: Final = (0.0, 0.01, 0.03, 0.1, 0.3)
_METHODS: Final = {
    "top": ("3 medoids, most important", "several"),
    "fused": ("20 medoids, fused", "fused"),
}


def observer(bench: Bench) -> Observer:
    """Average, medoids and fusion at every rate."""

    def observe(sight: Sight) -> Observation:
        found: dict[str, NDArray[np.float64]] = {}
        for rate in LAMBDAS:
            interests = interests_of(sight, rate)
            medoids = medoid_scores(sight, interests)[: bench.e]
            answers = {
                "average": ranking(averaged(sight, sight.weights(rate)), bench.n),
                "top": joined(rankings(medoids, bench.n // len(medoids))),
                "fused": fused_answer(sight, bench.fusion, rate, bench.n),
            }
            found |= {
                f"{key}.{rate:g}": worth(sight, answer, bench.thresholds) for key, answer in answers.items()
            }
        return found

    return observe


def conclude(observed: Observed) -> Conclusion:
    """One drawing: lifts over the average that forgets at the same rate."""
    outcome = observed.outcome(observed.values, METRICS)
    lines = [
        Line(name, kind, tuple(Point(f"{r:g}", f"{key}.{r:g}", f"average.{r:g}") for r in LAMBDAS))
        for key, (name, kind) in _METHODS.items()
    ]
    return Conclusion(
        answer=_answer(outcome),
        figures=lift_figures(
            "lambda",
            outcome,
            lines,
            measures(observed.thresholds),
            title="Lift over the average with the same decay",
            x_title="lambda per day, of both",
            note="Y: lift over the average that forgets at the same rate.",
        ),
    )


def _answer(outcome: Outcome) -> str:
    """At which rates fusing wins over the same average, and the best rate of each."""
    recall = METRICS[2]
    wins = [r for r in LAMBDAS if side(outcome.lift(f"fused.{r:g}", f"average.{r:g}", recall)) == "above"]
    best = {key: outcome.best([f"{key}.{r:g}" for r in LAMBDAS], recall) for key in ("average", "fused")}
    between = outcome.lift(best["fused"], best["average"], recall)
    won = f"at lambda = {listed([f'{r:g}' for r in wins])}" if wins else "at none of these rates"
    return (
        f"Fused medoids find more than the average that forgets as they do {won}, beyond the interval. Each "
        f"at its own best rate (average {_rate(best['average'])}, fused {_rate(best['fused'])} a day), they "
        f"differ by {lifted(between)} in recall."
    )


def _rate(key: str) -> str:
    return key.partition(".")[2]


EXPERIMENT = Experiment(
    key="forgetting",
    question="Does an average win because it forgets at a better rate?",
    varied="The decay lambda, of averages and of importances alike.",
    fixed="People, pool, vectors, clusters, 400 candidates.",
    observer=observer,
    conclude=conclude,
)
