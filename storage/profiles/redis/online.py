"""The OnlineWriter of a Redis: a key a user, which expires when nobody writes it any more."""

from typing import cast

from storage.profiles.encoding import decode_online, encode_online
from storage.profiles.records import OnlineProfile
from storage.profiles.redis.address import RedisAddress
from storage.profiles.redis.keys import Keys
from storage.profiles.redis.link import Link


class RedisOnlineWriter:
    """Writes online records into a Redis (an OnlineWriter).

    Raises:
        StoreUnavailableError: It cannot be reached.
    """

    def __init__(self, address: RedisAddress) -> None:
        self._link, self._keys = Link(address), Keys(address.prefix)
        self._ttl_s = address.online_ttl_s
        self._link.ask(("PING",))

    def put(self, profile: OnlineProfile) -> None:
        """Store the record; the store has it once this returns, and keeps it as safe as it is set up to."""
        self._link.ask(("SET", self._keys.online(profile.user_id), encode_online(profile), "EX", self._ttl_s))

    def get(self, user_id: str) -> OnlineProfile | None:
        """The stored record, or None."""
        (value,) = self._link.ask(("GET", self._keys.online(user_id)))
        return None if value is None else decode_online(cast(bytes, value), user_id)

    def close(self) -> None:
        """Give the connections back."""
        self._link.close()
