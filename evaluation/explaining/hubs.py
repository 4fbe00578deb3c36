"""Do averages find what is popular, or what is near everything? Popularity and hubs, by method."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

from evaluation.explaining.answering import (
    centroid_scores,
    fused_answer,
    interests_of,
    joined,
    medoid_scores,
    ranking,
    rankings,
    single_scores,
)
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import ends
from evaluation.explaining.sights import Places, Sight
from evaluation.explaining.words import lifted, listed, share
from evaluation.methods import DECAY_AVERAGES, LAST_PIN
from evaluation.results import Cell, Column, Figure, Lift, Row, Series, Table
from evaluation.worlds import World

FIFTHS: Final = 5
_BINS: Final = ("none before", "1: rarest", "2", "3", "4", "5: most popular")
_HUB_SHARE = 0.01
_AVERAGE: Final = next(method for method in DECAY_AVERAGES if method.lambda_per_day == 0.01)
_METHODS: Final = {
    "last-pin": ("last pin", "single"),
    "average": (_AVERAGE.title.lower(), "single"),
    "medoid": ("3 medoids, most important", "several"),
    "centroid": ("3 centroids, most important", "oracle"),
    "fused": ("20 medoids, fused", "fused"),
}
_SUMS: Final = (*_BINS, "count", "popularity")
_SUM = "sum"


def popularity(world: World) -> NDArray[np.float64]:
    """float64 [n]: the share of earlier actions that were on less popular pins; -1 for a pin without any.

    Earlier is before the first judged day. Equally popular pins share the middle, so that the mean over all
    earlier actions is one half.
    """
    known = world.log.is_positive & (world.log.times_s < world.test_from_s)
    counts = np.bincount(world.log.rows[known], minlength=world.n_pins)
    sizes, of_pin = np.unique(counts, return_inverse=True)
    actions = np.bincount(of_pin) * sizes
    middles = (np.cumsum(actions) - actions / 2) / actions.sum()
    return np.where(counts > 0, middles[of_pin], -1.0)


def observer(bench: Bench) -> Observer:
    """Every method's answer, and which of the action pins it holds, by their popularity."""
    places = popularity(bench.world)

    def observe(sight: Sight) -> Observation:
        found = {"targets": _by_fifth(places[sight.rows[sight.targets]])}
        for key, answer in _answers(sight, bench):
            is_found = np.isin(sight.targets, answer)
            rows = np.full(bench.n, -1.0)
            rows[: len(answer)] = sight.rows[answer]
            found[f"found.{key}"] = _by_fifth(places[sight.rows[sight.targets[is_found]]])
            found[f"answer.{key}"] = rows
        return found

    return observe


def conclude(observed: Observed) -> Conclusion:
    """A table of popularity and hubs, and a drawing of recall by the popularity of what is found."""
    places = popularity(observed.world)
    sums = {
        f"{key}/{name}": values[:, i : i + 1]
        for key, values in observed.values.items()
        if not key.startswith("answer.")
        for i, name in enumerate(_SUMS)
    }
    outcome = observed.outcome(sums, (_SUM,))
    hubs = {key: _occurrences(observed.values[f"answer.{key}"], observed.world.n_pins) for key in _METHODS}
    return Conclusion(
        answer=_answer(outcome, hubs, places),
        figures={"popularity.recall": _figure(outcome)},
        tables={"answers": _table(outcome, hubs, places)},
    )


