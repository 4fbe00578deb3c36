"""What does fusing add? Temperature, number of representatives, interleaved share, and the whole pool."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from evaluation.explaining.answering import (
    SINGLE_KEYS,
    all_pins,
    from_lists,
    ranking,
    single_scores,
    standing_for,
    together,
)
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.judging import METRICS, worth
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import OVER_BEST, Line, Point, lift_figures, measures
from evaluation.explaining.sights import Places, Sight
from evaluation.explaining.words import lifted, listed, side
from evaluation.methods import SINGLES

TEMPERATURES: Final = (0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0, np.inf)
NUMBERS: Final = (1, 2, 5, 10, 20, 40)
SHARES: Final = (0.0, 0.15, 0.3, 0.5, 0.7, 1.0)
"""Interleaved."""
_SHARED_T: Final = (0.2, 0.3, 1.0)
_WAYS: Final = {
    "lists": ("20 medoids, lists of 400", "fused"),
    "pool": ("20 medoids, whole pool", "several"),
    "all": ("all action pins, whole pool", "oracle"),
}


def observer(bench: Bench) -> Observer:
    """Every setting of the fusion, over the lists and over the whole pool."""

    def observe(sight: Sight) -> Observation:
        return {key: worth(sight, answer, bench.thresholds) for key, answer in _answers(sight, bench)}

    return observe


def conclude(observed: Observed) -> Conclusion:
    """Three drawings."""
    outcome = observed.outcome(observed.values, METRICS)
    titles = measures(observed.thresholds)
    note = f"Y: {OVER_BEST}."
    return Conclusion(
        answer=_answer(outcome),
        figures={
            **lift_figures(
                "temperature",
                outcome,
                [
                    Line(name, kind, tuple(_point(_t(t), f"{key}.t-{t:g}") for t in TEMPERATURES))
                    for key, (name, kind) in _WAYS.items()
                ],
                titles,
                title="Lift by temperature",
                x_title="temperature; ∞ ranks by the weighted average",
                note=note,
            ),
            **lift_figures(
                "representatives",
                outcome,
                [
                    Line(name, kind, tuple(_point(x, f"{key}.n-{x}") for x in (*map(str, NUMBERS), "all")))
                    for key, name, kind in (
                        ("lists", "medoids, lists of 400", "fused"),
                        ("pool", "medoids, whole pool", "several"),
                    )
                ],
                titles,
                title="Lift by representatives",
                x_title="representatives at most",
                note=note,
            ),
            **lift_figures(
                "interleaved",
                outcome,
                [
                    Line(f"T = {t:g}", "fused", tuple(_point(s, f"share.{t:g}-{s:g}") for s in SHARES))
                    for t in _SHARED_T
                ],
                titles,
                title="Lift by what is interleaved",
                x_title="share interleaved",
                x_unit="share",
                note=note,
            ),
        },
    )


def _answers(sight: Sight, bench: Bench) -> Iterator[tuple[str, Places]]:
    n, at = bench.n, bench.lambda_per_day
    for method in SINGLES:
        yield method.key, ranking(single_scores(sight, method), n)
    chosen, everything = standing_for(sight, bench.fusion.n_representatives, at), all_pins(sight, at)
    for t in TEMPERATURES:
        scores = together(sight, chosen, t)
        yield f"lists.t-{t:g}", from_lists(sight, chosen, scores, n)
        yield f"pool.t-{t:g}", ranking(scores, n)
        yield f"all.t-{t:g}", ranking(together(sight, everything, t), n)
        if t in _SHARED_T:
            for share in SHARES:
                yield f"share.{t:g}-{share:g}", from_lists(sight, chosen, scores, n, fused_share=1 - share)
    for name, limit in (*((str(q), q) for q in NUMBERS), ("all", sight.n_pins)):
        some = standing_for(sight, limit, at) if name != "all" else everything
        scores = together(sight, some, bench.fusion.temperature)
        yield f"lists.n-{name}", from_lists(sight, some, scores, n)
        yield f"pool.n-{name}", ranking(scores, n)


def _answer(outcome: Outcome) -> str:
    """The best temperature, and what the lists lose against the whole pool."""
    recall = METRICS[2]
    best = outcome.best([f"lists.t-{t:g}" for t in TEMPERATURES], recall)
    same_in_pool = best.replace("lists", "pool")
    lost = outcome.lift(best, same_in_pool, recall)
    verdict = {"above": "find more than", "below": "find less than", "level": "lose nothing certain against"}
    lifts = listed([lifted(outcome.lift(best, SINGLE_KEYS, metric)) for metric in METRICS])
    return (
        f"Recall is highest at T = {_t(float(best.partition('-')[2]))}: 20 medoids give {lifts} over the "
        f"best single embedding in the three measures; the lists {verdict[side(lost)]} the whole pool: "
        f"{lifted(lost)} in recall."
    )


def _point(x: float | str, key: str) -> Point:
    return Point(x, key, SINGLE_KEYS)


def _t(temperature: float) -> str:
    return "∞" if np.isinf(temperature) else f"{temperature:g}"


EXPERIMENT = Experiment(
    key="fusion",
    question="What does scoring by all representatives together add?",
    varied="The temperature, the representatives, the share interleaved, lists against the whole pool.",
    fixed="People, pool, vectors, clusters, 400 candidates, lambda; all by score unless it is varied.",
    observer=observer,
    conclude=conclude,
)
