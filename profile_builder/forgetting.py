"""Forgetting a user: a tombstone through the event stream where there is one, else into the store itself."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from profile_builder.errors import NotStoredError, UsageError
from storage.errors import InvalidEventError
from storage.events.records import Forget, encode
from storage.events.stream import EventAppender
from storage.profiles.store import Tombstones

_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for the stream's consumer to store a tombstone.

    Attributes:
        wait_s: So long; 0 does not wait.
        clock: Seconds that only grow.
        sleep: Lets so many of them pass.
    """

    wait_s: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def tombstone_of(user_id: str, now_s: int) -> Forget:
    """The wish of a user, now.

    Raises:
        UsageError: It is no user's id.
    """
    forget = Forget(user_id, now_s)
    try:
        encode(forget)
    except InvalidEventError as error:
        raise UsageError(f"nobody was forgotten, {error}: give the id of a user, 1 to 128 bytes") from error
    return forget


def forget_through_stream(
    forget: Forget, appender: EventAppender, tombstones: Tombstones, patience: Patience
) -> bool:
    """Append the tombstone, and wait for the one who stores it; whether it is stored.

    Raises:
        EventStreamError: It could not be appended.
        NotStoredError: It is in the stream, but was not stored in time.
    """
    appender.append([forget])
    give_up_s = patience.clock() + patience.wait_s
    while not _is_stored(forget, tombstones):
        if patience.wait_s == 0:
            return False
        if patience.clock() >= give_up_s:
            raise NotStoredError(
                f"user {forget.user_id!r} is to be forgotten: that is in the event stream for good. But no "
                f"consumer stored it within {patience.wait_s:g} s, so servers still know them. Start "
                "python -m profile_builder online; nothing needs to be said again."
            )
        patience.sleep(_LOOK_S)
    return True


def forgotten_until_s(tombstones: Tombstones) -> Mapping[str, int]:
    """Until when each user is forgotten, Unix seconds UTC; without those who are not."""
    return {each.user_id: each.until_s for each in tombstones.tombstones()}


def _is_stored(forget: Forget, tombstones: Tombstones) -> bool:
    return tombstones.forgotten([forget.user_id]).get(forget.user_id, -1) >= forget.timestamp_s
