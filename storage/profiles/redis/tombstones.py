"""Who asked to be forgotten, in a Redis: a hash to honour them by, and a sorted set to hear of new ones."""

from collections.abc import Sequence
from typing import cast

from storage.errors import DamagedRecordError
from storage.profiles.encoding import decode_online, encode_online
from storage.profiles.forgetting import since_forgotten
from storage.profiles.records import Tombstone
from storage.profiles.redis.address import RedisAddress
from storage.profiles.redis.keys import Keys, bucket_of, number_of, profile_field, seen_field
from storage.profiles.redis.link import Link

_AT_A_TIME = 10_000
_NOTHING = b""

# KEYS: who is forgotten, their tombstones' numbers, the online record, the user's hash in each batch.
# ARGV: user, until when, what is left of the online record, its TTL, the two fields of a batch, the online
# record that the rest was left of: where it is another by now, nothing is done.
# A batch's records go with a new tombstone only: later ones were made with it in mind. A hash that would be
# empty keeps a field of nobody's, for a batch is known to be whole by the number of its hashes.
_BURY = """
if (redis.call('GET', KEYS[3]) or '') ~= ARGV[7] then return -1 end
local before = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[3] == '' then redis.call('UNLINK', KEYS[3])
else redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[4]) end
if before and tonumber(before) >= tonumber(ARGV[2]) then return 0 end
local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], (last[2] or 0) + 1, ARGV[1])
for i = 4, #KEYS do
  if redis.call('HDEL', KEYS[i], ARGV[5], ARGV[6]) > 0 and redis.call('HLEN', KEYS[i]) == 0 then
    redis.call('HSET', KEYS[i], 'forgotten', '')
  end
end
return 1
"""


class RedisTombstones:
    """Who asked to be forgotten, of a store that need not hold a batch yet (a Tombstones).

    Raises:
        StoreUnavailableError: It cannot be reached.
    """

    def __init__(self, address: RedisAddress) -> None:
        self._link, self._keys = Link(address), Keys(address.prefix)

    def tombstones(self, after: int = 0) -> list[Tombstone]:
        """In order; those later than the one numbered `after`."""
        return read_tombstones(self._link, self._keys, after)

    def forgotten(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Until when each of these users is forgotten, Unix seconds UTC; without those who are not."""
        return read_forgotten(self._link, self._keys, user_ids)

    def close(self) -> None:
        """Give the connections back."""
        self._link.close()


def read_forgotten(link: Link, keys: Keys, user_ids: Sequence[str]) -> dict[str, int]:
    """Until when each of these users is forgotten, Unix seconds UTC; without those who are not."""
    if not user_ids:
        return {}
    (times,) = link.ask(("HMGET", keys.forgotten, *user_ids))
    found = zip(user_ids, cast(list[bytes | None], times), strict=True)
    return {user_id: int(until_s) for user_id, until_s in found if until_s is not None}


def read_tombstones(link: Link, keys: Keys, after: int) -> list[Tombstone]:
    """Those later than the one numbered `after`, in order."""
    found: list[Tombstone] = []
    is_more = True
    while is_more:
        page = _page(link, keys, found[-1].sequence if found else after)
        found += page
        is_more = len(page) == _AT_A_TIME
    return found


def read_newest(link: Link, keys: Keys) -> int:
    """The number of the last one; 0 before the first."""
    (reply,) = link.ask(("ZRANGE", keys.tombstones, -1, -1, "WITHSCORES"))
    return int(float(cast(list[bytes], reply)[1])) if reply else 0


def _page(link: Link, keys: Keys, after: int) -> list[Tombstone]:
    (reply,) = link.ask(
        ("ZRANGEBYSCORE", keys.tombstones, f"({after}", "+inf", "WITHSCORES", "LIMIT", 0, _AT_A_TIME)
    )
    users, numbers = cast(list[bytes], reply)[::2], cast(list[bytes], reply)[1::2]
    if not users:
        return []
    (times,) = link.ask(("HMGET", keys.forgotten, *users))
    return [
        Tombstone(user_id=user.decode(), until_s=int(until), sequence=int(float(number)))
        for user, until, number in zip(users, cast(list[bytes], times), numbers, strict=True)
    ]


def bury(link: Link, keys: Keys, user_id: str, until_s: int, *, ttl_s: int) -> None:
    """Store the tombstone, or keep a later one; remove what was done until then.

    Args:
        link: The store.
        keys: Its keys.
        user_id: Who is forgotten.
        until_s: Until when, Unix seconds UTC.
        ttl_s: Of what is left of the online record.
    """
    while not _is_buried(link, keys, user_id, until_s, ttl_s):
        # The consumer wrote the record meanwhile: what it added may be later than the wish.
        pass


def _is_buried(link: Link, keys: Keys, user_id: str, until_s: int, ttl_s: int) -> bool:
    """Try to bury; whether the online record stayed what it was."""
    online, versions = link.ask(("GET", keys.online(user_id)), ("HKEYS", keys.versions))
    left = _NOTHING if online is None else _left_of(cast(bytes, online), user_id, until_s)
    numbers = [number_of(version.decode()) for version in cast(list[bytes], versions)]
    touched: list[str | bytes] = [
        keys.forgotten,
        keys.tombstones,
        keys.online(user_id),
        *(keys.bucket(number, bucket_of(user_id)) for number in numbers),
    ]
    arguments = user_id, until_s, left, ttl_s, profile_field(user_id), seen_field(user_id)
    held = _NOTHING if online is None else cast(bytes, online)
    (outcome,) = link.ask(("EVAL", _BURY, len(touched), *touched, *arguments, held))
    return outcome != -1


def _left_of(online: bytes, user_id: str, until_s: int) -> bytes:
    """What is later than the tombstone; of a record that nobody can read, nothing."""
    try:
        left = since_forgotten(decode_online(online, user_id), until_s)
    except DamagedRecordError:
        return _NOTHING
    return _NOTHING if left is None else encode_online(left)
