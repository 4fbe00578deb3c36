"""What asking indexes came to: points, the front of those worth having, and ours against hnswlib's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.built_indexes import Cost, Spec
from benchmarks.hnswlib_index import HNSWLIB

TARGET_RECALL = 0.95


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One index at one efSearch.

    Attributes:
        ef_search: HNSW's efSearch.
        recall: Kind of query -> recall@200.
        us: Microseconds of one query, of one thread's own time; the median of rounds.
    """

    ef_search: int
    recall: Mapping[str, float]
    us: float

    @property
    def least_recall(self) -> float:
        """Of the kind of query that fares worst."""
        return min(self.recall.values())

    @property
    def mean_recall(self) -> float:
        """Over the kinds of query."""
        return float(np.mean(list(self.recall.values())))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that is known of one index.

    Attributes:
        spec: What it is.
        cost: Of building it.
        file_mb: Megabytes of its file.
        resident_mb: Megabytes that it takes in memory, alone.
        asked: At each efSearch, ascending.
    """

    spec: Spec
    cost: Cost
    file_mb: float
    resident_mb: float
    asked: Sequence[Asked]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An index and the efSearch to ask it at."""

    index: str
    ef_search: int
    least_recall: float
    us: float


@dataclass(frozen=True, kw_only=True)
class AgainstHnswlib:
    """An index of ours over hnswlib's of the same M and efConstruction: below 1 is less.

    Attributes:
        index: Ours.
        build_seconds: Of building, by the clock.
        build_cpu_seconds: Of building, of all threads together.
        resident: Of memory.
        query_us: Mean recall, at every efSearch of hnswlib's where both were measured -> ratio of the time of
            a query at that recall.
    """

    index: str
    build_seconds: float
    build_cpu_seconds: float
    resident: float
    query_us: Mapping[str, float]


def front(indexes: Sequence[Figures]) -> list[Choice]:
    """Our choices to which no other is both at least as fast and at least as good, fastest first."""
    best: list[Choice] = []
    for choice in sorted(_choices(indexes), key=lambda each: (each.us, -each.least_recall)):
        if not best or choice.least_recall > best[-1].least_recall:
            best.append(choice)
    return best


def fastest_at_target(indexes: Sequence[Figures]) -> Choice | None:
    """The fastest at which every kind of query reaches the target; None where none does."""
    return next((choice for choice in front(indexes) if choice.least_recall >= TARGET_RECALL), None)


def against_hnswlib(indexes: Sequence[Figures]) -> list[AgainstHnswlib]:
    """Each index of ours with a twin of hnswlib."""
    twins = {(each.spec.m, each.spec.ef_construction): each for each in indexes if each.spec.kind == HNSWLIB}
    ours = [each for each in indexes if each.spec.kind != HNSWLIB]
    return [
        _against(each, twins[key])
        for each in ours
        if (key := (each.spec.m, each.spec.ef_construction)) in twins
    ]


def _choices(indexes: Sequence[Figures]) -> Iterator[Choice]:
    for each in indexes:
        if each.spec.kind != HNSWLIB:
            for asked in each.asked:
                yield Choice(
                    index=str(each.spec),
                    ef_search=asked.ef_search,
                    least_recall=asked.least_recall,
                    us=asked.us,
                )


def _against(ours: Figures, theirs: Figures) -> AgainstHnswlib:
    return AgainstHnswlib(
        index=str(ours.spec),
        build_seconds=round(ours.cost.seconds / theirs.cost.seconds, 3),
        build_cpu_seconds=round(ours.cost.cpu_seconds / theirs.cost.cpu_seconds, 3),
        resident=round(ours.resident_mb / theirs.resident_mb, 3),
        query_us={
            f"{each.mean_recall:.4f}": round(us / each.us, 3)
            for each in theirs.asked
            if (us := _us_at(ours.asked, each.mean_recall)) is not None
        },
    )


def _us_at(asked: Sequence[Asked], recall: float) -> float | None:
    """Microseconds at a recall between two that were measured: the logarithm of time grows with recall."""
    recalls = [each.mean_recall for each in asked]
    if not recalls[0] <= recall <= recalls[-1]:
        return None
    return float(np.exp(np.interp(recall, recalls, np.log([each.us for each in asked]))))
