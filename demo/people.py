"""What the demo shows of one person: values, ready for the screen."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """One of the person's newest actions.

    Attributes:
        title: The pin's title.
        days_ago: Before the newest action of the data set.
    """

    title: str
    days_ago: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """One interest, shown by its medoid.

    Attributes:
        title: The medoid's title.
        share: Of the person's importance: the chance to be sampled first.
        size: Distinct pins in the cluster.
    """

    title: str
    share: float
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """The first candidates near one medoid.

    Attributes:
        reason: "because you saved ...".
        candidates: Title and cosine (None for a fallback), in the order of the answer.
        n_candidates: How many the answer holds near this medoid.
    """

    reason: str
    candidates: Sequence[tuple[str, float | None]]
    n_candidates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person, as the demo shows them.

    Attributes:
        user_id: The data set's id.
        n_actions: Actions of the last 90 days that count.
        recent: The newest of them.
        interests: Most important first.
        suggestions: By sampled interest, in order of importance.
        answer_ms: How long the client waited for the candidates.
    """

    user_id: str
    n_actions: int
    recent: Sequence[Recent]
    interests: Sequence[Interest]
    suggestions: Sequence[Suggestions]
    answer_ms: float

    @property
    def n_candidates(self) -> int:
        """All candidates of the answer."""
        return sum(group.n_candidates for group in self.suggestions)
