"""Parsed profiles, kept within a budget in bytes."""

import math
import threading
from collections import OrderedDict
from collections.abc import Set
from dataclasses import dataclass

from server.served_profiles import ServedProfile
from server.sight import Sight
from server.sparing import whose_turn
from storage.profiles.records import StoredUser

# No read of the store takes as long.
ON_THE_WAY_S = 60.0
NEVER_S = -math.inf

# Measured with tracemalloc: an entry's own objects (key, records, array headers, links of their order).
_OVERHEAD_BYTES = 610

Key = str | tuple[str, float]
"""A user, or a user and the decay in place of the model's."""


@dataclass(slots=True, eq=False)
class Entry:
    """What is kept of a user.

    Attributes:
        profile: Parsed.
        held: Stands for what it was parsed from.
        sight: While this is what there is to see, the profile holds.
        checked_s: When the store last said of this user that it is still so.
        uses: 1 when somebody asked for it since its turn to go came, else 0.
    """

    profile: ServedProfile
    held: StoredUser
    sight: Sight
    checked_s: float
    uses: int = 0


class ProfileCache:
    """Parsed profiles, safe for any number of threads; about the least recently used go first.

    Who was asked for meanwhile is spared once, see server.sparing.

    Args:
        budget_bytes: The sum of all entries stays below this; 0 keeps nothing.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._size_bytes = 0
        # Who was forgotten lately, and when.
        self._forgotten: dict[str, float] = {}
        # It covers every change, never a read of the store.
        self._lock = threading.Lock()

    def get(self, key: Key) -> Entry | None:
        """The entry, or None."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.uses = 1
        return entry

    def put(self, key: Key, entry: Entry) -> None:
        """Keep the entry in place of an earlier one; not if it was read before the user was forgotten."""
        with self._lock:
            self._remove(key)
            if self._forgotten and self._forgotten.get(_user_of(key), NEVER_S) >= entry.checked_s:
                return
            self._entries[key] = entry
            self._size_bytes += _size_bytes(entry)
            self._make_room()

    def _make_room(self) -> None:
        while self._size_bytes > self.budget_bytes:
            self._remove(whose_turn(self._entries))

    def remove(self, key: Key) -> None:
        """Drop the entry."""
        with self._lock:
            self._remove(key)

    def forget(self, user_ids: Set[str], now_s: float) -> None:
        """Drop all entries of these users, those still on their way included.

        Args:
            user_ids: Whom the store says to forget.
            now_s: By the clock that entries were checked by.
        """
        with self._lock:
            recent = {each: at_s for each, at_s in self._forgotten.items() if now_s - at_s < ON_THE_WAY_S}
            self._forgotten = recent | dict.fromkeys(user_ids, now_s)
            for key in [key for key in self._entries if _user_of(key) in user_ids]:
                self._remove(key)

    def clear(self) -> None:
        """Drop all entries."""
        with self._lock:
            self._entries.clear()
            self._size_bytes = 0

    def _remove(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size_bytes -= _size_bytes(entry)

    @property
    def size_bytes(self) -> int:
        """Bytes in use."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._entries)


def _user_of(key: Key) -> str:
    return key if isinstance(key, str) else key[0]


def _size_bytes(entry: Entry) -> int:
    return entry.profile.n_bytes + _OVERHEAD_BYTES
