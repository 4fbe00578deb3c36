"""Ways from one user's vectors to the medoids of its clusters: the service's own, scipy's, scikit-learn's.

The same clusters and medoids come out of all; benchmarks.profiles checks that before it measures.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from model.clusters import members_of
from model.distances import widen
from model.medoid import medoids_of
from model.ward import cut, dendrogram_of

Contender = Callable[[NDArray[np.float16], float], NDArray[np.int64]]
"""From float16 [m, d] and alpha to the medoids' indices, int64 [c], in any order."""


def service(points: NDArray[np.float16], alpha: float) -> NDArray[np.int64]:
    """model.ward and model.medoid, as Algorithm 2 takes them; all exact, ties to the first point."""
    widened = widen(points)
    labels = cut(dendrogram_of(widened), alpha)
    return medoids_of(widened, members_of(labels), np.arange(len(points)))


def scipy(points: NDArray[np.float16], alpha: float) -> NDArray[np.int64]:
    """`linkage` and `fcluster`."""
    X = points.astype(np.float64)
    labels = fcluster(linkage(X, "ward"), np.sqrt(alpha), "distance") - 1
    return medoids_by_pdist(X, labels)


def scikit_learn(points: NDArray[np.float16], alpha: float) -> NDArray[np.int64]:
    """AgglomerativeClustering."""
    X = points.astype(np.float64)
    cluster: Any = importlib.import_module("sklearn.cluster")
    ward = cluster.AgglomerativeClustering(None, linkage="ward", distance_threshold=np.sqrt(alpha))
    return medoids_by_pdist(X, ward.fit_predict(X))


def medoids_by_pdist(X: NDArray[np.float64], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """The least sum of each cluster's block of squared distances."""
    found = []
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        costs = squareform(pdist(X[members], "sqeuclidean")).sum(axis=1)
        found.append(members[costs.argmin()])
    return np.array(found)


def contenders() -> Mapping[str, Contender]:
    """Those that are installed, the service first."""
    found = {"service": service, "scipy": scipy}
    if importlib.util.find_spec("sklearn"):
        found["scikit-learn"] = scikit_learn
    return found