def _answers(sight: Sight, bench: Bench) -> Iterator[tuple[str, Places]]:
    interests, n = interests_of(sight, bench.lambda_per_day), bench.n
    yield "last-pin", ranking(single_scores(sight, LAST_PIN), n)
    yield "average", ranking(single_scores(sight, _AVERAGE), n)
    for key, scores in (
        ("medoid", medoid_scores(sight, interests)[: bench.e]),
        ("centroid", centroid_scores(sight, interests)[: bench.e]),
    ):
        yield key, joined(rankings(scores, n // len(scores)))
    yield "fused", fused_answer(sight, bench.fusion, bench.lambda_per_day, n)


def _by_fifth(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [8]: how many pins in each of the bins, how many in all, and the sum of their popularity."""
    bins = np.where(places < 0, 0, 1 + np.minimum(np.floor(places * FIFTHS), FIFTHS - 1)).astype(np.int64)
    counts = np.bincount(bins, minlength=len(_BINS))
    return np.array([*counts, len(places), np.maximum(places, 0).sum()], np.float64)


def _occurrences(answers: NDArray[np.float64], n_pins: int) -> NDArray[np.int64]:
    """int64 [n]: in how many answers each pin is."""
    rows = answers[answers >= 0].astype(np.int64)
    return np.bincount(rows, minlength=n_pins)


def _ratio(outcome: Outcome, above: str, below: str) -> Lift | None:
    lift = outcome.lift(above, below, _SUM)
    if lift is None:
        return None
    low, high = ends(lift)
    return Lift(value=1 + lift.value, low=1 + low, high=1 + high)


def _figure(outcome: Outcome) -> Figure:
    series = []
    for key, (name, kind) in _METHODS.items():
        known = {
            bin_name: ratio
            for bin_name in _BINS
            if (ratio := _ratio(outcome, f"found.{key}/{bin_name}", f"targets/{bin_name}")) is not None
        }
        series.append(
            Series(
                name=name,
                kind=kind,
                x=tuple(known),
                y=tuple(ratio.value for ratio in known.values()),
                low=tuple(ends(ratio)[0] for ratio in known.values()),
                high=tuple(ends(ratio)[1] for ratio in known.values()),
            )
        )
    return Figure(
        title="Recall by the popularity of the action pin",
        shape="lines",
        x_title="fifths of the earlier actions, by popularity of the pin",
        y_title="Recall",
        y_unit="share",
        note="Each fifth of the pins holds as many actions before the first judged day.",
        series=tuple(series),
    )


def _table(outcome: Outcome, hubs: Mapping[str, NDArray[np.int64]], places: NDArray[np.float64]) -> Table:
    columns = {
        "recommended": Column(title="Popularity of a recommended pin", unit="share", higher_is_better=None),
        "found": Column(title="Popularity of a found action pin", unit="share", higher_is_better=None),
        "distinct": Column(title="Pins recommended to anyone", unit="count", higher_is_better=None),
        "hubs": Column(title="Recommendations that are hubs", unit="share", higher_is_better=None),
        "skew": Column(title="Skewness of occurrences", unit="none", higher_is_better=None),
    }
    rows = []
    for key, (name, kind) in _METHODS.items():
        found, counts = _ratio(outcome, f"found.{key}/popularity", f"found.{key}/count"), hubs[key]
        low, high = ends(found) if found else (None, None)
        cells = {
            "recommended": Cell(value=_mean_place(counts, places)),
            "found": Cell(value=found.value if found else None, low=low, high=high),
            "distinct": Cell(value=float(np.count_nonzero(counts))),
            "hubs": Cell(value=_hub_share(counts)),
            "skew": Cell(value=float(skew(counts))),
        }
        rows.append(Row(name=name, kind=kind, cells=cells))
    every = _ratio(outcome, "targets/popularity", "targets/count")
    note = (
        "Popularity: the share of earlier actions that were on less popular pins, 50 % for the mean action; "
        f"{share(every.value if every else 0.0)} is the mean of the action pins to be found. Hubs: the "
        f"{_HUB_SHARE:.0%} of the pool that the method recommends most often."
    )
    return Table(title="What is recommended, and what is found", note=note, columns=columns, rows=tuple(rows))


def _mean_place(counts: NDArray[np.int64], places: NDArray[np.float64]) -> float:
    return float(counts @ np.maximum(places, 0) / max(counts.sum(), 1))


def _hub_share(counts: NDArray[np.int64]) -> float:
    n = max(round(_HUB_SHARE * len(counts)), 1)
    return float(np.sort(counts)[-n:].sum() / max(counts.sum(), 1))


def _answer(outcome: Outcome, hubs: Mapping[str, NDArray[np.int64]], places: NDArray[np.float64]) -> str:
    """Whether averages are ahead for popular pins only, and where the hubs are."""
    halves = {
        name: outcome.lift_of_sums(
            [f"found.average/{one}" for one in bins], [f"found.medoid/{one}" for one in bins], _SUM
        )
        for name, bins in (("the most popular fifth", _BINS[-1:]), ("the rest", _BINS[:-1]))
    }
    lifts = listed([f"{lifted(lift)} among {name}" for name, lift in halves.items()])
    hub = {key: share(_hub_share(hubs[key])) for key in ("average", "medoid")}
    mean = {key: share(_mean_place(hubs[key], places)) for key in ("average", "medoid")}
    return (
        f"The average finds {lifts} of action pins, against the 3 most important medoids. Hubs are "
        f"{hub['average']} of what the average recommends and {hub['medoid']} of what medoids do; the mean "
        f"popularity of what they recommend is {mean['average']} and {mean['medoid']}."
    )


EXPERIMENT = Experiment(
    key="hubs",
    question="Do averages only find what is popular, or near everything?",
    varied="The method.",
    fixed="People, pool, vectors, 400 candidates; interests by importance, not drawn.",
    observer=observer,
    conclude=conclude,
)
