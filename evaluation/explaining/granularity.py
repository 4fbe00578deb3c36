"""Is it the number of interests? Ward's threshold varied from every pin for itself to one cluster a user."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.drawing import draws
from evaluation.explaining.answering import (
    SINGLE_KEYS,
    centroid_scores,
    fused_answer,
    interests_of,
    medoid_scores,
    ranking,
    rankings,
    single_scores,
)
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.judging import METRICS, reach, worth
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import OVER_BEST, Line, Point, lift_figures, measures
from evaluation.explaining.sights import Sight
from evaluation.explaining.words import lifted, listed
from evaluation.methods import SINGLES

FACTORS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 3.0, np.inf)
"""Of the calibrated alpha."""
_COUNT = "clusters"
_E_IMPORTANT = 10
_METHODS: Final = {
    "sampled": ("3 medoids, sampled", "several"),
    "top-10": ("10 medoids, most important", "several"),
    "centroid": ("3 centroids, sampled", "several"),
    "centroid-10": ("10 centroids, most important", "several"),
    "fused": ("20 medoids, fused", "fused"),
}


def observer(bench: Bench) -> Observer:
    """Every method at every threshold."""

    def observe(sight: Sight) -> Observation:
        found = {
            method.key: worth(sight, ranking(single_scores(sight, method), bench.n), bench.thresholds)
            for method in SINGLES
        }
        for factor in FACTORS:
            at = sight.at(factor * bench.world.alpha if factor else 0.0)
            found[f"{_COUNT}.{factor:g}"] = np.array([len(at.clusters.medoids)], np.float64)
            found |= {f"{key}.{factor:g}": values for key, values in _methods(at, bench)}
        return found

    return observe


def conclude(observed: Observed) -> Conclusion:
    """One drawing, over the mean number of clusters."""
    judged = {key: values for key, values in observed.values.items() if not key.startswith(_COUNT)}
    counts = {factor: float(observed.values[f"{_COUNT}.{factor:g}"].mean()) for factor in FACTORS}
    outcome = observed.outcome(judged, METRICS)
    lines = [
        Line(
            name,
            kind,
            tuple(Point(_tick(f, counts[f]), f"{key}.{f:g}", SINGLE_KEYS) for f in reversed(FACTORS)),
        )
        for key, (name, kind) in _METHODS.items()
    ]
    return Conclusion(
        answer=_answer(outcome, counts),
        figures=lift_figures(
            "clusters",
            outcome,
            lines,
            measures(observed.thresholds),
            title="Lift by clusters a user",
            x_title="alpha over the calibrated one; clusters a user",
            note=f"Y: {OVER_BEST}. On the left one cluster a user, on the right every pin for itself.",
        ),
    )


def _methods(sight: Sight, bench: Bench) -> Iterator[tuple[str, NDArray[np.float64]]]:
    interests = interests_of(sight, bench.lambda_per_day)
    chosen = draws(interests.importances, bench.e, bench.protocol.n_seeds, sight.generator(1))
    first = np.arange(min(_E_IMPORTANT, len(interests)))[np.newaxis]
    medoids, centroids = medoid_scores(sight, interests), centroid_scores(sight, interests)
    for key, scores, picked in (
        ("sampled", medoids, chosen),
        ("top-10", medoids, first),
        ("centroid", centroids, chosen),
        ("centroid-10", centroids, first),
    ):
        used = scores[: picked.max() + 1]
        found = reach(sight, rankings(used, bench.n // picked.shape[1]))
        yield key, found.of(picked).worth(bench.thresholds).mean(axis=0)
    fused = fused_answer(sight, bench.fusion, bench.lambda_per_day, bench.n)
    yield "fused", worth(sight, fused, bench.thresholds)


def _answer(outcome: Outcome, counts: Mapping[float, float]) -> str:
    """Where each method is at its best, and what one cluster is."""
    best = {key: outcome.best([f"{key}.{f:g}" for f in FACTORS], METRICS[2]) for key in _METHODS}
    parts = [
        f"{_METHODS[key][0]} at {counts[float(place.partition('.')[2])]:.1f} clusters "
        f"({lifted(outcome.lift(place, SINGLE_KEYS, METRICS[2]))})"
        for key, place in best.items()
    ]
    limit = outcome.lift(f"centroid.{np.inf:g}", "decay-0", METRICS[2])
    return (
        f"Recall is highest for {listed(parts)}, over the best single embedding. The centroid of one cluster "
        f"is the undecayed average of distinct pins: {lifted(limit)} against the average of all actions."
    )


def _tick(factor: float, count: float) -> str:
    """The factor, and below it what it makes of users."""
    return f"{'∞' if np.isinf(factor) else f'{factor:g}'}\n{count:.1f}"


EXPERIMENT = Experiment(
    key="granularity",
    question="Are there too many interests, or too few?",
    varied="Ward’s threshold alpha, from every pin for itself to one cluster a user.",
    fixed="People, pool, vectors, 400 candidates, lambda.",
    observer=observer,
    conclude=conclude,
)
