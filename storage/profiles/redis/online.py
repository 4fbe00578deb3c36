"""The OnlineWriter of a Redis: a key a user, which expires when nobody writes it any more."""

from collections.abc import Mapping, Sequence
from typing import cast

from storage.errors import OvertakenError
from storage.profiles.encoding import decode_newest, decode_online, encode_online
from storage.profiles.marks import decode_mark, encode_mark
from storage.profiles.newest import Newest, read_newest
from storage.profiles.records import OnlineProfile
from storage.profiles.redis.address import RedisAddress
from storage.profiles.redis.keys import Keys
from storage.profiles.redis.link import Link
from storage.profiles.redis.tombstones import bury, read_forgotten
from storage.profiles.store import Mark

# KEYS: marks, then records. ARGV: how many marks, a record's TTL, the marks before and after, the records.
_COMMIT = """
local n = tonumber(ARGV[1])
for i = 1, n do
  if (redis.call('GET', KEYS[i]) or '') ~= ARGV[2 + i] then return 0 end
end
for i = 1, n do redis.call('SET', KEYS[i], ARGV[2 + n + i]) end
for i = n + 1, #KEYS do redis.call('SET', KEYS[i], ARGV[2 + n + i], 'EX', ARGV[2]) end
return 1
"""

TIMEOUT_S = 10.0
"""Thousands of records are stored at once: that may take longer than a user who waits would."""


class RedisOnlineWriter:
    """Writes online records into a Redis (an OnlineWriter).

    Raises:
        StoreUnavailableError: It cannot be reached.
    """

    def __init__(self, address: RedisAddress) -> None:
        self._link, self._keys = Link(address, timeout_s=TIMEOUT_S), Keys(address.prefix)
        self._ttl_s = address.online_ttl_s
        self._link.ask(("PING",))

    def put(self, profile: OnlineProfile) -> None:
        """Store the record; the store has it once this returns, and keeps it as safe as it is set up to."""
        self._link.ask(("SET", self._keys.online(profile.user_id), encode_online(profile), "EX", self._ttl_s))

    def get(self, user_id: str) -> OnlineProfile | None:
        """The stored record, or None."""
        (value,) = self._link.ask(("GET", self._keys.online(user_id)))
        return None if value is None else decode_online(cast(bytes, value), user_id)

    def forget(self, user_id: str, until_s: int) -> None:
        """Bury what the user did up to then, in all batches, too."""
        bury(self._link, self._keys, user_id, until_s, ttl_s=self._ttl_s)

    def forgotten(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Until when each of these users is forgotten, Unix seconds UTC; without those who are not."""
        return read_forgotten(self._link, self._keys, user_ids)

    def newest(self, user_ids: Sequence[str]) -> Newest:
        """The newest actions of some users."""
        if not user_ids:
            return Newest({}, ())
        (values,) = self._link.ask(("MGET", *map(self._keys.online, user_ids)))
        return read_newest(user_ids, cast(list[bytes | None], values), decode_newest)

    def mark(self, name: str) -> str | None:
        """What is held under a mark's name, or None."""
        (value,) = self._link.ask(("GET", self._keys.mark(name)))
        return None if value is None else decode_mark(name, cast(bytes, value))

    def commit(self, profiles: Sequence[OnlineProfile], marks: Mapping[str, Mark]) -> None:
        """Store records and move marks on, in one script."""
        keys = [*map(self._keys.mark, marks), *(self._keys.online(each.user_id) for each in profiles)]
        before = [
            b"" if each.before is None else encode_mark(name, each.before) for name, each in marks.items()
        ]
        after = [encode_mark(name, each.after) for name, each in marks.items()]
        records = [encode_online(each) for each in profiles]
        (is_stored,) = self._link.ask(
            ("EVAL", _COMMIT, len(keys), *keys, len(marks), self._ttl_s, *before, *after, *records)
        )
        if not is_stored:
            raise OvertakenError(
                f"{self._link.address} has other marks than this writer left: another has gone on from there"
            )

    def close(self) -> None:
        """Give the connections back."""
        self._link.close()
