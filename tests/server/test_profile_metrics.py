"""Where users' profiles came from, counted."""

from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from server.metrics import Metrics
from server.metrics_catalogue import ProfileUse
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from server.users import FRESH_S, ServedProfiles
from storage.errors import StoreUnavailableError
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import StoredUser
from storage.profiles.store import ProfileReader
from tests.server.world import CUT_S, default_people, make_pins


class Outage:
    """A store that can be taken away and knows no revision; of a store only what profiles need."""

    def __init__(self, store: InMemoryProfiles) -> None:
        self._store = store
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def revision(self) -> None:
        """So users are asked about."""

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        if self.is_away:
            raise StoreUnavailableError("away")
        return self._store.read(user_id, held)


def test_every_way_to_a_profile_is_counted_once() -> None:
    """Parsed, then taken as it is, then asked for again, unknown, and used late when the store is away."""
    registry, now_s = CollectorRegistry(), [0.0]
    store = Outage(default_people().store())
    source = ProfileSource(cast(ProfileReader, store), make_pins(), Metrics(registry))
    users = ServedProfiles(source, ProfileCache(1_000_000), clock=lambda: now_s[0])

    def counted() -> dict[str, float]:
        name = "pinnersage_profile_lookups_total"
        counts = {
            use.value: registry.get_sample_value(name, {"result": use.value}) or 0 for use in ProfileUse
        }
        return {use: count for use, count in counts.items() if count}

    users.get("ann", CUT_S)
    users.get("ann", CUT_S)
    users.get("nobody", CUT_S)
    assert counted() == {"parsed": 1, "fresh": 1, "unknown": 1}
    now_s[0] += 2 * FRESH_S
    users.get("ann", CUT_S)
    assert counted() == {"parsed": 1, "fresh": 1, "unknown": 1, "unchanged": 1}
    now_s[0] += 2 * FRESH_S
    store.is_away = True
    users.get("ann", CUT_S)
    with pytest.raises(StoreUnavailableError):
        users.get("ben", CUT_S)
    assert counted() == {"parsed": 1, "fresh": 1, "unknown": 1, "unchanged": 1, "stale": 1}
