"""Batches of a Redis that do not expire though no version names them: noted, so that none stays for good.

A batch is noted before its records are told to stay, until it is made live; and from when it is taken off
the list, or given up, until its records are gone. Whoever dies in between leaves the note, and whoever
publishes or prunes next takes the records away. Only what is noted, and not given up, can be made live
(storage.profiles.redis.versions): so what was taken away never is.
"""

import time
from typing import cast

from storage.profiles.redis.keys import Keys
from storage.profiles.redis.link import Link
from storage.profiles.redis.loading import STAGING_S, unlink

TO_GO = 0
"""Noted instead of a time: it was given up, or taken off the list."""

# A script that begins with what takes no memory is run to its end by a store that is full.
_GIVE_UP = """
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(name, 1, #ARGV[1] + 1) == ARGV[1] .. '-' then return 0 end
end
if redis.call('ZREM', KEYS[2], ARGV[1]) == 1 then redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1]) end
return 1
"""


class Unlisted:
    """Those of one store."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._keys = Keys(link.address.prefix)

    def note(self, number: int) -> None:
        """From now on a batch may be told to stay, and then be made live, within a day."""
        self._link.ask(("ZADD", self._keys.unlisted, time.time(), member(number)))

    def give_up(self, number: int) -> bool:
        """Never make a batch live from now on; whether that is so, for it may have been made live already.

        An answer may have been lost, or what was asked for may be done later: nobody else can tell.
        """
        keys = self._keys
        (is_given_up,) = self._link.ask(
            ("EVAL", _GIVE_UP, 2, keys.versions, keys.unlisted, member(number), TO_GO)
        )
        return bool(is_given_up)

    def take_away(self, number: int) -> None:
        """Take away all records of a batch that was given up, or taken off the list."""
        unlink(self._link, [*self._keys.buckets(number), self._keys.popular(number)])
        self.are_gone(number)

    def are_gone(self, number: int) -> None:
        """A batch's records are: nothing is to be noted of it any more."""
        self._link.ask(("ZREM", self._keys.unlisted, member(number)))

    def take_leftovers_away(self) -> None:
        """Take away what is to go, and what was to be made live a day ago, by whoever died."""
        until_s = time.time() - STAGING_S
        (found,) = self._link.ask(("ZRANGEBYSCORE", self._keys.unlisted, "-inf", until_s))
        for each in cast(list[bytes], found):
            if self.give_up(int(each)):
                self.take_away(int(each))


def member(number: int) -> str:
    """A batch's number as it is noted, and as its versions' names begin."""
    return f"{number:06}"
