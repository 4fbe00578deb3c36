"""Is a medoid a noisy query? Centroid against medoid by cluster size, and means of a few random members."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.explaining.answering import averaged, interests_of, ranking
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.judging import METRICS, worth
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import DRAWN, as_cell, ends, measures
from evaluation.explaining.sights import Sight
from evaluation.explaining.words import weighed
from evaluation.results import Cell, Column, Figure, Row, Series, Table

BINS: Final = ((2, 2), (3, 4), (5, 8), (9, 16), (17, None))
MEMBERS: Final = (1, 2, 4, 8)
_ENOUGH: Final = max(MEMBERS)
_REPEATS: Final = 5
_COUNT, _COSINE = "count", "cosine"
_SUMS: Final = (*METRICS, _COUNT, _COSINE)
"""Of all searches of one kind in one case: the metrics, ones, and the query's cosine to the centroid."""
_SCOPES: Final = {
    "cluster": f"clusters of {_ENOUGH} pins or more",
    "history": f"histories of {_ENOUGH} pins or more",
}
_CENTROID, _MEDOID = "centroid", "medoid"


@dataclass(frozen=True, slots=True)
class _Query:
    """What is searched with: the plain mean of some pins of a group, in place of the whole group's.

    `share` is 1 over the repeats of a search with other random pins.
    """

    kind: str
    pins: NDArray[np.int64]
    group: NDArray[np.int64]
    n: int
    share: float = 1.0


def observer(bench: Bench) -> Observer:
    """Every cluster's centroid and medoid, and means of random members, each searched alone."""

    def observe(sight: Sight) -> Observation:
        found = {kind: np.zeros(len(_SUMS)) for kind in _kinds()}
        for query in _queries(sight, bench):
            found[query.kind] += query.share * _searched(sight, query, bench)
        return found

    return observe


def conclude(observed: Observed) -> Conclusion:
    """A table by cluster size, and a drawing by pins averaged."""
    outcome = observed.outcome(observed.values, _SUMS)
    titles = measures(observed.thresholds)
    return Conclusion(
        answer=_answer(outcome),
        figures={f"members.{metric}": _by_members(outcome, metric, titles[metric]) for metric in DRAWN},
        tables={"sizes": _by_size(outcome, observed, titles)},
    )


def noise_of(query: NDArray[np.float64], whole: NDArray[np.float64], among: NDArray[np.float32]) -> float:
    """The cosine between two sums of the user's pins, given as weights of them."""
    inner = query @ among @ whole
    return float(inner / np.sqrt((query @ among @ query) * (whole @ among @ whole)))


def _kinds() -> Iterator[str]:
    for low, _ in BINS:
        yield from (f"size-{low}.{kind}" for kind in (_CENTROID, _MEDOID))
    for scope in _SCOPES:
        yield from (f"{scope}.{name}" for name in (*map(str, MEMBERS), _CENTROID, _MEDOID))


def _queries(sight: Sight, bench: Bench) -> Iterator[_Query]:
    interests, n = interests_of(sight, bench.lambda_per_day), bench.n // bench.e
    for medoid, members in zip(interests.medoids, interests.members, strict=True):
        yield from _by_name(f"size-{_bin(len(members))}", medoid, members, n)
        yield from _few("cluster", sight, medoid, members, n)
    everything = sight.at(np.inf).clusters
    yield from _few("history", sight, everything.medoids[0], np.arange(sight.n_pins), bench.n)


def _by_name(scope: str, medoid: np.int64, members: NDArray[np.int64], n: int) -> Iterator[_Query]:
    if len(members) > 1:
        yield _Query(f"{scope}.{_CENTROID}", members, members, n)
        yield _Query(f"{scope}.{_MEDOID}", np.array([medoid]), members, n)


def _few(scope: str, sight: Sight, medoid: np.int64, members: NDArray[np.int64], n: int) -> Iterator[_Query]:
    """Random members, the same for every metric; nothing for a small group, so that all x see the same."""
    if len(members) < _ENOUGH:
        return
    generator = sight.generator(1_000 + int(members[0]))
    for s in MEMBERS:
        for _ in range(_REPEATS):
            yield _Query(f"{scope}.{s}", generator.permutation(members)[:s], members, n, 1 / _REPEATS)
    yield from _by_name(scope, medoid, members, n)


def _searched(sight: Sight, query: _Query, bench: Bench) -> NDArray[np.float64]:
    """float64 [5]: what one search adds to the sums."""
    weights, whole = _mean_of(sight, query.pins), _mean_of(sight, query.group)
    found = worth(sight, ranking(averaged(sight, weights), query.n), bench.thresholds)
    return np.array([*found, 1.0, noise_of(weights, whole, sight.among)])


def _mean_of(sight: Sight, members: NDArray[np.int64]) -> NDArray[np.float64]:
    weights = np.zeros(sight.n_pins)
    weights[members] = 1 / len(members)
    return weights


def _bin(size: int) -> int:
    return max((low for low, _ in BINS if low <= size), default=0)


