"""One case as every experiment sees it: the user's pins, their likeness to the pool, and their clusters."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evaluation.cosines import Cosines
from evaluation.embeddings import Clusters, clusters_of
from evaluation.protocol import Case
from model.medoid import medoids
from model.ward import Dendrogram, cut, ward_dendrogram

Places = NDArray[np.int64]
"""Pins that may be recommended, as places among them; in a list, best first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """A case with everything that ways to recommend differ in, so that they can be tried by the hundred.

    A query that is a weighted sum of the user's pins scores the pool by the same sum of the rows of
    `to_pool`: no vector is searched for.

    Attributes:
        case: Who, when, and what was then done.
        clusters: The user's m distinct pins, clustered at the world's alpha.
        dendrogram: Of those pins.
        among: float32 [m, m], cosines between them.
        rows: int64 [u], ascending: the pins that may be recommended.
        to_pool: float32 [m, u], how near each of the user's pins is to each of those, for searching.
        targets: int64 [p], places of the action pins.
        nearness: float32 [p, u], cosines of the action pins to all pins, for judging.
    """

    case: Case
    clusters: Clusters
    dendrogram: Dendrogram
    among: NDArray[np.float32]
    rows: NDArray[np.int64]
    to_pool: NDArray[np.float32]
    targets: Places
    nearness: NDArray[np.float32]

    @property
    def n_pins(self) -> int:
        """M."""
        return len(self.clusters.rows)

    @cached_property
    def newest(self) -> int:
        """The pin of the newest action, an index into the user's pins."""
        return int(np.flatnonzero(self.clusters.rows == self.case.rows[-1])[0])

    def weights(self, lambda_per_day: float) -> NDArray[np.float64]:
        """float64 [m]: each pin's decayed actions."""
        return self.clusters.pin_weights(self.case.now_s, lambda_per_day)

    def generator(self, purpose: int) -> np.random.Generator:
        """The same draws for the same case and purpose, whoever asks."""
        return np.random.default_rng((self.case.user, self.case.day, purpose))

    def at(self, alpha: float) -> "Sight":
        """The same, clustered at another threshold."""
        labels = cut(self.dendrogram, alpha)
        found = medoids(self.clusters.pins.vectors, labels, self.clusters.pins.preference)
        return replace(self, clusters=replace(self.clusters, labels=labels, medoids=found))

    def within(self, kept: NDArray[np.bool_]) -> "Sight":
        """The same in a smaller pool, which holds all action pins.

        Args:
            kept: bool [u].
        """
        places = np.flatnonzero(kept)
        return replace(
            self,
            rows=self.rows[places],
            to_pool=self.to_pool[:, places],
            targets=np.searchsorted(places, self.targets),
            nearness=self.nearness[:, places],
        )

    def seen_as(self, *, to_pool: NDArray[np.float32], among: NDArray[np.float32]) -> "Sight":
        """The same, searched by other cosines; judged as before."""
        return replace(self, to_pool=to_pool, among=among)


def sight_of(case: Case, pool: NDArray[np.float16], cosines: Cosines, alpha: float) -> Sight:
    """Look up all that the experiments on one case need."""
    held: dict[str, Dendrogram] = {}

    def labeller(points: NDArray[np.float16]) -> NDArray[np.int64]:
        held["dendrogram"] = ward_dendrogram(points)
        return cut(held["dendrogram"], alpha)

    clusters = clusters_of(case, pool, labeller)
    may_be = np.ones(len(pool), np.bool_)
    may_be[case.seen] = False
    rows = np.flatnonzero(may_be)
    return Sight(
        case=case,
        clusters=clusters,
        dendrogram=held["dendrogram"],
        among=cosines.between(clusters.rows, clusters.rows),
        rows=rows,
        to_pool=cosines.between(clusters.rows, rows),
        targets=np.searchsorted(rows, case.positives),
        nearness=cosines.between(case.positives, rows),
    )
