"""What is live in a Redis never goes back unasked, is never half there, and is never taken from a reader."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from storage.errors import (
    DamagedArtefactError,
    NoVersionError,
    PublishError,
    StoreFullError,
    StoreUnavailableError,
)
from storage.profiles.encoding import EncodedUser
from storage.profiles.opening import live_version, open_batch_publisher, open_online_writer, open_reader
from storage.profiles.redis import publisher as redis_publisher
from storage.profiles.redis.address import redis_address
from storage.profiles.redis.keys import number_of
from storage.profiles.redis.link import Command, Link, Reply
from storage.profiles.redis.loading import STAGING_S
from storage.profiles.redis.unlisted import Unlisted
from storage.profiles.redis.versions import Versions
from storage.profiles.store import BatchManifest
from storage.profiles.succession import UNASKED
from tests.storage.profiles.people import DESCRIPTION, WATERMARK_S, encoded, manifest, online
from tests.storage.profiles.valkeys import Valkey

ANN, BEN = encoded("ann", "cat-1"), encoded("ben", "bee-1")


@pytest.fixture
def url(valkey: Valkey) -> str:
    return valkey.url()


def prefix_of(url: str) -> str:
    return url.partition("prefix=")[2].partition("&")[0]


def keys_of(valkey: Valkey, url: str, pattern: str) -> list[bytes]:
    found = valkey.ask("KEYS", f"{prefix_of(url)}:{pattern}")
    assert isinstance(found, list)
    return found


def until(watermark_s: int) -> BatchManifest:
    return BatchManifest(description=replace(DESCRIPTION, actions_until_s=watermark_s))


def publish(url: str, *users: EncodedUser, watermark_s: int = WATERMARK_S) -> str:
    return open_batch_publisher(url).publish(users, ["cat-1"], lambda: until(watermark_s)).version


def test_a_batch_that_is_late_does_not_undo_a_newer_one(url: str) -> None:
    """It reaches less far: it is refused with both ends, and the newer one stays live."""
    newer = publish(url, ANN)
    with pytest.raises(
        PublishError, match=f"has actions until {WATERMARK_S}, this one until {WATERMARK_S - 60}"
    ):
        publish(url, BEN, watermark_s=WATERMARK_S - 60)
    assert live_version(url) == newer


def test_after_a_rollback_the_next_night_goes_live(url: str) -> None:
    """Going back is a generation of its own: what reaches further than the older batch is welcome again."""
    older = publish(url, ANN, watermark_s=WATERMARK_S - 120)
    publish(url, BEN)
    assert open_batch_publisher(url).roll_back() == older
    newest = publish(url, ANN, BEN, watermark_s=WATERMARK_S - 60)
    assert live_version(url) == newest


class Deaf(Link):
    """Asks, and does not hear that a batch is live."""

    def ask(self, *commands: Command) -> list[Reply]:
        replies = super().ask(*commands)
        if replies and isinstance(replies[0], list) and replies[0][:1] == [b"published"]:
            raise StoreUnavailableError("it does not answer in time")
        return replies


@pytest.mark.parametrize("live_still", [True, False])
def test_a_batch_that_went_live_unheard_stays_whole(
    url: str, monkeypatch: pytest.MonkeyPatch, live_still: bool
) -> None:
    """The answer was lost, or Ctrl-C came right after it: nothing is taken from what may be read."""
    before = publish(url, BEN)
    with monkeypatch.context() as deaf:
        deaf.setattr(redis_publisher, "Link", Deaf)
        publisher = open_batch_publisher(url)

    def manifest_of_today() -> BatchManifest:
        return until(WATERMARK_S + 60)

    with pytest.raises(StoreUnavailableError):
        publisher.publish([ANN], ["cat-1"], manifest_of_today)
    live = live_version(url)
    assert live != before
    if not live_still:
        open_batch_publisher(url).roll_back()
    open_batch_publisher(url).make_current(live)
    reader = open_reader(url)
    assert reader.batch("ann") is not None
    reader.close()


def test_a_batch_that_was_given_up_never_goes_live(url: str) -> None:
    """Also where the store hears late that it should: its records are gone."""
    live = publish(url, ANN)
    link = Link(redis_address(url))
    versions, unlisted = Versions(link), Unlisted(link)
    number = versions.begin()
    unlisted.note(number)
    assert unlisted.give_up(number)
    description = until(WATERMARK_S + 60).description
    with pytest.raises(PublishError, match="was given up"):
        versions.publish(number, {}, description, generation=0, permit=UNASKED)
    assert live_version(url) == live
    assert not unlisted.give_up(number_of(live))
    link.close()


def test_a_batch_begun_before_a_rollback_does_not_undo_it(url: str) -> None:
    """Somebody went back while it was being written: it is not made live, however far it reaches."""
    older = publish(url, ANN)
    publish(url, BEN)

    def users() -> Iterator[EncodedUser]:
        yield ANN
        open_batch_publisher(url).make_current(older)

    with pytest.raises(PublishError, match="somebody went back to another batch"):
        open_batch_publisher(url).publish(users(), [], lambda: until(WATERMARK_S + 60))
    assert live_version(url) == older


def test_going_back_to_the_live_one_is_no_rollback(url: str) -> None:
    """A batch that is on its way goes live all the same."""
    live = publish(url, ANN)

    def users() -> Iterator[EncodedUser]:
        yield BEN
        open_batch_publisher(url).make_current(live)

    assert open_batch_publisher(url).publish(users(), [], manifest).version == live_version(url) != live


def test_what_a_failed_batch_wrote_is_taken_away(valkey: Valkey, url: str) -> None:
    """And until a batch is live its keys expire: those of a publisher that was killed go by themselves."""
    ttls: list[object] = []

    def users() -> Iterator[EncodedUser]:
        for number in range(2_000):
            yield encoded(f"user-{number:04}", "cat-1")
        ttls.extend(valkey.ask("TTL", key) for key in keys_of(valkey, url, "b:*"))
        raise PublishError("a worker has died")

    with pytest.raises(PublishError, match="a worker has died"):
        open_batch_publisher(url).publish(users(), [], manifest)
    assert len(ttls) > 500
    assert all(isinstance(ttl, int) and 0 < ttl <= STAGING_S for ttl in ttls)
    assert not keys_of(valkey, url, "b:*")


def test_what_is_live_does_not_expire(valkey: Valkey, url: str) -> None:
    """Online records do, some time after their last action."""
    publish(url, ANN, BEN)
    writer = open_online_writer(f"{url}&online_ttl_days=2")
    writer.put(online("ann", "cat-7"))
    writer.close()

    assert {valkey.ask("TTL", key) for key in keys_of(valkey, url, "b:*")} == {-1}
    (ttl,) = {valkey.ask("TTL", key) for key in keys_of(valkey, url, "o:*")}
    assert isinstance(ttl, int)
    assert 86_400 < ttl <= 2 * 86_400


def test_the_same_batch_again_leaves_nothing_behind(valkey: Valkey, url: str) -> None:
    """It has to be written to be compared, and goes again."""
    publish(url, ANN, BEN)
    before = sorted(keys_of(valkey, url, "*"))
    publish(url, ANN, BEN)
    assert sorted(keys_of(valkey, url, "*")) == before


def test_keys_that_were_evicted_are_missed(valkey: Valkey, url: str) -> None:
    """Neither a reader nor a rollback takes half a batch for a whole one."""
    version = publish(url, ANN, BEN)
    publish(url, ANN, watermark_s=WATERMARK_S + 1)
    (lost, *_) = keys_of(valkey, url, f"b:{version[:6]}:*")
    valkey.ask("DEL", lost)

    with pytest.raises(DamagedArtefactError, match="1 of its 3 keys are gone, deleted or evicted"):
        open_reader(url, version)
    with pytest.raises(DamagedArtefactError, match="Roll back, or publish again"):
        open_batch_publisher(url).roll_back()


def test_keys_lost_on_the_way_keep_a_batch_from_going_live(valkey: Valkey, url: str) -> None:
    """What expired or was evicted while it was written is counted before anybody reads it."""

    def losing() -> BatchManifest:
        for key in keys_of(valkey, url, "b:*"):
            valkey.ask("DEL", key)
        return manifest()

    users = [encoded(f"user-{number:04}", "cat-1") for number in range(2_000)]
    with pytest.raises(PublishError, match=r"lost .* keys written: they expired or were evicted"):
        open_batch_publisher(url).publish(users, [], losing)
    with pytest.raises(NoVersionError, match="python -m profile_builder batch"):
        live_version(url)


def test_what_is_read_is_not_collected(url: str) -> None:
    """A reader holds on to its batch; when it lets go, the batch goes."""
    first = publish(url, ANN)
    reader = open_reader(url)
    for seconds in (1, 2):
        publish(url, BEN, watermark_s=WATERMARK_S + seconds)

    kept = {each.name: each.why for each in open_batch_publisher(url).prune(1).kept}
    assert kept[first] == "in use"
    assert reader.batch("ann") is not None
    reader.close()
    assert [each.name for each in open_batch_publisher(url).prune(1).collected] == [first]


def test_a_reader_whose_batch_was_taken_away_says_so(valkey: Valkey, url: str) -> None:
    """Nobody becomes an unknown user: whoever held on too weakly, or deleted by hand, is told."""
    publish(url, ANN)
    reader = open_reader(url)
    valkey.ask("DEL", f"{prefix_of(url)}:versions")
    with pytest.raises(StoreUnavailableError, match="it was collected while it was read"):
        reader.batch("ann")
    reader.close()


def test_two_prefixes_do_not_touch(valkey: Valkey) -> None:
    """Several may share a store."""
    shop, blog = valkey.url(), valkey.url()
    publish(shop, ANN)
    with pytest.raises(NoVersionError):
        open_reader(blog)


def test_a_version_that_never_was_names_those_that_are(url: str) -> None:
    """Whatever it looks like."""
    version = publish(url, ANN)
    with pytest.raises(NoVersionError, match=f"no version 'nonsense'. Versions there: {version}"):
        open_reader(url, "nonsense")


def test_a_damaged_manifest_is_listed_with_its_problem(valkey: Valkey, url: str) -> None:
    """The other versions stay usable."""
    version = publish(url, ANN)
    valkey.ask("HSET", f"{prefix_of(url)}:versions", "000009-00000000", "{")
    listed = open_batch_publisher(url).versions()
    assert [each.problem != "" for each in listed] == [False, True]
    assert open_batch_publisher(url).versions()[0].name == version


def test_a_full_store_says_so() -> None:
    """What was live stays; when there is room again, the same batch goes live."""
    small = Valkey(maxmemory="4mb", maxmemory_policy="noeviction")
    try:
        url = small.url()
        live = publish(url, ANN)
        many = [encoded(f"user-{number:05}", "cat-1") for number in range(20_000)]
        with pytest.raises(StoreFullError, match="its maxmemory is reached"):
            publish(url, *many)
        assert live_version(url) == live
        small.ask("CONFIG", "SET", "maxmemory", "0")
        assert publish(url, *many) != live
    finally:
        small.stop()
