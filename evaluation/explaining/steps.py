"""Where is it lost? From the paper's setting to one average and to the fused method, step by step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.drawing import draws
from evaluation.explaining.answering import (
    SINGLE_KEYS,
    centroid_scores,
    from_lists,
    interests_of,
    joined,
    medoid_scores,
    portions,
    ranking,
    rankings,
    single_scores,
    standing_for,
    together,
)
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.judging import METRICS, reach, worth
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import (
    DRAWN,
    OVER_BEST,
    as_cell,
    ends,
    lift_cells,
    lift_columns,
    measures,
)
from evaluation.explaining.sights import Places, Sight
from evaluation.explaining.words import lifted, listed, side
from evaluation.methods import DECAY_AVERAGES, PAPERS_LAMBDA, SINGLES
from evaluation.results import Cell, Figure, Row, Series, Table

_TEN: Final = 10
_AVERAGE: Final = next(method for method in DECAY_AVERAGES if method.lambda_per_day == PAPERS_LAMBDA)
_STEPS: Final = {
    "drawn": ("3 medoids, drawn: the paper’s", "several"),
    "important": ("the most important, not drawn", "several"),
    "ten": ("10 medoids, not 3", "several"),
    "proportional": ("budgets by importance", "several"),
    "refilled": ("overlap refilled", "several"),
    "centroids": ("centroids, not medoids", "several"),
    "one": ("one cluster a user, not several", "single"),
    "decayed": ("decayed weights, not equal", "single"),
}
_BRANCH: Final = {
    "scored": ("10 medoids scored together", "fused"),
    "twenty": ("20, several an interest", "fused"),
    "interleaved": ("a part interleaved", "fused"),
}
_ORDER: Final = (*_STEPS, *_BRANCH)
_BEFORE: Final = {
    **dict(zip(_ORDER[1:], _ORDER, strict=False)),
    "scored": "refilled",
}


def observer(bench: Bench) -> Observer:
    """Every step's answer."""

    def observe(sight: Sight) -> Observation:
        found = {
            method.key: worth(sight, ranking(single_scores(sight, method), bench.n), bench.thresholds)
            for method in SINGLES
        }
        found["drawn"] = _drawn(sight, bench)
        for key, answer in (*_apart(sight, bench), *_scored(sight, bench)):
            found[key] = worth(sight, answer, bench.thresholds)
        return found

    return observe


def conclude(observed: Observed) -> Conclusion:
    """A drawing of the steps in recall and relevance, and a table of what each adds."""
    outcome = observed.outcome(observed.values, METRICS)
    titles = measures(observed.thresholds)
    return Conclusion(
        answer=_answer(outcome),
        figures={"steps.lifts": _figure(outcome, titles)},
        tables={"changes": _table(outcome, titles)},
    )


def filled(lists: Sequence[Places], weights: NDArray[np.float64], n: int) -> Places:
    """N pins of lists in proportion to weights: what two of them share makes room for more of all."""
    wanted = n
    while True:
        given = portions(wanted, weights)
        answer = joined([one[:k] for one, k in zip(lists, given, strict=True)])
        if len(answer) >= n or wanted > n * len(lists):
            return answer[:n]
        wanted += n - len(answer)


