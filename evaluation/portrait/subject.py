"""Whom the figures show: the user with the most different interests, of those who did enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.embeddings import Clusters, Embeddings
from evaluation.methods import DEFAULT
from evaluation.people import People
from evaluation.protocol import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may be shown.

    Attributes:
        n_interests: The most important interests that are looked at; who has fewer is not shown.
        min_actions: Actions within the window; fewer where nobody has so many.
        min_pins: Of each of those interests: one pin alone may be an accident.
    """

    n_interests: int = 3
    min_actions: int = 20
    min_pins: int = 2

    def __str__(self) -> str:
        return (
            f"Shown is the case whose {self.n_interests} most important medoids are farthest apart, of those "
            f"with {self.min_actions} actions or as many as anybody has, and {self.min_pins} pins or more in "
            "each of these interests"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Person:
    """One case and its interests.

    Attributes:
        case: Who and when.
        clusters: The user's pins.
        interests: The medoids, most important first.
        labels: int64 [c], the cluster of each interest.
    """

    case: Case
    clusters: Clusters
    interests: Embeddings
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def top(self, n: int) -> NDArray[np.float32]:
        """float32 [n, d]: the n most important medoids."""
        return self.interests.vectors[:n]

    def sizes(self) -> NDArray[np.int64]:
        """int64 [c]: pins of each interest."""
        return np.bincount(self.clusters.labels)[self.labels]

    def shares(self) -> NDArray[np.float64]:
        """float64 [c]: each interest's part of all importance."""
        shares: NDArray[np.float64] = self.interests.importances / self.interests.importances.sum()
        return shares


def persons_of(people: People) -> list[Person]:
    """Every case with the interests that the paper's setting finds."""
    return [
        Person(case=case, clusters=clusters, interests=interests, labels=_labels(clusters, interests))
        for case, clusters, interests in zip(
            people.cases, people.clusters("ward"), people.embeddings(DEFAULT), strict=True
        )
    ]


def subject_of(persons: Sequence[Person], rule: Rule) -> Person | None:
    """Whom the rule shows, the first of equals; None where nobody has so many interests."""
    eligible = [person for person in persons if _is_eligible(person, rule)]
    most = max((len(person.case.rows) for person in eligible), default=0)
    active = [person for person in eligible if len(person.case.rows) >= min(rule.min_actions, most)]
    return max(active, key=lambda person: spread(person.top(rule.n_interests)), default=None)


def spread(vectors: NDArray[np.float32]) -> float:
    """The distance, 1 - cosine, between the nearest two of these unit vectors, float32 [n, d], n >= 2."""
    cosines = vectors @ vectors.T
    return float(1 - cosines[np.triu_indices(len(vectors), 1)].max())


def _is_eligible(person: Person, rule: Rule) -> bool:
    return len(person) >= rule.n_interests and person.sizes()[: rule.n_interests].min() >= rule.min_pins


def _labels(clusters: Clusters, interests: Embeddings) -> NDArray[np.int64]:
    cluster_of = {row: label for label, row in enumerate(clusters.rows[clusters.medoids].tolist())}
    return np.array([cluster_of[row] for row in interests.rows.tolist()], np.int64)
