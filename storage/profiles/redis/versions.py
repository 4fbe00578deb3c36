"""Which batches a Redis holds and which is live; what is live changes in one step, and never back unasked.

The live batch is at (generation, actions_until). Within a generation a batch may only reach further than the
one before, unless that is permitted; going back is a generation of its own. So a batch that was begun before
a rollback, or late, is told so instead of undoing it, and so is one of another embedding space.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import cast

from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError, NoVersionError, PublishError
from storage.manifests import Manifest
from storage.profiles.redis.keys import Keys, number_of
from storage.profiles.redis.link import Command, Link
from storage.profiles.redis.unlisted import TO_GO, member
from storage.profiles.store import BatchDescription
from storage.profiles.succession import Permit, another_space_is_live, later_is_live

_MADE_BY = "python -m profile_builder batch"

# Each runs as one step: nothing comes between what it reads and what it writes.
_PUBLISH = """
local noted = redis.call('ZSCORE', KEYS[3], ARGV[9])
if not noted or tonumber(noted) == tonumber(ARGV[10]) then return {'given up'} end
local live = redis.call('HMGET', KEYS[1], 'generation', 'actions_until_s', 'version')
local generation = live[1] or '0'
if generation ~= ARGV[1] then return {'rolled back', generation} end
if live[3] and ARGV[6] == '0' then
  local manifest = redis.call('HGET', KEYS[2], live[3])
  local ok, space = pcall(function() return cjson.decode(manifest).embedding_space end)
  if ok and type(space) == 'table' and type(space.name) == 'string' and type(space.dimension) == 'number'
    and (space.name ~= ARGV[7] or space.dimension ~= tonumber(ARGV[8])) then
    return {'another space', space.name, tostring(space.dimension)}
  end
end
if live[2] and ARGV[5] == '0' and tonumber(ARGV[2]) < tonumber(live[2]) then
  return {'reaches further', live[2]}
