"""What events make of their users' records: one step of the online profiles, before anything is stored."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from profile_builder.newest import merged, newest_action
from profile_builder.online_metrics import Outcome
from profile_builder.online_users import Basis, online_profiles
from storage.errors import DamagedRecordError
from storage.events.records import LATEST_S, Event
from storage.pins.port import NO_ROW
from storage.profiles.newest import NewestAction
from storage.profiles.records import OnlineProfile
from storage.profiles.store import OnlineWriter

_BEFORE_ALL_S = -1


@dataclass(slots=True)
class Counted:
    """What came of some events.

    Attributes:
        profiles: The records that are others now.
        accepted: The events that no tombstone reaches, in order.
        outcomes: What became of each.
        n_damaged: Users whose record could not be trusted, and is begun anew; or whose tombstone could not.
    """

    profiles: Sequence[OnlineProfile] = ()
    accepted: Sequence[Event] = ()
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    n_damaged: int = 0


def count(
    events: Sequence[Event], writer: OnlineWriter, basis: Basis, weights: Mapping[str, float] | None
) -> Counted:
    """Add events to their users' newest actions; nothing is stored.

    Args:
        events: In any order.
        writer: Knows what is stored.
        basis: What profiles are computed with.
        weights: Weight of each action that counts; None counts all and weighs them 1.

    Raises:
        ProfileStoreError: The store cannot be read.
    """
    until_s, n_unclear = _forgotten({event.user_id for event in events}, writer)
    accepted = [event for event in events if event.timestamp_s > until_s.get(event.user_id, _BEFORE_ALL_S)]
    counted = Counted(accepted=accepted)
    counted.outcomes[Outcome.FORGOTTEN] = len(events) - len(accepted)
    new = _by_user(accepted, basis, weights, counted.outcomes)
    newest = writer.newest(list(new))
    counted.n_damaged = n_unclear + len(newest.damaged)
    changed: dict[str, Sequence[NewestAction]] = {}
    for user_id, actions in new.items():
        held = newest.of.get(user_id, ())
        now = merged(held, actions)
        n_new = len(set(now).difference(held))
        counted.outcomes[Outcome.COUNTED] += n_new
        counted.outcomes[Outcome.KNOWN] += len(actions) - n_new
        if n_new:
            changed[user_id] = now
    counted.profiles = online_profiles(changed, basis)
    return counted


def _forgotten(user_ids: Set[str], writer: OnlineWriter) -> tuple[dict[str, int], int]:
    """Until when each is forgotten, and of how many that cannot be read: nothing of theirs is counted."""
    try:
        return dict(writer.forgotten(list(user_ids))), 0
    except DamagedRecordError:
        until_s, n_unclear = dict[str, int](), 0
    # One by one, so that one damaged tombstone holds up nobody else.
    for user_id in user_ids:
        try:
            until_s |= writer.forgotten([user_id])
        except DamagedRecordError:
            until_s[user_id] = LATEST_S
            n_unclear += 1
    return until_s, n_unclear


def _by_user(
    events: Sequence[Event], basis: Basis, weights: Mapping[str, float] | None, outcomes: Counter[Outcome]
) -> dict[str, list[NewestAction]]:
    """What counts of the events: listed actions on known pins."""
    listed = [event for event in events if weights is None or event.action in weights]
    rows = basis.pins.rows([event.pin_id for event in listed]).tolist()
    by_user: defaultdict[str, list[NewestAction]] = defaultdict(list)
    for event, row in zip(listed, rows, strict=True):
        if row != NO_ROW:
            weight = 1.0 if weights is None else weights[event.action]
            by_user[event.user_id].append(newest_action(event, weight))
    outcomes[Outcome.NOT_LISTED] = len(events) - len(listed)
    outcomes[Outcome.UNKNOWN_PIN] = rows.count(NO_ROW)
    return by_user
