"""A batch that many processes write: the same as one process's, and over once it is over."""

import pytest

from storage.errors import PublishError
from storage.profiles.encoding import EncodedUser
from storage.profiles.opening import live_version, open_batch_publisher, open_reader
from storage.profiles.redis.address import redis_address
from storage.profiles.redis.keys import bucket_of
from storage.profiles.redis.publisher import RedisBatchPublisher
from storage.profiles.redis.staging import StagedBatch, Written, write
from tests.storage.profiles.people import encoded, manifest
from tests.storage.profiles.valkeys import Valkey

USERS = [encoded(f"user-{i:02}", f"cat-{i}", "bee-1") for i in range(20)]
LOOKER = EncodedUser(user_id="looker", profile=None, seen=None)
HALVES = [
    [user for user in reversed([LOOKER, *USERS]) if bucket_of(user.user_id) % 2 == half] for half in range(2)
]


@pytest.fixture
def url(valkey: Valkey) -> str:
    return valkey.url()


def publisher(url: str) -> RedisBatchPublisher:
    return RedisBatchPublisher(redis_address(url))


def published(url: str, staged: StagedBatch, *parts: Written) -> tuple[str, bool]:
    written = Written()
    for part in parts:
        written.add(part)
    done = publisher(url).publish_staged(staged, written, ["cat-1"], manifest)
    return done.version, done.already_live


def keys_of(valkey: Valkey, staged: StagedBatch) -> list[bytes]:
    found = valkey.ask("KEYS", f"{staged.address.prefix}:b:{staged.number:06}:*")
    assert isinstance(found, list)
    return found


def test_many_write_what_one_would(url: str) -> None:
    """In any order and number: the same manifest, so the same batch; one after it finds it live already."""
    alone = open_batch_publisher(url).publish([LOOKER, *USERS], ["cat-1"], manifest).version
    staged = publisher(url).stage()
    assert published(url, staged, *(write(staged, half) for half in HALVES)) == (alone, True)


def test_a_task_that_runs_twice_changes_nothing(url: str, valkey: Valkey) -> None:
    """Each part counts once; readers find every user, and nothing is going to expire."""
    staged = publisher(url).stage()
    parts = [write(staged, half) for half in HALVES]
    assert [write(staged, half).digest.hex() for half in HALVES] == [part.digest.hex() for part in parts]

    version, already_live = published(url, staged, *parts)
    assert (live_version(url), already_live) == (version, False)
    reader = open_reader(url)
    assert [reader.batch(user.user_id) is not None for user in [*USERS, LOOKER]] == [True] * 20 + [False]
    assert reader.popular() == ("cat-1",)
    reader.close()
    assert {valkey.ask("TTL", key) for key in keys_of(valkey, staged)} == {-1}


def test_a_task_that_comes_too_late_is_told_so(url: str, valkey: Valkey) -> None:
    """It neither changes the live batch nor has its records expire."""
    staged = publisher(url).stage()
    published(url, staged, *(write(staged, half) for half in HALVES))
    before = {key: valkey.ask("HGETALL", key) for key in keys_of(valkey, staged) if b"popular" not in key}

    with pytest.raises(PublishError, match="takes no more"):
        write(staged, [encoded("user-00", "dog-1")])
    assert {key: valkey.ask("HGETALL", key) for key in before} == before
    assert {valkey.ask("TTL", key) for key in keys_of(valkey, staged)} == {-1}


def test_what_was_given_up_is_gone_and_stays_gone(url: str, valkey: Valkey) -> None:
    """A task that still runs then leaves nothing behind, and nobody can make the batch live."""
    staged = publisher(url).stage()
    part = write(staged, HALVES[0])
    publisher(url).drop_staged(staged)
    with pytest.raises(PublishError, match="takes no more"):
        write(staged, HALVES[1])
    with pytest.raises(PublishError, match="is over"):
        published(url, staged, part)
    assert keys_of(valkey, staged) == []


def test_a_part_that_was_lost_is_noticed(url: str, valkey: Valkey) -> None:
    """Fewer keys than were written are no batch."""
    staged = publisher(url).stage()
    parts = [write(staged, half) for half in HALVES]
    valkey.ask("DEL", next(key for key in keys_of(valkey, staged) if not key.endswith(b":open")))
    n_keys = sum(part.n_keys for part in parts) + 1
    with pytest.raises(PublishError, match=f"lost 1 of the {n_keys} keys written"):
        published(url, staged, *parts)


def test_a_rollback_meanwhile_is_not_undone(url: str) -> None:
    """Somebody went back while tasks wrote: the batch is not made live."""
    older = open_batch_publisher(url).publish(USERS[:1], [], manifest).version
    open_batch_publisher(url).publish(USERS[:2], [], manifest)
    staged = publisher(url).stage()
    parts = [write(staged, half) for half in HALVES]
    open_batch_publisher(url).make_current(older)
    with pytest.raises(PublishError, match="somebody went back"):
        published(url, staged, *parts)
    assert live_version(url) == older


def test_a_password_is_never_shown(url: str) -> None:
    """A staged batch travels to other machines and may be printed there."""
    staged = RedisBatchPublisher(redis_address(url)).stage()
    address = redis_address(url.replace("redis://", "redis://ann:secret@"))
    assert "secret" not in repr(StagedBatch(address, staged.number, staged.live))
