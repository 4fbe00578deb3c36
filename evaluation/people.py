"""What the methods make of every case, each kind worked out once and shared by the methods that need it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.cosines import Cosines
from evaluation.embeddings import (
    Clusters,
    Embeddings,
    Labeller,
    centroid_embeddings,
    clusters_of,
    complete_linkage,
    decay_average,
    k_means,
    last_pin,
    medoid_embeddings,
    ward,
)
from evaluation.methods import K_MEANS_K, K_MEANS_ORACLE_K, Clustering, Method
from evaluation.protocol import Case
from model.representatives import representatives
from process.progress import Reporter


class People:
    """The cases of one period, and their clusters.

    Args:
        cases: Of the period.
        pool: float16 [n, d].
        cosines: Between pins of the pool.
        alpha: Ward's threshold.
        reporter: Told of progress.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        pool: NDArray[np.float16],
        cosines: Cosines,
        alpha: float,
        reporter: Reporter,
    ) -> None:
        self.cases = cases
        self._pool = pool
        self._cosines = cosines
        self._reporter = reporter
        self._labellers: dict[Clustering, Labeller] = {
            "ward": ward(alpha),
            "complete": complete_linkage(alpha),
            "k-means": k_means(K_MEANS_K),
            "oracle k-means": k_means(K_MEANS_ORACLE_K),
        }
        self._clusters: dict[Clustering, list[Clusters]] = {}
        self._embeddings: dict[tuple[object, ...], list[Embeddings]] = {}

    def clusters(self, clustering: Clustering) -> list[Clusters]:
        """Every case's clusters, in the order of the cases."""
        if clustering not in self._clusters:
            labeller = self._labellers[clustering]
            self._clusters[clustering] = [
                clusters_of(case, self._pool, labeller)
                for case in self._reporter.each(f"Cluster: {clustering}", self.cases, len(self.cases))
            ]
        return self._clusters[clustering]

    def embeddings(self, method: Method) -> list[Embeddings]:
        """Every case's embeddings, in the order of the cases."""
        if method.merge == "fused":
            # Large, and every stage has others.
            return self._embed(method)
        depends_on = (method.embedding, method.clustering, method.lambda_per_day)
        if depends_on not in self._embeddings:
            self._embeddings[depends_on] = self._embed(method)
        return self._embeddings[depends_on]

    def _embed(self, method: Method) -> list[Embeddings]:
        if method.embedding == "last pin":
            return [last_pin(case, self._pool) for case in self.cases]
        if method.embedding == "decay average":
            return [decay_average(case, self._pool, method.lambda_per_day) for case in self.cases]
        embed = self._representatives if method.merge == "fused" else self._of_clusters
        return [
            embed(case, clusters, method)
            for case, clusters in zip(self.cases, self.clusters(method.clustering), strict=True)
        ]

    def _of_clusters(self, case: Case, clusters: Clusters, method: Method) -> Embeddings:
        if method.embedding == "centroid":
            return centroid_embeddings(clusters, case.now_s, method.lambda_per_day)
        return medoid_embeddings(clusters, self._pool, case.now_s, method.lambda_per_day)

    def _representatives(self, case: Case, clusters: Clusters, method: Method) -> Embeddings:
        chosen = representatives(
            self._cosines.between(clusters.rows, clusters.rows),
            clusters.labels,
            clusters.medoids,
            clusters.pin_weights(case.now_s, method.lambda_per_day),
            method.policy.n_representatives,
        )
        rows = clusters.rows[chosen.indices]
        return Embeddings(importances=chosen.weights, rows=rows, vectors=self._pool[rows].astype(np.float32))
