"""Events gathered batch by batch, each to be counted once, laid out by user in one fixed order."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from profile_builder.actions import ActionTable
from profile_builder.columns import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Parallel arrays of length n.

    Attributes:
        users: int64 [n], numbers given by Names.
        rows: int64 [n], rows of the pin artefact.
        times_s: int64 [n], Unix seconds UTC.
        actions: int64 [n], numbers given by Names.
        weights: float64 [n].
        event_hashes: uint64 [n], xxh3-64 of the event id; 0 without one.
        has_event_id: bool [n].
        sources: int64 [n], the row in the input, counted through all files.
    """

    users: NDArray[np.int64]
    rows: NDArray[np.int64]
    times_s: NDArray[np.int64]
    actions: NDArray[np.int64]
    weights: NDArray[np.float64]
    event_hashes: NDArray[np.uint64]
    has_event_id: NDArray[np.bool_]
    sources: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[np.integer] | NDArray[np.bool_]) -> "Events":
        """The events at these places, or where this is true."""
        return Events(**{column.name: getattr(self, column.name)[which] for column in fields(self)})

    @staticmethod
    def joined(parts: Iterable["Events"]) -> "Events":
        """All events of at least one part, in order."""
        parts = list(parts)
        return Events(
            **{
                column.name: np.concatenate([getattr(part, column.name) for part in parts])
                for column in fields(Events)
            }
        )


class Names:
    """Numbers texts in the order they appear, and renumbers them in ascending order once all are known."""

    def __init__(self) -> None:
        self._number_of: dict[str, int] = {}

    def numbers(self, texts: Texts) -> NDArray[np.int64]:
        """int64 [n]: the number of each text; none may be null."""
        distinct, which = texts.distinct()
        # The default is evaluated before the text is added, so it is the next free number.
        numbers = [self._number_of.setdefault(text, len(self._number_of)) for text in distinct]
        return np.array(numbers, np.int64)[which]

    def texts(self) -> tuple[str, ...]:
        """All texts, each at its number."""
        return tuple(self._number_of)

    def ascending(self) -> tuple[str, ...]:
        """All texts in ascending order."""
        return tuple(sorted(self._number_of))

    def ranks(self) -> NDArray[np.int64]:
        """int64: from a text's number to its place among `ascending`."""
        ranks = np.empty(len(self._number_of), np.int64)
        ranks[[self._number_of[text] for text in self.ascending()]] = np.arange(len(ranks))
        return ranks


def renumbered(events: Events, users: Names, actions: Names) -> Events:
    """The events with numbers that do not depend on the order of the input."""
    return replace(events, users=users.ranks()[events.users], actions=actions.ranks()[events.actions])


def duplicates(events: Events) -> NDArray[np.int64]:
    """Places of the events that are there already.

    An event is known by its event id; one without an id by (user, pin, time, action). Of events that share an
    id and differ, the first in (time, user, pin, action) order stays, whatever the input's order.
    """
    with_id, without = np.flatnonzero(events.has_event_id), np.flatnonzero(~events.has_event_id)
    content = (events.actions, events.rows, events.users, events.times_s)
    return np.concatenate(
        [_repeated(with_id, content, (events.event_hashes,)), _repeated(without, (), content)]
    )


def _repeated(
    places: NDArray[np.int64], order: tuple[NDArray[np.generic], ...], key: tuple[NDArray[np.generic], ...]
) -> NDArray[np.int64]:
    """Those of the places whose key another one has, all but the first by `order` (its last column first)."""
    places = places[np.lexsort([column[places] for column in (*order, *key)])]
    same = np.ones(max(len(places) - 1, 0), np.bool_)
    for column in key:
        same &= column[places[1:]] == column[places[:-1]]
    return places[1:][same]


def by_user(events: Events, user_ids: tuple[str, ...]) -> ActionTable:
    """The events of each user together, in (time, pin row, action) order.

    Args:
        events: Renumbered; `users` are places in `user_ids`.
        user_ids: Ascending.
    """
    events = events.take(np.lexsort((events.actions, events.rows, events.times_s, events.users)))
    return ActionTable(
        user_ids=user_ids,
        starts=np.searchsorted(events.users, np.arange(len(user_ids) + 1)),
        rows=events.rows,
        times_s=events.times_s,
        weights=events.weights,
    )
