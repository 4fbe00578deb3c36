"""Is it the noise of drawing interests? Draws, several requests a day, and no drawing at all."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.drawing import draws
from evaluation.explaining.answering import (
    SINGLE_KEYS,
    interests_of,
    joined,
    medoid_scores,
    ranking,
    rankings,
    single_scores,
)
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.judging import METRICS, reach, worth
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import OVER_BEST, lift_table, measures
from evaluation.explaining.sights import Places, Sight
from evaluation.explaining.words import lifted, share, weighed
from evaluation.methods import SINGLES
from evaluation.results import Column

REQUESTS: Final = (2, 4, 8)
_VARIANCE = "variance"
_ONE_DRAW: Final = "sampled"


def observer(bench: Bench) -> Observer:
    """One request, a day of several, and the most important interests without drawing."""

    def observe(sight: Sight) -> Observation:
        found = {
            method.key: worth(sight, ranking(single_scores(sight, method), bench.n), bench.thresholds)
            for method in SINGLES
        }
        interests = interests_of(sight, bench.lambda_per_day)
        lists = rankings(medoid_scores(sight, interests), bench.n)
        drawn = draws(interests.importances, bench.e, bench.protocol.n_seeds, sight.generator(1))
        heads = [of_list[: bench.n // drawn.shape[1]] for of_list in lists]
        each = reach(sight, heads).of(drawn).worth(bench.thresholds)
        found[_ONE_DRAW] = each.mean(axis=0)
        found[_VARIANCE] = each.var(axis=0, ddof=1) if len(each) > 1 else np.zeros(len(METRICS))
        for key, answers in _days(lists, interests.importances, sight, bench):
            found[key] = reach(sight, answers).worth(bench.thresholds).mean(axis=0)
        return found

    return observe


def conclude(observed: Observed) -> Conclusion:
    """One table."""
    judged = {key: values for key, values in observed.values.items() if key != _VARIANCE}
    outcome = observed.outcome(judged, METRICS)
    noise = _noise(observed)
    best = outcome.best(SINGLE_KEYS, METRICS[2])
    single = {method.key: method.title for method in SINGLES}
    rows = [
        (best, single[best], "single"),
        (_ONE_DRAW, "3 medoids, one request, drawn", "several"),
        *((f"day-{r}", f"3 medoids, {r} requests, drawn each time", "several") for r in REQUESTS),
        ("top", "3 medoids, the most important", "several"),
        *((f"top-{r}", f"{3 * r} medoids, the most important", "several") for r in REQUESTS),
    ]
    return Conclusion(
        answer=_answer(outcome, noise),
        tables={
            "requests": lift_table(
                outcome,
                rows,
                measures(observed.thresholds),
                title="A day’s 400 candidates from drawn interests, and from the most important ones",
                over=SINGLE_KEYS,
                note="Several requests share the 400; an interest drawn again goes on in its list. "
                f"Lifts: {OVER_BEST}.",
                extra={
                    "noise": (
                        Column(title="Variance due to drawing, recall", unit="share", higher_is_better=None),
                        {_ONE_DRAW: noise[METRICS[2]]},
                    )
                },
            )
        },
    )


def _days(
    lists: list[Places], importances: NDArray[np.float64], sight: Sight, bench: Bench
) -> Iterator[tuple[str, list[Places]]]:
    """Each way to spend a day's candidates, with the answers of all its draws."""
    n, e = bench.n, bench.e
    yield "top", [joined([one[: n // len(lists[:e])] for one in lists[:e]])]
    for r in REQUESTS:
        days = [
            draws(importances, e, r, generator)
            for generator in (sight.generator(100 + i) for i in range(bench.protocol.n_seeds))
        ]
        yield f"day-{r}", [_of_day(lists, day, n, r) for day in days]
        some = lists[: e * r]
        yield f"top-{r}", [joined([one[: n // len(some)] for one in some])]


def _of_day(lists: list[Places], drawn: NDArray[np.int64], n: int, r: int) -> Places:
    """The union of a day's requests of n / r candidates; drawn as often as not, a list is read on."""
    times = np.bincount(drawn.ravel(), minlength=len(lists))
    # With no more interests than are drawn, one draw stands for all: it is the same every time.
    times = times * r // len(drawn)
    length = n // r // drawn.shape[1]
    return joined([one[: length * k] for one, k in zip(lists, times.tolist(), strict=True)])


def _noise(observed: Observed) -> Mapping[str, float]:
    """By metric, the part of a request's variance that drawing adds to that between cases."""
    within = observed.values[_VARIANCE].mean(axis=0)
    n_seeds = observed.protocol.n_seeds
    between = observed.values[_ONE_DRAW].var(axis=0) - within / n_seeds
    shares = within / np.maximum(within + np.maximum(between, 0), np.finfo(np.float64).tiny)
    return dict(zip(METRICS, shares.tolist(), strict=True))


def _answer(outcome: Outcome, noise: Mapping[str, float]) -> str:
    """What not drawing gains, against what is missing."""
    recall = METRICS[2]
    gain = outcome.lift("top", _ONE_DRAW, recall)
    day = outcome.lift(f"day-{REQUESTS[-1]}", _ONE_DRAW, recall)
    missing = outcome.lift(_ONE_DRAW, SINGLE_KEYS, recall)
    return (
        f"Drawing is {share(noise[recall])} of the variance of recall between requests. The 3 most "
        f"important interests change recall by {weighed(gain)}, {REQUESTS[-1]} requests a day instead of "
        f"one by {weighed(day)}; one request of drawn medoids stands at {lifted(missing)} over the best "
        "single embedding."
    )


EXPERIMENT = Experiment(
    key="drawing_interests",
    question="Is it the noise of drawing interests?",
    varied="Draws: of one request, of 2, 4 or 8 a day that share the 400 candidates, or none.",
    fixed="People, pool, vectors, clusters, medoids, equal budgets.",
    observer=observer,
    conclude=conclude,
)
