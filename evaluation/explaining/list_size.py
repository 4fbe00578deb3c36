"""Is it the list, too long or too short for the pool? Candidates and pool varied."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.drawing import draws
from evaluation.explaining.answering import (
    SINGLE_KEYS,
    Scores,
    centroid_scores,
    from_lists,
    interests_of,
    medoid_scores,
    ranking,
    single_scores,
    standing_for,
    together,
)
from evaluation.explaining.experiment import Bench, Conclusion, Experiment, Observation, Observed, Observer
from evaluation.explaining.judging import METRICS, Reach, reach_at, worth
from evaluation.explaining.outcome import Outcome
from evaluation.explaining.presenting import OVER_BEST, Line, Point, lift_figures, measures
from evaluation.explaining.sights import Sight
from evaluation.explaining.words import lifted, side
from evaluation.methods import SINGLES

SIZES: Final = (50, 100, 200, 400, 800, 1600)
PARTS: Final = (1, 2, 4, 8)
_E_IMPORTANT = 10
_METHODS: Final = {
    "sampled": ("3 medoids, sampled", "several"),
    "top-10": ("10 medoids, most important", "several"),
    "centroid": ("3 centroids, sampled", "several"),
    "fused": ("20 medoids, fused", "fused"),
}


def observer(bench: Bench) -> Observer:
    """Every list judged at every length, in the whole pool and in nested parts of it."""
    # One order of all pins: a smaller pool is a part of every larger one.
    order = np.random.default_rng(0).permutation(bench.world.n_pins)

    def observe(sight: Sight) -> Observation:
        found: dict[str, NDArray[np.float64]] = {}
        for part in PARTS:
            smaller = sight.within(_kept(sight, order, part))
            for key, values in _at_all_sizes(smaller, bench):
                found |= {_key(key, n, part): row for n, row in zip(SIZES, values, strict=True)}
        return found

    return observe


def conclude(observed: Observed) -> Conclusion:
    """Two drawings, over candidates and over the pool."""
    outcome = observed.outcome(observed.values, METRICS)
    titles = measures(observed.thresholds)
    sizes = [n for n in SIZES if 2 * n <= observed.world.n_pins]
    parts = [part for part in PARTS if 2 * observed.protocol.n_candidates * part <= observed.world.n_pins]
    n = max((size for size in sizes if size <= observed.protocol.n_candidates), default=SIZES[0])
    by_size = [_line(key, [(f"{size:,}", size, 1) for size in sizes]) for key in _METHODS]
    by_part = [_line(key, [(f"1/{part}", n, part) for part in parts]) for key in _METHODS]
    return Conclusion(
        answer=_answer(outcome, sizes, parts, n),
        figures={
            **lift_figures(
                "candidates",
                outcome,
                by_size,
                titles,
                title="Lift by candidates",
                x_title="candidates",
                note=f"Y: {OVER_BEST} at the same number of candidates.",
            ),
            **lift_figures(
                "pool",
                outcome,
                by_part,
                titles,
                title="Lift by pool",
                x_title=f"part of the pool, {n} candidates",
                note="Action pins and the user's own pins are in every part.",
            ),
        },
    )


def _kept(sight: Sight, order: NDArray[np.int64], part: int) -> NDArray[np.bool_]:
    kept = order[sight.rows] < len(order) / part
    kept[sight.targets] = True
    return kept


def _at_all_sizes(sight: Sight, bench: Bench) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each method's worth at every size, float64 [sizes, 3]."""
    for method in SINGLES:
        of_list = ranking(single_scores(sight, method), SIZES[-1])
        yield method.key, reach_at(sight, of_list, SIZES).worth(bench.thresholds)
    interests = interests_of(sight, bench.lambda_per_day)
    chosen = draws(interests.importances, bench.e, bench.protocol.n_seeds, sight.generator(1))
    medoids, centroids = medoid_scores(sight, interests), centroid_scores(sight, interests)
    first = np.arange(min(_E_IMPORTANT, len(interests)))[np.newaxis]
    for key, scores, picked in (
        ("sampled", medoids, chosen),
        ("centroid", centroids, chosen),
        ("top-10", medoids, first),
    ):
        yield key, _prefixes(sight, scores, picked, bench)
    representatives = standing_for(sight, bench.fusion.n_representatives, bench.lambda_per_day)
    scores = together(sight, representatives, bench.fusion.temperature)
    answers = [
        from_lists(sight, representatives, scores, n, fused_share=bench.fusion.fused_share) for n in SIZES
    ]
    yield "fused", np.array([worth(sight, answer, bench.thresholds) for answer in answers])


def _prefixes(sight: Sight, scores: Scores, chosen: NDArray[np.int64], bench: Bench) -> NDArray[np.float64]:
    """Answers of floor(n / e) from each chosen list, averaged over the draws: float64 [sizes, 3]."""
    lengths = [n // chosen.shape[1] for n in SIZES]
    reaches = [reach_at(sight, ranking(row, lengths[-1]), lengths) for row in scores]
    nearest = np.array([of_list.nearest for of_list in reaches])
    found = np.array([of_list.found for of_list in reaches])
    return np.array(
        [
            Reach(nearest=nearest[:, i], found=found[:, i]).of(chosen).worth(bench.thresholds).mean(axis=0)
            for i in range(len(SIZES))
        ]
    )


def _key(method: str, n: int, part: int) -> str:
    return f"{method}.{n}.{part}"


def _singles(n: int, part: int) -> Sequence[str]:
    return [_key(key, n, part) for key in SINGLE_KEYS]


def _line(method: str, at: Sequence[tuple[str, int, int]]) -> Line:
    name, kind = _METHODS[method]
    return Line(name, kind, tuple(Point(x, _key(method, n, part), _singles(n, part)) for x, n, part in at))


def _answer(outcome: Outcome, sizes: Sequence[int], parts: Sequence[int], n: int) -> str:
    """How the paper's setting stands at both ends of both axes."""
    if len(sizes) < 2 or len(parts) < 2:
        return "The pool is too small to tell: no two list sizes are at most half of it."
    ends = {
        f"from {sizes[0]:,} to {sizes[-1]:,} candidates": ((sizes[0], 1), (sizes[-1], 1)),
        f"from the whole pool to 1/{parts[-1]} of it": ((n, 1), (n, parts[-1])),
    }
    return " ".join(_from_to(outcome, name, first, last) for name, (first, last) in ends.items())


def _from_to(outcome: Outcome, name: str, first: tuple[int, int], last: tuple[int, int]) -> str:
    before, after = ((_key("sampled", *at), _singles(*at)) for at in (first, last))
    lifts = [outcome.lift(*pair, METRICS[2]) for pair in (before, after)]
    change = side(outcome.change(after, before, METRICS[2]))
    verdict: Mapping[str, str] = {
        "above": "shrinks",
        "below": "grows",
        "level": "does not change beyond the interval",
    }
    return (
        f"{name[0].upper()}{name[1:]}, the distance of 3 sampled medoids from the best single embedding in "
        f"recall {verdict[change]}: {lifted(lifts[0])} becomes {lifted(lifts[1])}."
    )


EXPERIMENT = Experiment(
    key="list_size",
    question="Is the list too long or too short for the pool?",
    varied="Candidates, 50 to 1,600; the pool, whole to an eighth of it, drawn by chance.",
    fixed="People, clusters, vectors; action pins and the user’s own pins are in every pool.",
    observer=observer,
    conclude=conclude,
)
