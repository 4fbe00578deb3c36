"""How well one embedding of a user predicts the next action pin, and the best of several could (Table 1)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.embeddings import centroid_embeddings, decay_average, last_pin
from evaluation.methods import K_MEANS_ORACLE_K, PAPERS_LAMBDA
from evaluation.people import People

ORACLES = {
    "last-pin": "Last pin",
    "decay-0.01": "Decay average, λ = 0.01",
    "k-means-oracle": f"k-means oracle, k = {K_MEANS_ORACLE_K}",
    "oracle": "Oracle: the nearest of all pins",
}


def accuracies(
    people: People, pool: NDArray[np.float16], thresholds: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """The share of each case's action pins with a cosine at the threshold to the user's embedding.

    Of an oracle's several embeddings the nearest to the action pin counts.

    Returns:
        For each key of ORACLES float64 [n_cases, t].
    """
    found: dict[str, list[NDArray[np.float64]]] = {key: [] for key in ORACLES}
    for case, clusters in zip(people.cases, people.clusters("oracle k-means"), strict=True):
        targets = pool[case.positives].astype(np.float32).T
        embeddings: Sequence[NDArray[np.float32]] = (
            last_pin(case, pool).vectors,
            decay_average(case, pool, PAPERS_LAMBDA).vectors,
            centroid_embeddings(clusters, case.now_s, PAPERS_LAMBDA).vectors,
            pool[case.rows].astype(np.float32),
        )
        for key, vectors in zip(ORACLES, embeddings, strict=True):
            nearest = (vectors @ targets).max(axis=0)
            found[key].append((nearest[:, np.newaxis] >= thresholds).mean(axis=0))
    return {key: np.array(values) for key, values in found.items()}