def _by_members(outcome: Outcome, metric: str, title: str) -> Figure:
    return Figure(
        title=f"{title} by pins averaged",
        shape="lines",
        x_title="random pins averaged; their medoid alone",
        y_title=title,
        y_unit="share",
        note=f"The same groups at every x: {' and '.join(_SCOPES.values())}.",
        series=tuple(
            _line(outcome, scope, name, kind, metric)
            for (scope, name), kind in zip(_SCOPES.items(), ("several", "single"), strict=True)
            if outcome.ratio(f"{scope}.1", metric, _COUNT) is not None
        ),
    )


def _line(outcome: Outcome, scope: str, name: str, kind: str, metric: str) -> Series:
    at = {
        x: ratio
        for x, key in ((_MEDOID, _MEDOID), *((str(s), str(s)) for s in MEMBERS), ("all", _CENTROID))
        if (ratio := outcome.ratio(f"{scope}.{key}", metric, _COUNT)) is not None
    }
    return Series(
        name=name,
        kind=kind,
        x=tuple(at),
        y=tuple(ratio.value for ratio in at.values()),
        low=tuple(ends(ratio)[0] for ratio in at.values()),
        high=tuple(ends(ratio)[1] for ratio in at.values()),
    )


def _by_size(outcome: Outcome, observed: Observed, titles: Mapping[str, str]) -> Table:
    """Centroid against medoid, a line for each size of cluster."""
    columns = {
        _COUNT: Column(title="Clusters", unit="count", higher_is_better=None),
        _COSINE: Column(title="Medoid’s cosine to the centroid", unit="cosine", higher_is_better=None),
        **{
            metric: Column(title=f"{title}: centroid over medoid", unit="lift")
            for metric, title in titles.items()
        },
    }
    rows = tuple(
        Row(name=_size_name(low, high), cells=_size_cells(outcome, observed, low, titles))
        for low, high in BINS
        if observed.values[f"size-{low}.{_MEDOID}"][:, _SUMS.index(_COUNT)].any()
    )
    note = f"Each cluster is searched alone, for {observed.protocol.n_candidates // 3} pins."
    return Table(title="What a centroid finds over its medoid", note=note, columns=columns, rows=rows)


def _size_name(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} pins or more"
    return f"{low} pins" if low == high else f"{low} to {high} pins"


def _size_cells(outcome: Outcome, observed: Observed, low: int, titles: Mapping[str, str]) -> dict[str, Cell]:
    medoid, centroid = f"size-{low}.{_MEDOID}", f"size-{low}.{_CENTROID}"
    cosine = outcome.ratio(medoid, _COSINE, _COUNT)
    count = float(observed.values[medoid][:, _SUMS.index(_COUNT)].sum())
    return {
        _COUNT: Cell(value=count),
        _COSINE: Cell(value=cosine.value if cosine else None),
        **{metric: as_cell(outcome.lift(centroid, medoid, metric)) for metric in titles},
    }


def _answer(outcome: Outcome) -> str:
    """How far recall climbs with the pins averaged, and how many of them a medoid is worth."""
    sentences = [
        _climb(outcome, scope, name)
        for scope, name in _SCOPES.items()
        if outcome.ratio(f"{scope}.1", METRICS[2], _COUNT) is not None
    ]
    return " ".join(sentences) or f"Nobody has {_ENOUGH} pins: noise cannot be told from anything else."


def _climb(outcome: Outcome, scope: str, name: str) -> str:
    recall = METRICS[2]
    climb = outcome.lift(f"{scope}.{_CENTROID}", f"{scope}.1", recall)
    gap = outcome.lift(f"{scope}.{_CENTROID}", f"{scope}.{_MEDOID}", recall)
    return (
        f"In {name}, the mean of all pins finds {weighed(climb)}, against one random pin, and "
        f"{weighed(gap)}, against the medoid. The medoid is worth the mean of "
        f"{_worth_in_pins(outcome, scope, recall)} random pins in recall, of "
        f"{_worth_in_pins(outcome, scope, METRICS[0])} in relevance at the calibrated threshold."
    )


def _worth_in_pins(outcome: Outcome, scope: str, metric: str) -> str:
    """Between which numbers of averaged pins the medoid's value lies."""
    values = [outcome.value(f"{scope}.{s}", metric) for s in MEMBERS]
    medoid = outcome.value(f"{scope}.{_MEDOID}", metric)
    worse = [s for s, value in zip(MEMBERS, values, strict=True) if value <= medoid]
    if not worse:
        return "less than 1"
    if worse[-1] == MEMBERS[-1]:
        return f"{MEMBERS[-1]} or more"
    return f"{worse[-1]} to {MEMBERS[MEMBERS.index(worse[-1]) + 1]}"


EXPERIMENT = Experiment(
    key="denoising",
    question="Is a medoid a noisier query than an average?",
    varied="What stands for a cluster or a history: its centroid, its medoid, the mean of a few random pins.",
    fixed="The clusters and histories, the pool, vectors, the length of the list.",
    observer=observer,
    conclude=conclude,
)
