"""The window's actions as values: one user's, and many users' as one table of parallel arrays."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class UserActions:
    """One user's actions of the window, in any order, as parallel arrays of length a.

    Attributes:
        user_id: Opaque.
        rows: int [a], rows of the pin artefact.
        times_s: int64 [a], Unix seconds UTC.
        weights: float64 [a]; positive makes interests, negative lowers them, 0 only keeps the pin from coming
            back.
    """

    user_id: str
    rows: NDArray[np.int64]
    times_s: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def and_those(self, others: "UserActions") -> "UserActions":
        """These, and then others of the same user."""
        return UserActions(
            user_id=self.user_id,
            rows=np.concatenate([self.rows, others.rows]),
            times_s=np.concatenate([self.times_s, others.times_s]),
            weights=np.concatenate([self.weights, others.weights]),
        )

    def take(self, which: NDArray[np.int64]) -> "UserActions":
        """The actions at these places."""
        return UserActions(
            user_id=self.user_id,
            rows=self.rows[which],
            times_s=self.times_s[which],
            weights=self.weights[which],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTable:
    """Many users' actions; the columns are those of UserActions, end to end.

    Attributes:
        user_ids: Ascending, u of them; one may have no action left.
        starts: int64 [u + 1], where each user's actions begin, and the end.
        rows: int64 [n].
        times_s: int64 [n].
        weights: float64 [n].
    """

    user_ids: tuple[str, ...]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    times_s: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def n_actions(self) -> int:
        """All actions."""
        return len(self.rows)

    def __len__(self) -> int:
        return len(self.user_ids)

    def __iter__(self) -> Iterator[UserActions]:
        return (self.user(i) for i in range(len(self)))

    def user(self, i: int) -> UserActions:
        """The actions of user i."""
        span = slice(self.starts[i], self.starts[i + 1])
        return UserActions(
            user_id=self.user_ids[i],
            rows=self.rows[span],
            times_s=self.times_s[span],
            weights=self.weights[span],
        )

    def users(self, first: int, end: int) -> "ActionTable":
        """The table of users first to end - 1."""
        span = slice(self.starts[first], self.starts[end])
        return ActionTable(
            user_ids=self.user_ids[first:end],
            starts=self.starts[first : end + 1] - self.starts[first],
            rows=self.rows[span],
            times_s=self.times_s[span],
            weights=self.weights[span],
        )

    def parts(self, n_actions: int) -> Iterator["ActionTable"]:
        """The table cut into tables of whole users, each of about `n_actions`, in order."""
        first = 0
        while first < len(self):
            end = int(np.searchsorted(self.starts, self.starts[first] + n_actions, side="right")) - 1
            end = min(max(end, first + 1), len(self))
            yield self.users(first, end)
            first = end
