"""What each method makes of a user's history: the embeddings to search with, and how much each matters."""

from collections.abc import Callable
from dataclasses import dataclass

import fastcluster
import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from evaluation.protocol import Case
from model.distances import squared_distances
from model.distinct import DistinctPins, distinct_pins
from model.importance import importances
from model.interests import Actions
from model.medoid import medoids
from model.parameters import SECONDS_PER_DAY
from model.ward import Dendrogram, cut, ward_dendrogram

NO_ROW = -1

Labeller = Callable[[NDArray[np.float16]], NDArray[np.int64]]
"""From a user's distinct pins, float16 [m, d], to their clusters, int64 [m], numbered 0 to c - 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embeddings:
    """A user as c embeddings, most important first.

    Attributes:
        importances: float64 [c], descending.
        vectors: float32 [c, d], unit norm.
        rows: int64 [c], the pin that an embedding is, or NO_ROW for one that is not a pin.
    """

    importances: NDArray[np.float64]
    vectors: NDArray[np.float32]
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """A user's distinct pins and their clusters.

    Attributes:
        pins: The m distinct pins, and the actions on them.
        rows: int64 [m], rows of the pins in the pool.
        labels: int64 [m], 0 to c - 1.
        medoids: int64 [c], each cluster's medoid, an index into the pins.
    """

    pins: DistinctPins
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    medoids: NDArray[np.int64]

    def importances(self, now_s: int, lambda_per_day: float) -> NDArray[np.float64]:
        """float64 [c] (eq. 3)."""
        return importances(
            self.labels[self.pins.pin_of_action],
            self.pins.times_s,
            self.pins.weights,
            n_clusters=len(self.medoids),
            now_s=now_s,
            lambda_per_day=lambda_per_day,
        )

    def pin_weights(self, now_s: int, lambda_per_day: float) -> NDArray[np.float64]:
        """float64 [m]: what each pin adds to the importance of its cluster."""
        return importances(
            self.pins.pin_of_action,
            self.pins.times_s,
            self.pins.weights,
            n_clusters=len(self.rows),
            now_s=now_s,
            lambda_per_day=lambda_per_day,
        )


def clusters_of(case: Case, pool: NDArray[np.float16], labeller: Labeller) -> Clusters:
    """Cluster a user's pins; the parts of Algorithm 2 with the clustering left open."""
    pins = distinct_pins(
        Actions(
            pin_ids=tuple(map(pin_id, case.rows.tolist())),
            vectors=pool[case.rows],
            times_s=case.times_s,
            weights=np.ones(len(case.rows)),
        )
    )
    labels = labeller(pins.vectors)
    return Clusters(
        pins=pins,
        rows=np.array([int(name) for name in pins.pin_ids], np.int64),
        labels=labels,
        medoids=medoids(pins.vectors, labels, pins.preference),
    )


def pin_id(row: int) -> str:
    """A pin's id in the experiments: ids sort as rows do."""
    return f"{row:09d}"


def ward(alpha: float) -> Labeller:
    """The model's own clustering (Algorithm 1)."""
    return lambda points: cut(ward_dendrogram(points), alpha)


def complete_linkage(alpha: float) -> Labeller:
    """Complete linkage, cut into as many clusters as Ward makes, or fewer where heights are tied."""

    def labels(points: NDArray[np.float16]) -> NDArray[np.int64]:
        n_merges = len(points) - len(np.unique(ward(alpha)(points)))
        if not n_merges:
            return np.arange(len(points))
        merges = fastcluster.linkage(squared_distances(points), method="complete")
        return cut(Dendrogram(n_points=len(points), merges=merges), merges[n_merges - 1, 2])

    return labels


def k_means(k: int) -> Labeller:
    """Lloyd's k-means from k-means++; clusters left empty are dropped, so identical pins make fewer."""

    def labels(points: NDArray[np.float16]) -> NDArray[np.int64]:
        if len(points) <= k:
            return np.arange(len(points))
        # Seeded: the same pins fall into the same clusters, whoever asks.
        _, found = kmeans2(points.astype(np.float64), k, minit="++", missing="warn", seed=0)
        return _renumbered(found)

    return labels


def medoid_embeddings(
    clusters: Clusters, pool: NDArray[np.float16], now_s: int, lambda_per_day: float
) -> Embeddings:
    """The model's own: every cluster's medoid (eq. 2), by importance (eq. 3)."""
    values = clusters.importances(now_s, lambda_per_day)
    rows = clusters.rows[clusters.medoids]
    order = np.lexsort((rows, -values))
    return Embeddings(
        importances=values[order], rows=rows[order], vectors=pool[rows[order]].astype(np.float32)
    )


def centroid_embeddings(clusters: Clusters, now_s: int, lambda_per_day: float) -> Embeddings:
    """Every cluster's mean, scaled to unit norm, by importance."""
    values = clusters.importances(now_s, lambda_per_day)
    order = np.lexsort((clusters.rows[clusters.medoids], -values))
    means = np.zeros((len(order), clusters.pins.vectors.shape[1]))
    np.add.at(means, clusters.labels, clusters.pins.vectors.astype(np.float64))
    is_one_pin = np.bincount(clusters.labels) == 1
    rows = np.where(is_one_pin, clusters.rows[clusters.medoids], NO_ROW)
    return Embeddings(importances=values[order], rows=rows[order], vectors=_unit(means[order]))


def last_pin(case: Case, pool: NDArray[np.float16]) -> Embeddings:
    """The pin of the newest action."""
    return _one(pool[case.rows[-1:]].astype(np.float32), int(case.rows[-1]))


def decay_average(case: Case, pool: NDArray[np.float16], lambda_per_day: float) -> Embeddings:
    """The mean of a user's action pins, each weighted by exp(-lambda x age in days), scaled to unit norm."""
    if len(np.unique(case.rows)) == 1:
        return last_pin(case, pool)
    age_days = (case.now_s - case.times_s) / SECONDS_PER_DAY
    # Relative to the newest, or a long history's weights would vanish together.
    weights = np.exp(-lambda_per_day * (age_days - age_days.min()))
    return _one(_unit(weights[np.newaxis] @ pool[case.rows].astype(np.float64)), NO_ROW)


def _one(vectors: NDArray[np.float32], row: int) -> Embeddings:
    return Embeddings(importances=np.ones(1), vectors=vectors, rows=np.array([row]))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(norms, np.finfo(np.float64).tiny)).astype(np.float32)
    return unit


def _renumbered(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    _, numbers = np.unique(labels, return_inverse=True)
    labels_from_0: NDArray[np.int64] = numbers.astype(np.int64)
    return labels_from_0
