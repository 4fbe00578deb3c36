"""When actions happened, day by day: how far they reach, and whether the newest can be believed.

By default a batch looks back from the newest action, so one impossible time, say of the year 2096, would move
the window away from all others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.parameters import SECONDS_PER_DAY
from profile_builder.reading import ActionBatch
from profile_builder.times import LATEST_S

STRAY_DAYS = 30
"""The newest actions are strays when so many days without any lie before them, ..."""
STRAY_SHARE = 0.001
"""... they are at most this share of all, or a single one, ..."""
MIN_ACTIONS = 100
"""... and there are so many in all: among few none can be called odd."""

_N_DAYS = LATEST_S // SECONDS_PER_DAY + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Strays:
    """The newest actions, when they are too few and too far ahead of all others to be believed.

    Attributes:
        n_actions: How many.
        after_s: The newest time that is none of theirs, Unix seconds UTC.
        newest_s: The newest of theirs.
        newest_place: Where that stands, for people.
    """

    n_actions: int
    after_s: int
    newest_s: int
    newest_place: str


class Timeline:
    """Actions counted by day, from 1970 to 2100: its size does not depend on their number.

    Attributes:
        oldest_s: The oldest time, Unix seconds UTC; LATEST_S when there is none.
        newest_s: The newest; -1 when there is none.
    """

    def __init__(self) -> None:
        self.oldest_s = LATEST_S
        self.newest_s = -1
        self._newest_place = ""
        self._n_of_day = np.zeros(_N_DAYS, np.int64)
        self._newest_of_day_s = np.full(_N_DAYS, -1)

    def add(self, batch: ActionBatch, places: NDArray[np.int64]) -> None:
        """Count the actions at these places of a batch; their times are possible (profile_builder.times)."""
        times_s = batch.times_s[places]
        days = times_s // SECONDS_PER_DAY
        self._n_of_day += np.bincount(days, minlength=_N_DAYS)
        np.maximum.at(self._newest_of_day_s, days, times_s)
        self.oldest_s = min(self.oldest_s, int(times_s.min(initial=LATEST_S)))
        if times_s.max(initial=-1) > self.newest_s:
            self.newest_s = int(times_s.max())
            self._newest_place = batch.describe(int(places[times_s.argmax()]))

    def merge(self, later: "Timeline") -> None:
        """Count what another one did, of rows further on."""
        self._n_of_day += later._n_of_day
        np.maximum(self._newest_of_day_s, later._newest_of_day_s, out=self._newest_of_day_s)
        self.oldest_s = min(self.oldest_s, later.oldest_s)
        if later.newest_s > self.newest_s:
            self.newest_s, self._newest_place = later.newest_s, later._newest_place

    def strays(self) -> Strays | None:
        """The newest actions that stand apart; None when all can be believed."""
        n_actions = int(self._n_of_day.sum())
        days = np.flatnonzero(self._n_of_day)
        n_from = self._n_of_day[days][::-1].cumsum()[::-1]
        is_few = n_from[1:] <= max(1, STRAY_SHARE * n_actions)
        apart = np.flatnonzero(is_few & (np.diff(days) > STRAY_DAYS))
        if n_actions < MIN_ACTIONS or not len(apart):
            return None
        last = apart[0]
        return Strays(
            n_actions=int(n_from[last + 1]),
            after_s=int(self._newest_of_day_s[days[last]]),
            newest_s=self.newest_s,
            newest_place=self._newest_place,
        )
