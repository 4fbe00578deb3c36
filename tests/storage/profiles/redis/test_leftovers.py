"""Nothing of a batch stays in a Redis that no version names, wherever its publisher is cut off."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from storage.errors import ProfileStoreError, PublishError, StoreFullError, StoreUnavailableError
from storage.profiles.opening import live_version, open_batch_publisher, open_reader
from storage.profiles.redis import loading
from storage.profiles.redis import publisher as redis_publisher
from storage.profiles.redis.address import RedisAddress, redis_address
from storage.profiles.redis.link import Command, Link, Reply
from storage.profiles.redis.loading import STAGING_S
from storage.profiles.redis.publisher import RedisBatchPublisher
from storage.profiles.redis.staging import write
from storage.profiles.store import BatchManifest
from tests.storage.profiles.people import DESCRIPTION, WATERMARK_S, encoded
from tests.storage.profiles.valkeys import Valkey

ANN, BEN = encoded("ann", "cat-1"), encoded("ben", "bee-1")
_nights = itertools.count(1)

Publishers = Callable[[type[Link]], RedisBatchPublisher]


@pytest.fixture
def url(valkey: Valkey) -> str:
    return valkey.url()


@pytest.fixture
def over(url: str, monkeypatch: pytest.MonkeyPatch) -> Publishers:
    """A publisher that speaks over a line of this kind."""

    def opened(line: type[Link]) -> RedisBatchPublisher:
        with monkeypatch.context() as patched:
            patched.setattr(redis_publisher, "Link", line)
            return RedisBatchPublisher(redis_address(url))

    return opened


@pytest.fixture
def a_day_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    now_s = time.time()
    return lambda: monkeypatch.setattr("time.time", lambda: now_s + STAGING_S + 60)


def night() -> BatchManifest:
    """One that reaches further than any before."""
    return BatchManifest(description=replace(DESCRIPTION, actions_until_s=WATERMARK_S + next(_nights)))


def publish(url: str) -> str:
    return open_batch_publisher(url).publish([ANN], ["cat-1"], night).version


def keys_of(valkey: Valkey, url: str, pattern: str = "*") -> list[bytes]:
    found = valkey.ask("KEYS", f"{redis_address(url).prefix}:b:{pattern}")
    assert isinstance(found, list)
    return found


def unnamed(valkey: Valkey, url: str) -> list[bytes]:
    """Keys of batches that do not expire, and that no version names."""
    names = valkey.ask("HKEYS", f"{redis_address(url).prefix}:versions")
    assert isinstance(names, list)
    numbers = {name.partition(b"-")[0] for name in names}
    stay = [key for key in keys_of(valkey, url) if valkey.ask("TTL", key) == -1]
    return [key for key in stay if key.split(b":")[2] not in numbers]


def require_live_whole(valkey: Valkey, url: str) -> None:
    live = live_version(url)
    reader = open_reader(url)
    assert reader.batch("ann") is not None
    reader.close()
    assert {valkey.ask("TTL", key) for key in keys_of(valkey, url, f"{live[:6]}:*")} == {-1}


def asks_for(commands: tuple[Command, ...], words: str) -> bool:
    return any(command[0] == "EVAL" and words in str(command[1]) for command in commands)


class CutAtPublishing(Link):
    """Dead from when a batch is to be made live on."""

    is_cut = False

    def ask(self, *commands: Command) -> list[Reply]:
        self.is_cut = self.is_cut or asks_for(commands, "'published'")
        if self.is_cut:
            raise StoreUnavailableError("it does not answer in time")
        return super().ask(*commands)


def dead_after(n_commands: int) -> type[Link]:
    """A line of which the store gets so many commands, heard or not; whoever asks for more hears nothing."""

    class Dying(Link):
        def __init__(self, address: RedisAddress, *, timeout_s: float | None = None) -> None:
            super().__init__(address, timeout_s=timeout_s)
            self.n_left = n_commands

        def ask(self, *commands: Command) -> list[Reply]:
            passed, self.n_left = min(self.n_left, len(commands)), max(0, self.n_left - len(commands))
            replies = super().ask(*commands[:passed]) if passed else []
            if self.n_left == 0:
                raise StoreUnavailableError("it does not answer in time")
            return replies

    return Dying


@pytest.mark.parametrize("who", ["pruning", "publishing"])
def test_a_batch_cut_off_at_publishing_goes_a_day_later(
    valkey: Valkey, url: str, over: Publishers, a_day_later: Callable[[], None], who: str
) -> None:
    """Its keys no longer expire by then; whoever publishes or prunes next takes them away, and no others."""
    live = publish(url)
    with pytest.raises(StoreUnavailableError):
        over(CutAtPublishing).publish([ANN, BEN], [], night)
    assert unnamed(valkey, url)

    a_day_later()
    if who == "pruning":
        assert open_batch_publisher(url).prune(1).collected == ()
        assert live_version(url) == live
    else:
        publish(url)
    assert unnamed(valkey, url) == []
    require_live_whole(valkey, url)


def test_what_many_wrote_goes_a_day_later_too(
    valkey: Valkey, url: str, over: Publishers, a_day_later: Callable[[], None]
) -> None:
    """Of a staged batch that was cut off at publishing nothing stays."""
    publish(url)
    publisher = over(CutAtPublishing)
    staged = publisher.stage()
    with pytest.raises(StoreUnavailableError):
        publisher.publish_staged(staged, write(staged, [ANN, BEN]), [], night)
    assert unnamed(valkey, url)

    a_day_later()
    open_batch_publisher(url).prune(1)
    assert unnamed(valkey, url) == []
    require_live_whole(valkey, url)


def test_wherever_a_publisher_is_cut_off_nothing_stays_and_what_is_live_is_whole(
    valkey: Valkey, url: str, over: Publishers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each of its commands in turn, until one comes through."""
    monkeypatch.setattr(loading, "_COMMANDS_AT_A_TIME", 2)
    publish(url)
    for n_commands in itertools.count(2):
        try:
            over(dead_after(n_commands)).publish([ANN, BEN], ["cat-1"], night)
        except ProfileStoreError:
            age_leftovers(valkey, url)
            require_live_whole(valkey, url)
            open_batch_publisher(url).prune(2)
            assert unnamed(valkey, url) == [], n_commands
        else:
            break
    assert n_commands > 10
    require_live_whole(valkey, url)


