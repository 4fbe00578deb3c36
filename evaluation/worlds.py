"""What an experiment runs on: pins, and what people did with them over time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from model.parameters import SECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionLog:
    """Everything people did, as parallel arrays of length a, ascending by (time, user, row).

    Attributes:
        users: int64 [a], number of the user.
        rows: int64 [a], row of the pin in the world's vectors.
        times_s: int64 [a], Unix seconds UTC.
        is_positive: bool [a], an action of the kind that is recommended for; False is an impression that was
            shown or known to the user and not liked.
    """

    users: NDArray[np.int64]
    rows: NDArray[np.int64]
    times_s: NDArray[np.int64]
    is_positive: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(self.users), len(self.rows), len(self.times_s), len(self.is_positive)}
        if len(lengths) > 1:
            raise EvaluationError(f"an action log's columns differ in length: {sorted(lengths)}")
        if not _is_ascending(self.times_s, self.users, self.rows):
            raise EvaluationError("an action log must ascend by (time, user, row)")

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """One data set, ready for the experiments.

    Attributes:
        name: Short, fit for a folder: "movietweetings-text".
        title: For people.
        note: What a reader must know: where vectors leak, what is simulated.
        vectors: float16 [n, d], unit norm; may be memory-mapped.
        log: What people did.
        test_from_s: Unix seconds UTC of the first day that is judged, 00:00. What the vectors know must end
            here.
        validation_days: Days from `test_from_s` on which a method may be chosen.
        test_days: Days after those, on which the choice is confirmed once.
        alpha: Ward's threshold, a squared distance.
        alpha_from: How alpha was found, in a sentence for people.
        titles: n texts for people; None when the data has none.
    """

    name: str
    title: str
    note: str
    vectors: NDArray[np.float16]
    log: ActionLog
    test_from_s: int
    validation_days: int
    test_days: int
    alpha: float
    alpha_from: str
    titles: Sequence[str] | None

    def __post_init__(self) -> None:
        if self.test_from_s % SECONDS_PER_DAY:
            raise EvaluationError(f"the first test day must begin at 00:00 UTC, got {self.test_from_s}")
        if len(self.log) and not 0 <= self.log.rows.min() <= self.log.rows.max() < len(self.vectors):
            raise EvaluationError(f"the log names rows beyond the {len(self.vectors)} pins")

    @property
    def n_pins(self) -> int:
        """The pool that is recommended from."""
        return len(self.vectors)

    @property
    def first_day(self) -> int:
        """The first validation day, in days since 1970."""
        return self.test_from_s // SECONDS_PER_DAY

    @property
    def validation(self) -> range:
        """The validation period, in days since 1970."""
        return range(self.first_day, self.first_day + self.validation_days)

    @property
    def test(self) -> range:
        """The test period, in days since 1970: it begins where validation ends."""
        return range(self.validation.stop, self.validation.stop + self.test_days)


def ordered_log(
    users: NDArray[np.int64],
    rows: NDArray[np.int64],
    times_s: NDArray[np.int64],
    is_positive: NDArray[np.bool_],
) -> ActionLog:
    """An action log of columns in any order."""
    order = np.lexsort((rows, users, times_s))
    return ActionLog(
        users=users[order], rows=rows[order], times_s=times_s[order], is_positive=is_positive[order]
    )


def _is_ascending(*keys: NDArray[np.int64]) -> bool:
    """Whether rows of these columns ascend, the first column first."""
    equal = np.ones(max(len(keys[0]) - 1, 0), np.bool_)
    for key in keys:
        if (equal & (key[1:] < key[:-1])).any():
            return False
        equal &= key[1:] == key[:-1]
    return True
