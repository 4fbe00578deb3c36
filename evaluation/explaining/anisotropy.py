"""Is it the space: do all vectors point one way? The same searches in centred and in whitened vectors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.drawing import draws
from evaluation.explaining.answering import (
    SINGLE_KEYS,
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
from evaluation.explaining.judging import METRICS, reach, worth
from evaluation.explaining.outcome import Keys, Outcome
from evaluation.explaining.presenting import Line, Point, lift_figures, measures
from evaluation.explaining.sights import Sight
from evaluation.explaining.words import lifted, listed
from evaluation.methods import SINGLES
from evaluation.results import Lift

COMPONENTS: Final = (1, 2, 3)
_BLOCK_ROWS = 1 << 15
_SPACES: Final = {
    "as-is": "as they are",
    "centred": "centred",
    **{f"whitened-{k}": f"centred, top {k} whitened" for k in COMPONENTS},
}
_METHODS: Final = {
    "best": ("best single embedding", "single"),
    "sampled": ("3 medoids, sampled", "several"),
    "top-10": ("10 medoids, most important", "several"),
    "centroid": ("3 centroids, sampled", "several"),
    "fused": ("20 medoids, fused", "fused"),
}
_LENGTH = "mean-length"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Principal:
    """A pool's mean, and where it spreads most around it.

    Cosines of centred, whitened vectors follow from the pool's own inner products and these few numbers a
    pin, so that no changed copy of the vectors is needed.

    Attributes:
        along_mean: float64 [n], each pin's inner product with the mean.
        mean_squared: The mean's squared length.
        coordinates: float64 [n, k], of the centred pins along the first k principal components.
        deviations: float64 [k + 1], standard deviations along the first k + 1, descending.
    """

    along_mean: NDArray[np.float64]
    mean_squared: float
    coordinates: NDArray[np.float64]
    deviations: NDArray[np.float64]

    def cosines(
        self, inner: NDArray[np.float32], a: NDArray[np.int64], b: NDArray[np.int64], k: int
    ) -> NDArray[np.float32]:
        """Cosines after centring, with the top k components shrunk to the deviation of the next.

        Args:
            inner: float32 [a, b], inner products of the unchanged vectors.
            a: int64, rows.
            b: int64, rows.
            k: Components to shrink.
        """
        lost = 1 - (self.deviations[k] / self.deviations[:k]) ** 2
        shrunk = (self.coordinates[a, :k] * lost) @ self.coordinates[b, :k].T
        centred = inner - self.along_mean[a][:, np.newaxis] - self.along_mean[b] + self.mean_squared - shrunk
        lengths = [np.sqrt(self._squared(rows, lost)) for rows in (a, b)]
        cosines: NDArray[np.float32] = (centred / lengths[0][:, np.newaxis] / lengths[1]).astype(np.float32)
        return cosines

    def _squared(self, rows: NDArray[np.int64], lost: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared lengths after the change, of vectors of unit length before; never 0, even at the mean."""
        squared = 1 - 2 * self.along_mean[rows] + self.mean_squared
        squared -= self.coordinates[rows, : len(lost)] ** 2 @ lost
        return np.maximum(squared, 1e-9)


def principal(pool: NDArray[np.float16], k: int) -> Principal:
    """The first k principal components of a pool of unit vectors, and the deviation along one more.

    Args:
        pool: float16 [n, d], d > k; may be memory-mapped.
        k: How many.
    """
    n, d = pool.shape
    total, second = np.zeros(d), np.zeros((d, d))
    for X in _blocks(pool):
        total += X.sum(axis=0)
        second += X.T @ X
    mean = total / n
    variances, directions = np.linalg.eigh(second / n - np.outer(mean, mean))
    # eigh ascends.
    axes = directions[:, ::-1][:, :k]
    return Principal(
        along_mean=np.concatenate([X @ mean for X in _blocks(pool)]),
        mean_squared=float(mean @ mean),
        coordinates=np.concatenate([(X - mean) @ axes for X in _blocks(pool)]),
        deviations=np.sqrt(np.maximum(variances[::-1][: k + 1], np.finfo(np.float64).tiny)),
    )


