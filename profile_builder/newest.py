"""A user's newest actions as events come: in any order and any number of times, and the same in the end."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from storage.events.records import Event
from storage.hashes import hash_id
from storage.profiles.newest import NewestAction

MAX_NEWEST = 20
"""The paper's online version looks at so many."""

_UNKNOWN, _NOT_UNKNOWN = 0, 1

_time = attrgetter("time_s")


def newest_action(event: Event, weight: float) -> NewestAction:
    """What is kept of an event."""
    return NewestAction(event.timestamp_s, event.pin_id, event_hash(event), weight)


def event_hash(event: Event) -> int:
    """Tells a user's events apart, 64 bits: by their ids, or else by what they say (Event.key)."""
    if event.event_id is not None:
        return hash_id(event.event_id) or _NOT_UNKNOWN
    # The length first: where the pin ends and the action begins is never in doubt. No event id looks so in
    # practice, and of twenty actions only.
    content = f"{len(event.pin_id)}\0{event.pin_id}\0{event.timestamp_s}\0{event.action}"
    return hash_id(content) or _NOT_UNKNOWN


def merged(held: Sequence[NewestAction], events: Iterable[NewestAction]) -> list[NewestAction]:
    """The newest 20 of both, each event once, in canonical order (time, pin id).

    Of equally old ones the smaller pin ids stay. Of two that share an event id and differ the earlier counts.
    So it does not matter in which order events come, how often, or how many together, as long as those that
    share an id agree.

    Args:
        held: Some user's actions as they are stored.
        events: Others of theirs.
    """
    by_hash = {action.event_hash: action for action in held if action.event_hash != _UNKNOWN}
    # Of an earlier version: what their events were called is not known, when and what they were is.
    unknown = {(action.time_s, action.pin_id): action for action in held if action.event_hash == _UNKNOWN}
    for event in events:
        if (event.time_s, event.pin_id) not in unknown:
            by_hash[event.event_hash] = min(by_hash.get(event.event_hash, event), event)
    actions = sorted([*unknown.values(), *by_hash.values()])
    return actions if len(actions) <= MAX_NEWEST else _newest(actions)


def _newest(actions: Sequence[NewestAction]) -> list[NewestAction]:
    """The newest 20 of more, given in canonical order."""
    # Sorting is stable, also backwards: those of one time stay in the order of their pins.
    return sorted(sorted(actions, key=_time, reverse=True)[:MAX_NEWEST])
