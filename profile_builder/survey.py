"""The first look at all actions: the unit and the range of their times, before any of them is used."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from profile_builder.columns import Texts
from profile_builder.reading import ACTION, ActionBatch
from profile_builder.timeline import Strays, Timeline
from profile_builder.times import LATEST_S, UNITS, is_possible, show_time
from storage.errors import DataError

_MAX_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was seen.

    Attributes:
        oldest_s: The oldest possible time of a listed action, Unix seconds UTC.
        newest_s: The newest.
        strays: The newest actions that cannot be believed; None when all can.
    """

    oldest_s: int
    newest_s: int
    strays: Strays | None = None

    @property
    def newest_believed_s(self) -> int:
        """The newest time that is no stray's."""
        return self.newest_s if self.strays is None else self.strays.after_s


def survey(
    batches: Iterable[ActionBatch], weights: Mapping[str, float] | None, *, latest_s: int = LATEST_S
) -> Survey:
    """Look at every row's time and action.

    Args:
        batches: All rows, with their actions.
        weights: The listed actions; None lists all.
        latest_s: Later actions are going to be rejected, Unix seconds UTC.

    Raises:
        DataError: The times are not in seconds, none is possible, or no action is listed.
    """
    look = Look(weights, latest_s)
    for batch in batches:
        look.at(batch)
    return look.result()


def is_listed(actions: Texts, weights: Mapping[str, float] | None) -> NDArray[np.bool_]:
    """Which actions are read: bool [n]. Missing and empty ones are, to be rejected then."""
    if weights is None:
        return np.ones(len(actions), np.bool_)
    is_missing: NDArray[np.bool_] = actions.n_bytes() == 0
    return is_missing | actions.is_among(list(weights))


class Look:
    """What was seen of some rows, small however many they are."""

    def __init__(self, weights: Mapping[str, float] | None, latest_s: int = LATEST_S) -> None:
        self._weights, self._latest_s = weights, latest_s
        self._n_ahead = 0
        self._n_of_unit = Counter(dict.fromkeys(UNITS, 0))
        self._example_of_unit: dict[str, str] = {}
        self._timeline = Timeline()
        self._n_listed = 0
        self._unlisted: set[str] = set()

    def at(self, batch: ActionBatch) -> None:
        """Look at some rows."""
        self._note_units(batch)
        listed = is_listed(batch.texts[ACTION], self._weights)
        self._n_listed += int(np.count_nonzero(listed))
        is_ahead = batch.times_s > self._latest_s
        possible = listed & is_possible(batch.times_s)
        self._n_ahead += int(np.count_nonzero(possible & is_ahead))
        self._timeline.add(batch, np.flatnonzero(possible & ~is_ahead))
        self._unlisted.update(batch.texts[ACTION].where(~listed).distinct()[0])

    def merge(self, later: "Look") -> "Look":
        """Take over what another saw of rows further on; returns itself."""
        self._n_of_unit.update(later._n_of_unit)
        self._example_of_unit = later._example_of_unit | self._example_of_unit
        self._timeline.merge(later._timeline)
        self._n_listed += later._n_listed
        self._n_ahead += later._n_ahead
        self._unlisted |= later._unlisted
        return self

    def result(self) -> Survey:
        """What all the rows come to.

        Raises:
            DataError: As `survey`.
        """
        self._require_seconds()
        if not self._n_listed:
            raise DataError(
                f"no row has an action listed under [action_weights] ({', '.join(self._weights or ())}); "
                f"the data has: {', '.join(sorted(self._unlisted)[:_MAX_NAMES_SHOWN])}"
            )
        seen = self._timeline
        if seen.newest_s < seen.oldest_s and self._n_ahead:
            raise DataError(
                f"no action has a possible time: {self._n_ahead:,} are later than "
                f"{show_time(self._latest_s)}, the latest by this machine's clock. Set that, or mend the "
                "times."
            )
        if seen.newest_s < seen.oldest_s:
            raise DataError("no action has a possible time: all are missing, before 1970 or after 2100")
        return Survey(oldest_s=seen.oldest_s, newest_s=seen.newest_s, strays=seen.strays())

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


def _example(batch: ActionBatch, place: int, per_second: int) -> str:
    value = int(batch.times_s[place])
    return f"{value} in {batch.describe(place)}, which then means {show_time(value // per_second)}"
