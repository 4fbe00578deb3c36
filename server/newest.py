"""A user's newest actions: the interests they make, what they take off others, and the pins they hide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.combining import Origin
from model.dislikes import hidden_pins, told_apart
from model.interests import Actions, Interests, no_interests
from model.parameters import Parameters
from model.profile import build_interests
from storage.pins.port import NO_ROW
from storage.profiles.records import StoredUser

RowsOf = Callable[[Sequence[str]], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Newest:
    """What the actions after the watermark come to.

    Attributes:
        interests: Of what was liked.
        disliked: What is taken off the interests that it falls into; None: nothing.
        hidden: Pins that stand for no interest any more.
    """

    interests: Interests
    disliked: Actions | None = None
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """Interests, the rows of their medoids, and where they come from."""

    interests: Interests
    rows: NDArray[np.int64]
    origins: tuple[Origin, ...]


def watermark_s_of(user: StoredUser, of_batch_s: int) -> int:
    """Until when the user's actions are counted in their batch profile, Unix seconds UTC.

    Who was forgotten, and whom no batch made since knows, is counted from then on.
    """
    if user.batch is None and user.forgotten_until_s is not None:
        return user.forgotten_until_s
    return of_batch_s


def newest_of(actions: Actions, parameters: Parameters, now_s: int) -> Newest:
    """From the actions after the watermark, of weights other than 0."""
    feelings = told_apart(actions)
    return Newest(
        interests=build_interests(feelings.liked, parameters, now_s),
        disliked=feelings.disliked,
        hidden=hidden_pins(actions),
    )


def split(interests: Interests, rows_of: RowsOf) -> tuple[Interests, NDArray[np.int64], Interests]:
    """The interests that a pin can stand for, the rows of those pins, and the other interests."""
    interests, rows = _stood_in(interests, rows_of)
    held = rows != NO_ROW
    if held.all():
        return interests, rows, no_interests(interests.computed_at_s)
    return interests.take(np.flatnonzero(held)), rows[held], interests.take(np.flatnonzero(~held))


def without_hidden(shown: Shown, hidden: frozenset[str], rows_of: RowsOf) -> Shown:
    """The same, of pins that are not hidden: another representative stands in for a medoid that is."""

    def rows_of_others(pin_ids: Sequence[str]) -> NDArray[np.int64]:
        return np.where([pin_id in hidden for pin_id in pin_ids], NO_ROW, rows_of(pin_ids))

    interests, rows = _stood_in(shown.interests, rows_of_others)
    held = np.flatnonzero(rows != NO_ROW)
    interests = interests.take(held)
    stood_for = interests.representatives
    others = np.flatnonzero([pin_id not in hidden for pin_id in stood_for.pin_ids])
    return Shown(
        interests=replace(interests, representatives=stood_for.take(others)),
        rows=rows[held],
        origins=tuple(shown.origins[at] for at in held),
    )


def _stood_in(interests: Interests, rows_of: RowsOf) -> tuple[Interests, NDArray[np.int64]]:
    """Where a medoid is missing or not to be shown, the heaviest representative that is neither stands in."""
    rows = rows_of(interests.medoid_pin_ids)
    if (rows != NO_ROW).all():
        return interests, rows
    stood_for, medoids = interests.representatives, list(interests.medoid_pin_ids)
    their_rows = rows_of(stood_for.pin_ids)
    for at in np.flatnonzero(rows == NO_ROW):
        for each in np.flatnonzero((stood_for.interests == at) & (their_rows != NO_ROW))[:1]:
            medoids[at], rows[at] = stood_for.pin_ids[each], their_rows[each]
    return replace(interests, medoid_pin_ids=tuple(medoids)), rows