def _drawn(sight: Sight, bench: Bench) -> NDArray[np.float64]:
    interests = interests_of(sight, bench.lambda_per_day)
    drawn = draws(interests.importances, bench.e, bench.protocol.n_seeds, sight.generator(1))
    heads = rankings(medoid_scores(sight, interests), bench.n // drawn.shape[1])
    values: NDArray[np.float64] = reach(sight, heads).of(drawn).worth(bench.thresholds).mean(axis=0)
    return values


def _apart(sight: Sight, bench: Bench) -> Iterator[tuple[str, Places]]:
    """The steps that lead to one average."""
    interests, n = interests_of(sight, bench.lambda_per_day), bench.n
    importances = interests.importances[:_TEN]
    medoids = rankings(medoid_scores(sight, interests)[:_TEN], n)
    centroids = rankings(centroid_scores(sight, interests)[:_TEN], n)
    three = medoids[: bench.e]
    yield "important", joined([one[: n // len(three)] for one in three])
    yield "ten", joined([one[: n // len(medoids)] for one in medoids])
    shares = zip(medoids, portions(n, importances), strict=True)
    yield "proportional", joined([one[:k] for one, k in shares])
    yield "refilled", filled(medoids, importances, n)
    yield "centroids", filled(centroids, importances, n)
    whole = sight.at(np.inf)
    yield "one", ranking(centroid_scores(whole, interests_of(whole, bench.lambda_per_day))[0], n)
    yield "decayed", ranking(single_scores(sight, _AVERAGE), n)


def _scored(sight: Sight, bench: Bench) -> Iterator[tuple[str, Places]]:
    """The steps that lead from filled lists to the fused method."""
    temperature, n = bench.fusion.temperature, bench.n
    for key, q, part in (
        ("scored", _TEN, 1.0),
        ("twenty", bench.fusion.n_representatives, 1.0),
        ("interleaved", bench.fusion.n_representatives, bench.fusion.fused_share),
    ):
        # As many as there are interests is one medoid each.
        limit = min(q, len(sight.clusters.medoids)) if key == "scored" else q
        chosen = standing_for(sight, limit, bench.lambda_per_day)
        yield key, from_lists(sight, chosen, together(sight, chosen, temperature), n, fused_share=part)


def _figure(outcome: Outcome, titles: Mapping[str, str]) -> Figure:
    """Both measures side by side, in colours that stand for no kind of method."""
    return Figure(
        title="Step by step",
        shape="bars",
        x_title="",
        y_title=OVER_BEST,
        y_unit="lift",
        note="Each step keeps those above it; “10 medoids scored together” goes on from “overlap refilled”.",
        series=tuple(
            _series(outcome, metric, title, kind)
            for (metric, title), kind in zip(titles.items(), ("oracle", "", "other"), strict=True)
            if metric in DRAWN
        ),
    )


def _series(outcome: Outcome, metric: str, title: str, kind: str) -> Series:
    lifts = {
        name: lift
        for key, (name, _) in {**_STEPS, **_BRANCH}.items()
        if (lift := outcome.lift(key, SINGLE_KEYS, metric)) is not None
    }
    return Series(
        name=title,
        kind=kind,
        x=tuple(lifts),
        y=tuple(lift.value for lift in lifts.values()),
        low=tuple(ends(lift)[0] for lift in lifts.values()),
        high=tuple(ends(lift)[1] for lift in lifts.values()),
    )


def _table(outcome: Outcome, titles: Mapping[str, str]) -> Table:
    """Each step's lift, and its change against the one before."""
    shown = {metric: titles[metric] for metric in DRAWN}
    by_step = {metric: f"{title}: by this step" for metric, title in shown.items()}
    return Table(
        title="What each step adds",
        note=f"First the {OVER_BEST}, then the lift over the step before.",
        columns={
            **lift_columns(shown),
            **{f"change.{key}": column for key, column in lift_columns(by_step).items()},
        },
        rows=tuple(
            Row(
                name=name,
                kind=kind,
                cells={
                    **lift_cells(outcome, key, SINGLE_KEYS, shown),
                    **{f"change.{metric}": _change(outcome, key, metric) for metric in shown},
                },
            )
            for key, (name, kind) in {**_STEPS, **_BRANCH}.items()
        ),
    )


def _change(outcome: Outcome, key: str, metric: str) -> Cell:
    return as_cell(outcome.lift(key, _BEFORE[key], metric) if key in _BEFORE else None)


def _answer(outcome: Outcome) -> str:
    """Which steps matter, beyond their intervals, on the way to the average and to the fused method."""
    recall = METRICS[2]
    missing = outcome.lift("drawn", "decayed", recall)
    return (
        f"The paper’s setting stands at {lifted(missing)} over the decay average in recall. "
        f"{_which(outcome, list(_STEPS)[1:], 'On the way from one to the other')} "
        f"{_which(outcome, list(_BRANCH), 'On the way to the fused method')}"
    )


def _which(outcome: Outcome, keys: Sequence[str], where: str) -> str:
    names = {**_STEPS, **_BRANCH}
    changes = {key: outcome.lift(key, _BEFORE[key], METRICS[2]) for key in keys}
    certain = [f"“{names[key][0]}” {lifted(lift)}" for key, lift in changes.items() if side(lift) != "level"]
    if not certain:
        return f"{where} no single step is certain to change it."
    return f"{where} these steps certainly change it: {listed(certain)}."


EXPERIMENT = Experiment(
    key="steps",
    question="Where is it lost, step by step?",
    varied="One thing at a time, each step keeping the ones before it.",
    fixed="People, pool, vectors, 400 candidates.",
    observer=observer,
    conclude=conclude,
)