end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('HSET', KEYS[1], 'generation', generation, 'actions_until_s', ARGV[2], 'version', ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[9])
return {'published', generation}
"""
_MAKE_CURRENT = """
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
if redis.call('HGET', KEYS[1], 'version') == ARGV[1] then return 1 end
redis.call('HINCRBY', KEYS[1], 'generation', 1)
redis.call('HSET', KEYS[1], 'actions_until_s', ARGV[2], 'version', ARGV[1])
return 1
"""
# What takes no memory comes first: the rest is then done by a store that is full, too.
_FORGET = """
if redis.call('HGET', KEYS[1], 'version') == ARGV[1] then return 0 end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], ARGV[2], '+inf')) do
  if string.sub(member, 1, #ARGV[1] + 1) == ARGV[1] .. ' ' then return 0 end
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Live:
    """What is live.

    Attributes:
        version: Its name; None when nothing was ever published.
        generation: How often it was gone back.
    """

    version: str | None
    generation: int


class Versions:
    """The batches in one store."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._keys = Keys(link.address.prefix)

    def live(self) -> Live:
        """What is live now."""
        (found,) = self._link.ask(("HMGET", self._keys.live, "version", "generation"))
        version, generation = cast(list[bytes | None], found)
        return Live(None if version is None else version.decode(), int(generation or 0))

    def require_live(self) -> str:
        """The live version's name.

        Raises:
            NoVersionError: Nothing was published.
        """
        if (version := self.live().version) is None:
            raise NoVersionError(
                f"{self._link.address} holds no profiles under {self._keys.prefix!r}. Run {_MADE_BY} first."
            )
        return version

    def begin(self) -> int:
        """A number for a new batch, higher than any before."""
        (number,) = self._link.ask(("INCR", self._keys.sequence))
        return cast(int, number)

    def manifests(self) -> dict[str, bytes]:
        """All versions' manifests as they are stored, oldest first."""
        (found,) = self._link.ask(("HGETALL", self._keys.versions))
        pairs = cast(list[bytes], found)
        return {name.decode(): text for name, text in sorted(zip(pairs[::2], pairs[1::2], strict=True))}

    def manifest(self, version: str) -> Manifest:
        """A version's manifest.

        Raises:
            NoVersionError: It is not there.
            DamagedArtefactError: It cannot be read.
        """
        (text,) = self._link.ask(("HGET", self._keys.versions, version))
        if text is None:
            there = ", ".join(self.manifests()) or "none"
            raise NoVersionError(
                f"{self._link.address} holds no version {version!r}. Versions there: {there}."
            )
        return decode(cast(bytes, text), f"{version} in {self._link.address}")

    def publish(
        self, number: int, manifest: Manifest, batch: BatchDescription, *, generation: int, permit: Permit
    ) -> str:
        """Make a batch live whose records are all there; returns its name.

        Args:
            number: The batch's, noted among the unlisted.
            manifest: The batch's.
            batch: What it is.
            generation: That was live when the batch was begun.
            permit: What it may do to the live one.

        Raises:
            PublishError: Somebody went back meanwhile, or the live batch reaches further.
            EmbeddingSpaceMismatchError: The live batch is of another.
        """
        text, space = encode(manifest), batch.embedding_space
        name = f"{member(number)}-{hashlib.sha256(text).hexdigest()[:8]}"
        publish: Command = (
            *("EVAL", _PUBLISH, 3, self._keys.live, self._keys.versions, self._keys.unlisted),
            *(generation, batch.actions_until_s, name, text),
            *(int(permit.replace_later), int(permit.new_embedding_space), space.name, space.dimension),
            *(member(number), TO_GO),
        )
        (found,) = self._link.ask(publish)
        outcome, *values = (each.decode() for each in cast(list[bytes], found))
        self._require_published(outcome, values, batch)
        return name

    def _require_published(self, outcome: str, values: list[str], batch: BatchDescription) -> None:
        place = str(self._link.address)
        if outcome == "given up":
            raise PublishError(f"this batch in {place} was given up, so it was not made live. Publish again.")
        if outcome == "rolled back":
            raise PublishError(
                f"somebody went back to another batch in {place} while this one was written, so "
                "it was not made live. Publish again if it should be."
            )
        if outcome == "another space":
            live = EmbeddingSpace(values[0], int(values[1]))
            raise another_space_is_live(batch.embedding_space, live, place)
        if outcome == "reaches further":
            raise later_is_live(batch.actions_until_s, int(values[0]), place)

    def make_current(self, version: str, actions_until_s: int) -> None:
        """Make a batch live that is there; unless it is live already, that is a new generation.

        Raises:
            NoVersionError: It is not there any more.
        """
        keys = self._keys
        (is_there,) = self._link.ask(
            ("EVAL", _MAKE_CURRENT, 2, keys.live, keys.versions, version, actions_until_s)
        )
        if not is_there:
            raise NoVersionError(f"{self._link.address} holds no version {version!r} any more")

    def forget(self, version: str) -> bool:
        """Take a version off the list, unless it is live or read; whether it was taken off.

        Its records are to go then: a reader that comes now is told that the version is not there.
        """
        keys, number = self._keys, member(number_of(version))
        forget: Command = ("EVAL", _FORGET, 4, keys.live, keys.versions, keys.leases, keys.unlisted)
        (is_off,) = self._link.ask((*forget, version, time.time(), number, TO_GO))
        self._link.ask(("ZREMRANGEBYSCORE", keys.leases, "-inf", time.time()))
        return bool(is_off)


def encode(manifest: Manifest) -> bytes:
    """The manifest as it is stored: equal ones as equal bytes."""
    return json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()


def decode(text: bytes, where: str) -> Manifest:
    """The manifest in stored bytes.

    Raises:
        DamagedArtefactError: They are none.
    """
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise DamagedArtefactError(f"the manifest of {where} is damaged: {error}") from error
    if not isinstance(manifest, dict):
        raise DamagedArtefactError(f"the manifest of {where} is damaged: it is no object")
    return cast(Manifest, manifest)