def observer(bench: Bench) -> Observer:
    """Every method searching in every space; judged by the vectors as they are."""
    components = [k for k in COMPONENTS if k < bench.world.vectors.shape[1]]
    found = principal(bench.world.vectors, max(components, default=0))

    def observe(sight: Sight) -> Observation:
        rows, spaces = sight.clusters.rows, {"as-is": sight}
        for k in (0, *components):
            changed = sight.seen_as(
                to_pool=found.cosines(sight.to_pool, rows, sight.rows, k),
                among=found.cosines(sight.among, rows, rows, k),
            )
            spaces[f"whitened-{k}" if k else "centred"] = changed
        shown = {
            f"{key}.{space}": values
            for space, seen in spaces.items()
            for key, values in _methods(seen, bench)
        }
        return {**shown, _LENGTH: np.array([found.mean_squared])}

    return observe


def conclude(observed: Observed) -> Conclusion:
    """One drawing, over the spaces."""
    judged = {key: values for key, values in observed.values.items() if key != _LENGTH}
    outcome = observed.outcome(judged, METRICS)
    spaces = [space for space in _SPACES if f"fused.{space}" in judged]
    today = _singles("as-is")
    lines = [
        Line(
            name,
            kind,
            tuple(Point(_SPACES[s], _keys(key, s), today) for s in spaces),
        )
        for key, (name, kind) in _METHODS.items()
    ]
    return Conclusion(
        answer=_answer(outcome, float(observed.values[_LENGTH][0, 0])),
        figures=lift_figures(
            "spaces",
            outcome,
            lines,
            measures(observed.thresholds),
            title="Lift by what is done to the vectors",
            x_title="vectors",
            note="Y: lift over the best single embedding with the vectors as they are.",
        ),
    )


def _blocks(pool: NDArray[np.float16]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(pool), _BLOCK_ROWS):
        yield pool[start : start + _BLOCK_ROWS].astype(np.float64)


def _methods(sight: Sight, bench: Bench) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for method in SINGLES:
        yield method.key, worth(sight, ranking(single_scores(sight, method), bench.n), bench.thresholds)
    interests = interests_of(sight, bench.lambda_per_day)
    drawn = draws(interests.importances, bench.e, bench.protocol.n_seeds, sight.generator(1))
    medoids, centroids = medoid_scores(sight, interests), centroid_scores(sight, interests)
    for key, scores in (("sampled", medoids), ("centroid", centroids)):
        lists = reach(sight, rankings(scores, bench.n // drawn.shape[1]))
        yield key, lists.of(drawn).worth(bench.thresholds).mean(axis=0)
    top = medoids[:10]
    yield "top-10", worth(sight, joined(rankings(top, bench.n // len(top))), bench.thresholds)
    fused = fused_answer(sight, bench.fusion, bench.lambda_per_day, bench.n)
    yield "fused", worth(sight, fused, bench.thresholds)


def _singles(space: str) -> list[str]:
    return [f"{key}.{space}" for key in SINGLE_KEYS]


def _keys(method: str, space: str) -> Keys:
    return _singles(space) if method == "best" else f"{method}.{space}"


def _answer(outcome: Outcome, mean_squared: float) -> str:
    """What centring changes, in all three measures, and the gap before and after."""
    changes = [
        f"{name} by {listed([lifted(_centring(outcome, key, metric)) for metric in METRICS])}"
        for key, (name, _) in _METHODS.items()
        if key in ("best", "sampled", "fused")
    ]
    gaps = {
        space: lifted(outcome.lift(f"sampled.{space}", _singles(space), METRICS[2]))
        for space in ("as-is", "centred")
    }
    return (
        f"Random pins have a mean cosine of {mean_squared:.2f}. Searching in centred vectors changes the "
        f"{'; '.join(changes)}: relevance at the calibrated threshold, at 0.8, and recall. Sampled medoids "
        f"stand at {gaps['as-is']} in recall over the best single embedding, and at {gaps['centred']} where "
        "all is centred."
    )


def _centring(outcome: Outcome, method: str, metric: str) -> Lift | None:
    return outcome.lift(_keys(method, "centred"), _keys(method, "as-is"), metric)


EXPERIMENT = Experiment(
    key="anisotropy",
    question="Do all vectors point one way, so that averages are favoured?",
    varied="What is searched: vectors as they are, centred, and with the top 1 to 3 components whitened.",
    fixed="People, pool, clusters, medoids, and the vectors that relevance is judged by.",
    observer=observer,
    conclude=conclude,
)
