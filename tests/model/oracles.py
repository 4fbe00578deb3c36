"""What the model must agree with, written as the paper writes it and as slowly as it takes."""

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from model.interests import Actions

Cluster = frozenset[int]
Partition = set[Cluster]


def partition(labels: NDArray[np.int64]) -> Partition:
    """Labels as a set of sets, so that numbering does not matter."""
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def whole_number_distances(points: NDArray[np.float16]) -> list[list[int]]:
    """|x_i - x_j|^2 in units of 2^-48, by Python's unbounded whole numbers."""
    X = [[int(value * 2**24) for value in row] for row in points.astype(float).tolist()]
    return [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in X] for x in X]


def algorithm_1(points: NDArray[np.float16], alpha: float) -> tuple[Partition, list[float]]:
    """The paper's Algorithm 1, line by line, then the pins that no merge reached as clusters of one.

    Returns:
        The clusters, and the merge history's distances in ascending order.
    """
    history = _merge_history(points)
    clusters: Partition = set()
    for d_ij, merged in sorted(history, key=lambda entry: entry[0], reverse=True):
        if d_ij <= alpha and all(merged.isdisjoint(other) for other in clusters):
            clusters.add(merged)
    reached = frozenset().union(*clusters)
    alone = {frozenset({i}) for i in range(len(points)) if i not in reached}
    return clusters | alone, sorted(d_ij for d_ij, _ in history)


def _merge_history(points: NDArray[np.float16]) -> list[tuple[float, Cluster]]:
    A = list(range(len(points)))
    C = {i: frozenset({i}) for i in A}
    d = [[whole / 2**48 for whole in row] for row in whole_number_distances(points)]
    merge_history: list[tuple[float, Cluster]] = []
    stack: list[int] = []
    while len(A) > 1:
        stack.append(A[0])
        while stack:
            i = stack[-1]
            nearest = min(d[i][j] for j in A if j != i)
            J = [j for j in A if j != i and d[i][j] == nearest]
            if len(stack) >= 2 and stack[-2] in J:
                stack.pop()
                j = stack.pop()
                d_ij = d[i][j]
                for k in A:
                    if k not in {i, j}:
                        n = (len(C[i]), len(C[j]), len(C[k]))
                        d[i][k] = d[k][i] = _equation_1(n, d[i][k], d[j][k], d_ij)
                C[i] |= C[j]
                merge_history.append((d_ij, C[i]))
                A.remove(j)
            else:
                stack.append(J[0])
    return merge_history


def _equation_1(sizes: tuple[int, int, int], d_ik: float, d_jk: float, d_ij: float) -> float:
    n_i, n_j, n_k = sizes
    return ((n_i + n_k) * d_ik + (n_j + n_k) * d_jk - n_k * d_ij) / (n_i + n_j + n_k)


def ward_distance(points: NDArray[np.float16], one: Cluster, other: Cluster) -> float:
    """2 n m / (n + m) times the squared distance of the means: what eq. 1 keeps up to date."""
    means = [points[sorted(cluster)].astype(float).mean(axis=0) for cluster in (one, other)]
    n, m = len(one), len(other)
    return float(2 * n * m / (n + m) * ((means[0] - means[1]) ** 2).sum())


def brute_medoid(points: NDArray[np.float16], members: Sequence[int], preference: Sequence[int]) -> int:
    """Eq. 2 by whole numbers: the least sum of squared distances, ties to the smallest preference."""
    d = whole_number_distances(points)
    return min(members, key=lambda i: (sum(d[i][j] for j in members), preference[i]))


def algorithm_2(
    actions: Actions, alpha: float, lambda_per_day: float, now_s: int
) -> dict[str, tuple[int, float]]:
    """The paper's Algorithm 2: by medoid, the size and the importance of each cluster."""
    acts = list(zip(actions.pin_ids, actions.times_s.tolist(), actions.weights.tolist(), strict=True))
    pins = sorted(set(actions.pin_ids))
    points = np.array([actions.vectors[actions.pin_ids.index(pin)] for pin in pins], np.float16)
    newest = {pin: max(time for each, time, _ in acts if each == pin) for pin in pins}
    by_preference = sorted(pins, key=lambda pin: (-newest[pin], pin))
    preference = [by_preference.index(pin) for pin in pins]
    interests = {}
    for cluster in algorithm_1(points, alpha)[0]:
        medoid = pins[brute_medoid(points, sorted(cluster), preference)]
        ages = [(weight, (now_s - time) / 86_400) for pin, time, weight in acts if pins.index(pin) in cluster]
        importance = math.fsum(weight * math.exp(-lambda_per_day * days) for weight, days in ages)
        interests[medoid] = len(cluster), importance
    return interests


def brute_interleave(
    lists: Sequence[Sequence[int]], budgets: Sequence[int], max_candidates: int
) -> list[tuple[int, int]]:
    """Rank by rank, list by list: (list, position) of each row taken."""
    taken: list[tuple[int, int]] = []
    rows: set[int] = set()
    given = [0] * len(lists)
    for rank in range(max((len(each) for each in lists), default=0)):
        for number, each in enumerate(lists):
            fits = rank < len(each) and given[number] < budgets[number] and len(taken) < max_candidates
            if fits and each[rank] not in rows:
                rows.add(each[rank])
                given[number] += 1
                taken.append((number, rank))
    return taken


def successive_sampling_probability(weights: Sequence[float], chosen: Sequence[int]) -> float:
    """The chance that draws in proportion to weight, each among those left, give this set in any order."""
    return sum(_ordered_probability(weights, order) for order in permutations(chosen))


def _ordered_probability(weights: Sequence[float], order: Sequence[int]) -> float:
    left = math.fsum(weights)
    probability = 1.0
    for i in order:
        probability *= weights[i] / left
        left -= weights[i]
    return probability