def age_leftovers(valkey: Valkey, url: str) -> None:
    """A day goes by for what was left until now."""
    key = f"{redis_address(url).prefix}:unlisted"
    members = valkey.ask("ZRANGE", key, 0, -1)
    assert isinstance(members, list)
    for member in members:
        valkey.ask("ZINCRBY", key, -STAGING_S - 60, member)


@pytest.mark.parametrize("n_unlinked", [0, 1, 40])
def test_pruning_that_was_cut_off_is_ended_by_the_next(
    valkey: Valkey, url: str, monkeypatch: pytest.MonkeyPatch, n_unlinked: int
) -> None:
    """A version that is off the list already, and whose records are not all gone, is taken away at once."""
    for _ in range(3):
        publish(url)

    class Dying(Link):
        n_left = n_unlinked

        def ask(self, *commands: Command) -> list[Reply]:
            if commands[0][0] == "UNLINK":
                self.n_left -= 1
            if self.n_left < 0:
                raise StoreUnavailableError("it does not answer in time")
            return super().ask(*commands)

    with monkeypatch.context() as patched:
        patched.setattr(redis_publisher, "Link", Dying)
        publisher = open_batch_publisher(url)
    with pytest.raises(StoreUnavailableError):
        publisher.prune(1)
    assert len(open_batch_publisher(url).versions()) == 2

    open_batch_publisher(url).prune(1)
    assert unnamed(valkey, url) == []
    require_live_whole(valkey, url)


def test_a_publisher_at_work_is_not_disturbed(valkey: Valkey, url: str, over: Publishers) -> None:
    """Others publish and prune right before its batch goes live."""
    publish(url)

    class Overtaken(Link):
        def ask(self, *commands: Command) -> list[Reply]:
            if asks_for(commands, "'published'"):
                publish(url)
                open_batch_publisher(url).prune(2)
            return super().ask(*commands)

    def later() -> BatchManifest:
        return BatchManifest(description=replace(DESCRIPTION, actions_until_s=WATERMARK_S + 10**6))

    version = over(Overtaken).publish([ANN, BEN], [], later).version
    assert live_version(url) == version
    require_live_whole(valkey, url)


def test_a_publisher_that_slept_for_a_day_is_told_so(
    valkey: Valkey, url: str, over: Publishers, a_day_later: Callable[[], None]
) -> None:
    """Its batch was taken away meanwhile: half of it is never live."""
    live = publish(url)

    class Asleep(Link):
        def ask(self, *commands: Command) -> list[Reply]:
            if asks_for(commands, "'published'"):
                a_day_later()
                open_batch_publisher(url).prune(2)
            return super().ask(*commands)

    with pytest.raises(PublishError, match="was given up"):
        over(Asleep).publish([ANN, BEN], [], night)
    assert live_version(url) == live
    assert unnamed(valkey, url) == []
    require_live_whole(valkey, url)


@pytest.fixture
def fill(valkey: Valkey) -> Iterator[Callable[[], None]]:
    """Has the store take nothing more."""

    def filled() -> None:
        valkey.ask("CONFIG", "SET", "maxmemory", 1)

    yield filled
    valkey.ask("CONFIG", "SET", "maxmemory", 0)


def test_a_batch_that_found_no_room_is_taken_away_at_once(
    valkey: Valkey, url: str, over: Publishers, fill: Callable[[], None]
) -> None:
    """Whichever of its commands was the one too many; a full store takes what gives it room."""
    live = publish(url)
    for last in ("INCR", "EXPIRE", "ZADD", "published"):

        class Filling(Link):
            at = last

            def ask(self, *commands: Command) -> list[Reply]:
                if self.at in str(commands[0][:2]):
                    fill()
                return super().ask(*commands)

        with pytest.raises(StoreFullError, match="its maxmemory is reached"):
            over(Filling).publish([ANN, BEN], [], night)
        valkey.ask("CONFIG", "SET", "maxmemory", 0)
        assert numbers_there(valkey, url) == {live[:6].encode()}


def test_a_full_store_is_pruned_and_rid_of_what_was_left_over(
    valkey: Valkey, url: str, over: Publishers, fill: Callable[[], None], a_day_later: Callable[[], None]
) -> None:
    """That is what there is to do when it is full."""
    versions = [publish(url) for _ in range(3)]
    with pytest.raises(StoreUnavailableError):
        over(CutAtPublishing).publish([ANN, BEN], [], night)
    a_day_later()
    fill()
    assert [each.name for each in open_batch_publisher(url).prune(1).collected] == versions[:1]
    assert numbers_there(valkey, url) == {version[:6].encode() for version in versions[1:]}


def numbers_there(valkey: Valkey, url: str) -> set[bytes]:
    """Of the batches of which anything is there."""
    return {key.split(b":")[2] for key in keys_of(valkey, url)}
