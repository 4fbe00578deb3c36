"""The first look at all actions: the unit and the range of their times, before any of them is used."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from profile_builder.columns import Texts
from profile_builder.reading import ACTION, ActionBatch
from profile_builder.times import LATEST_S, UNITS, show_time
from storage.errors import DataError

_MAX_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was seen.

    Attributes:
        oldest_s: The oldest possible time of a listed action, Unix seconds UTC.
        newest_s: The newest.
    """

    oldest_s: int
    newest_s: int


def survey(batches: Iterable[ActionBatch], weights: Mapping[str, float] | None) -> Survey:
    """Look at every row's time and action.

    Args:
        batches: All rows, with their actions.
        weights: The listed actions; None lists all.

    Raises:
        DataError: The times are not in seconds, none is possible, or no action is listed.
    """
    look = _Look(weights)
    for batch in batches:
        look.at(batch)
    return look.result()


def is_listed(actions: Texts, weights: Mapping[str, float] | None) -> NDArray[np.bool_]:
    """Which actions are read: bool [n]. Missing ones are, to be rejected then."""
    if weights is None:
        return np.ones(len(actions), np.bool_)
    return actions.is_among(list(weights)) | actions.is_missing()


class _Look:
    def __init__(self, weights: Mapping[str, float] | None) -> None:
        self._weights = weights
        self._n_of_unit = Counter(dict.fromkeys(UNITS, 0))
        self._example_of_unit: dict[str, str] = {}
        self._times: list[int] = []
        self._n_listed = 0
        self._unlisted: set[str] = set()

    def at(self, batch: ActionBatch) -> None:
        """Look at some rows."""
        self._note_units(batch)
        listed = is_listed(batch.texts[ACTION], self._weights)
        self._n_listed += int(np.count_nonzero(listed))
        self._note_range(batch.times_s[listed])
        self._unlisted.update(batch.texts[ACTION].where(~listed).distinct()[0])

    def result(self) -> Survey:
        """What all the rows come to."""
        self._require_seconds()
        if not self._n_listed:
            raise DataError(
                f"no row has an action listed under [action_weights] ({', '.join(self._weights or ())}); "
                f"the data has: {', '.join(sorted(self._unlisted)[:_MAX_NAMES_SHOWN])}"
            )
        if not self._times:
            raise DataError("no action has a possible time: all are missing, before 1970 or after 2100")
        return Survey(oldest_s=min(self._times), newest_s=max(self._times))

    def _note_units(self, batch: ActionBatch) -> None:
        """Count the times that make a date between 1970 and 2100 in each unit, the coarsest that does."""
        lowest = 0
        for unit, per_second in UNITS.items():
            highest = LATEST_S * per_second
            found = np.flatnonzero((batch.times_s >= lowest) & (batch.times_s <= highest))
            self._n_of_unit[unit] += len(found)
            if len(found) and unit not in self._example_of_unit:
                self._example_of_unit[unit] = _example(batch, int(found[0]), per_second)
            lowest = highest + 1

    def _require_seconds(self) -> None:
        # Of the file as a whole: a few odd times are bad rows. Old seconds are small, so they are seconds.
        unit, n = self._n_of_unit.most_common(1)[0]
        if unit != "seconds":
            raise DataError(
                f"the times are in {unit}, not in seconds: {n:,} of {self._n_of_unit.total():,} are, for "
                f"example {self._example_of_unit[unit]}. Divide the column by {UNITS[unit]:,}."
            )

    def _note_range(self, times_s: NDArray[np.int64]) -> None:
        possible = times_s[(times_s >= 0) & (times_s <= LATEST_S)]
        if len(possible):
            self._times += [int(possible.min()), int(possible.max())]


def _example(batch: ActionBatch, place: int, per_second: int) -> str:
    value, row = int(batch.times_s[place]), int(batch.rows[place])
    return (
        f"{value} in row {row} of {batch.file.path.name}, which then means {show_time(value // per_second)}"
    )
