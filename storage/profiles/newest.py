"""Users' newest actions without what follows from them: all that somebody needs who adds to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from storage.errors import DamagedRecordError
from storage.profiles.records import OnlineProfile


class NewestAction(NamedTuple):
    """One action of an online record; they sort as they are stored.

    Attributes:
        time_s: Unix seconds UTC.
        pin_id: The pin acted on.
        event_hash: Tells the event from others (storage.profiles.records.OnlineProfile).
        weight: What it counts.
    """

    time_s: int
    pin_id: str
    event_hash: int
    weight: float


@dataclass(frozen=True, slots=True)
class Newest:
    """Some users' newest actions.

    Attributes:
        of: By user, of those who have any, in canonical order.
        damaged: Whose record cannot be trusted.
    """

    of: Mapping[str, Sequence[NewestAction]]
    damaged: Sequence[str]


def read_newest(
    user_ids: Iterable[str],
    values: Iterable[bytes | None],
    decode: Callable[[bytes, str], Sequence[NewestAction]],
) -> Newest:
    """The newest actions in stored values.

    Args:
        user_ids: Whose they are.
        values: In the same order; None where there is none.
        decode: storage.profiles.encoding.decode_newest.
    """
    of: dict[str, Sequence[NewestAction]] = {}
    damaged: list[str] = []
    for user_id, value in zip(user_ids, values, strict=True):
        if value is None:
            continue
        try:
            of[user_id] = decode(value, user_id)
        except DamagedRecordError:
            damaged.append(user_id)
    return Newest(of, damaged)


def actions_of(profile: OnlineProfile) -> list[NewestAction]:
    """The record's actions, one by one."""
    columns = profile.times_s, profile.event_hashes, profile.weights
    times_s, hashes, weights = (column.tolist() for column in columns)
    return [NewestAction(*each) for each in zip(times_s, profile.pin_ids, hashes, weights, strict=True)]
