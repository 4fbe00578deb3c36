"""Which days of a data set are judged."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np

from evaluation.errors import EvaluationError
from evaluation.worlds import ActionLog
from model.parameters import SECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days that are judged: those of validation, then those of the test.

    Attributes:
        test_from: The first of them, UTC. None: so that the last of them is the data's last day.
        validation_days: How many are for choosing.
        test_days: How many confirm the choice.
    """

    test_from: date | None = None
    validation_days: int = 30
    test_days: int = 60

    def begin_s(self, log: ActionLog) -> int:
        """Unix seconds of the first day's 00:00 UTC.

        Raises:
            EvaluationError: Nothing precedes that day, or nothing positive follows.
        """
        last_day = int(log.times_s[-1]) // SECONDS_PER_DAY
        n_days = self.validation_days + self.test_days
        begin_s = (
            (last_day + 1 - n_days) * SECONDS_PER_DAY if self.test_from is None else _seconds(self.test_from)
        )
        positive_s = log.times_s[log.is_positive]
        judged = (positive_s >= begin_s) & (positive_s < begin_s + n_days * SECONDS_PER_DAY)
        if not (positive_s < begin_s).any() or not judged.any():
            raise EvaluationError(
                f"{n_days} days from {_day(begin_s)} on cannot be judged: they need actions on them, and "
                f"earlier ones to learn from. The data's positive actions are of {_day(positive_s[0])} to "
                f"{_day(positive_s[-1])}. Choose another first day, --test-from, or fewer days: "
                f"--validation-days (here {self.validation_days}) and --test-days (here {self.test_days})."
            )
        return begin_s


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _day(time_s: np.integer | int) -> str:
    return f"{datetime.fromtimestamp(int(time_s), UTC):%Y-%m-%d}"
