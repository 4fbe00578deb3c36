"""Is it the equal budget of every interest? Shares of the candidates varied."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.explaining.answering import (
    SINGLE_KEYS,
    centroid_scores,
    interests_of,
    joined,
    medoid_scores,
    portions,
    ranking,
    rankings,
    single_scores,
)
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.judging import METRICS, worth
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import OVER_BEST, lift_table, measures
from evaluation.explaining.sights import Places, Sight
from evaluation.explaining.words import lifted, weighed
from evaluation.methods import SINGLES
from evaluation.results import Column
from model.budget import budget_per_interest
from model.merging import interleave

ES: Final = (3, 10)
_LENGTH = "length"
_EMBEDDINGS: Final = {"medoid": medoid_scores, "centroid": centroid_scores}
_RULES: Final[Mapping[str, tuple[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]]] = {
    "proportional": ("in proportion to importance", lambda importances: importances),
    "root": ("in proportion to its square root", np.sqrt),
}
_NAMES: Final = {
    "equal": "equal, floor(n / e)",
    "refilled": "equal, overlap refilled",
    **{key: name for key, (name, _) in _RULES.items()},
}


def observer(bench: Bench) -> Observer:
    """The most important interests, under every rule."""

    def observe(sight: Sight) -> Observation:
        found: dict[str, NDArray[np.float64]] = {}
        for key, answer in _answers(sight, bench):
            found[key] = worth(sight, answer, bench.thresholds)
            found[f"{_LENGTH}.{key}"] = np.array([len(answer)], np.float64)
        return found

    return observe


def conclude(observed: Observed) -> Conclusion:
    """One table."""
    judged = {key: values for key, values in observed.values.items() if not key.startswith(_LENGTH)}
    lengths = {key: float(observed.values[f"{_LENGTH}.{key}"].mean()) for key in judged}
    outcome = observed.outcome(judged, METRICS)
    best = outcome.best(SINGLE_KEYS, METRICS[2])
    titles = {method.key: method.title for method in SINGLES}
    rows = [(best, titles[best], "single")] + [
        (_key(embedding, e, rule), f"{e} {embedding}s, {name}", "several")
        for embedding in _EMBEDDINGS
        for e in ES
        for rule, name in _NAMES.items()
    ]
    return Conclusion(
        answer=_answer(outcome),
        tables={
            "rules": lift_table(
                outcome,
                rows,
                measures(observed.thresholds),
                title="Budgets of the most important interests",
                over=SINGLE_KEYS,
                note=f"Lifts: {OVER_BEST} of each measure.",
                extra={"length": (Column(title="Pins in the answer", unit="count"), lengths)},
            )
        },
    )


def _answers(sight: Sight, bench: Bench) -> Iterator[tuple[str, Places]]:
    for method in SINGLES:
        yield method.key, ranking(single_scores(sight, method), bench.n)
    interests = interests_of(sight, bench.lambda_per_day)
    for embedding, scores_of in _EMBEDDINGS.items():
        lists = rankings(scores_of(sight, interests)[: max(ES)], bench.n)
        for e in ES:
            some, importances = lists[:e], interests.importances[:e]
            yield _key(embedding, e, "equal"), joined([one[: bench.n // len(some)] for one in some])
            yield _key(embedding, e, "refilled"), _refilled(some, bench.n)
            for rule, (_, weights_of) in _RULES.items():
                given = portions(bench.n, weights_of(importances))
                heads = [one[:k] for one, k in zip(some, given, strict=True)]
                yield _key(embedding, e, rule), joined(heads)


def _refilled(lists: list[Places], n: int) -> Places:
    merged = interleave(lists, budget=budget_per_interest(n, len(lists)), max_candidates=n)
    return np.array([lists[i][at] for i, at in zip(merged.lists, merged.positions, strict=True)], np.int64)


def _key(embedding: str, e: int, rule: str) -> str:
    return f"{embedding}.{e}.{rule}"


def _answer(outcome: Outcome) -> str:
    """What a budget by importance gives, and whether the gap closes."""
    recall = METRICS[2]
    sentences = []
    for e in ES:
        gain = outcome.lift(_key("medoid", e, "proportional"), _key("medoid", e, "equal"), recall)
        rest = outcome.lift(_key("medoid", e, "proportional"), SINGLE_KEYS, recall)
        sentences.append(
            f"With {e} medoids, budgets in proportion to importance change recall by {weighed(gain)}, to "
            f"{lifted(rest)} over the best single embedding."
        )
    return " ".join(sentences)


EXPERIMENT = Experiment(
    key="budgets",
    question="Do equal budgets waste candidates on small interests?",
    varied="How 400 candidates are shared among the 3 or 10 most important interests.",
    fixed="People, pool, vectors, clusters, choice by importance without drawing.",
    observer=observer,
    conclude=conclude,
)
