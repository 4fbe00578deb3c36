"""Who is judged on what: the paper's daily test batches (Section 5.3). In words: evaluation.readings."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.worlds import ActionLog, World
from model.parameters import SECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How methods are judged.

    Attributes:
        window_days: How far a user's history reaches back from the judged day.
        n_candidates: Recommended per request.
        removes_past: A user's past action pins are neither recommended nor counted as actions to find.
        impressions_per_action: Pins that the ranking task sets beside each action pin.
        n_seeds: Draws of sampled interests that a case is averaged over.
        n_resamples: Of the bootstrap over users.
    """

    window_days: int = 90
    n_candidates: int = 400
    removes_past: bool = True
    impressions_per_action: int = 20
    n_seeds: int = 20
    n_resamples: int = 1_000

    @property
    def window_s(self) -> int:
        """The window in seconds."""
        return self.window_days * SECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One user on one day: what was known the night before, and what the user then did.

    Attributes:
        user: Number of the user.
        day: Days since 1970.
        rows: int64 [h], rows of the pins acted on in the window before that day, oldest first, h >= 1.
        times_s: int64 [h], when.
        positives: int64 [p], distinct rows acted on that day, p >= 1.
        impressions: int64, 20 p rows that the ranking task sets beside them; fewer where random pins fill up
            from a pool that has little else.
        seen: int64, distinct rows not to be recommended: the user's past action pins, or none.
    """

    user: int
    day: int
    rows: NDArray[np.int64]
    times_s: NDArray[np.int64]
    positives: NDArray[np.int64]
    impressions: NDArray[np.int64]
    seen: NDArray[np.int64]

    @property
    def now_s(self) -> int:
        """The moment of the request: the day's first second."""
        return self.day * SECONDS_PER_DAY


def cases_of(world: World, days: range, protocol: Protocol) -> list[Case]:
    """Every user with a history on every day on which that user acts, ordered by (day, user)."""
    judged = [
        case
        for user, of_user in _by_user(world.log)
        for case in _cases_of_user(user, of_user, days, world.n_pins, protocol)
    ]
    return sorted(judged, key=lambda case: (case.day, case.user))


def _by_user(log: ActionLog) -> Iterator[tuple[int, ActionLog]]:
    order = np.argsort(log.users, kind="stable")
    starts = np.flatnonzero(np.diff(log.users[order], prepend=-1))
    for places in np.split(order, starts[1:]):
        if len(places):
            yield (
                int(log.users[places[0]]),
                ActionLog(
                    users=log.users[places],
                    rows=log.rows[places],
                    times_s=log.times_s[places],
                    is_positive=log.is_positive[places],
                ),
            )


def _cases_of_user(user: int, log: ActionLog, days: range, n_pins: int, protocol: Protocol) -> Iterator[Case]:
    liked = log.is_positive
    rows, times_s, day_of = log.rows[liked], log.times_s[liked], log.times_s[liked] // SECONDS_PER_DAY
    for day in np.unique(day_of[(day_of >= days.start) & (day_of < days.stop)]).tolist():
        begin, end = np.searchsorted(day_of, (day, day + 1))
        first = int(np.searchsorted(times_s, day * SECONDS_PER_DAY - protocol.window_s))
        past = np.unique(rows[:begin])
        seen = past if protocol.removes_past else past[:0]
        positives = np.setdiff1d(rows[begin:end], seen)
        if first == begin or not len(positives):
            continue
        yield Case(
            user=user,
            day=day,
            rows=rows[first:begin],
            times_s=times_s[first:begin],
            positives=positives,
            impressions=_impressions(
                log.rows[~liked & (log.times_s // SECONDS_PER_DAY == day)],
                np.union1d(positives, past),
                protocol.impressions_per_action * len(positives),
                n_pins,
                np.random.default_rng((user, day)),
            ),
            seen=seen,
        )


def _impressions(
    not_liked: NDArray[np.int64],
    known: NDArray[np.int64],
    n: int,
    n_pins: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """The day's pins that were not liked, filled up to n with random pins that the user does not know."""
    real = np.setdiff1d(not_liked, known)
    drawn = np.unique(generator.integers(n_pins, size=2 * n + len(known)))
    unknown = drawn[~np.isin(drawn, known) & ~np.isin(drawn, real)]
    return np.concatenate([generator.permutation(real), generator.permutation(unknown)])[:n]
