"""What every BatchPublisher promises: one suite for the embedded store, a real Valkey and the fake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from storage.embedding_space import EmbeddingSpace
from storage.errors import DataError, EmbeddingSpaceMismatchError, NoVersionError, PublishError
from storage.profiles.encoding import EncodedUser
from storage.profiles.memory import InMemoryBatches
from storage.profiles.opening import open_batch_publisher, open_reader
from storage.profiles.store import BatchManifest, BatchPublisher, ProfileReader, PublishedBatch
from storage.profiles.succession import UNASKED, Permit, require_live_space
from tests.storage.profiles.people import DESCRIPTION, encoded, manifest, profile, same

ANN, BEN = encoded("ann", "cat-1"), encoded("ben", "bee-1", "car-1")


@dataclass(frozen=True)
class Store:
    """A publisher, and the way to read what is live."""

    publisher: BatchPublisher
    open_reader: Callable[[], ProfileReader]
    permitting: Callable[[Permit], BatchPublisher]

    def publish(self, *users: EncodedUser) -> PublishedBatch:
        return self.publisher.publish(users, ["cat-1"], manifest)

    def publish_as(self, batch: BatchManifest, permit: Permit = UNASKED) -> str:
        return self.permitting(permit).publish([ANN], ["cat-1"], lambda: batch).version

    def has(self, user_id: str) -> bool:
        reader = self.open_reader()
        found = reader.batch(user_id) is not None
        reader.close()
        return found

    def current(self) -> list[str]:
        return [version.name for version in self.publisher.versions() if version.is_current]


@pytest.fixture(params=["memory", "lmdb", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        batches = InMemoryBatches()

        def permitting(permit: Permit) -> BatchPublisher:
            batches.permit = permit
            return batches

        return Store(batches, batches.open_reader, permitting)
    url = str(tmp_path) if request.param == "lmdb" else request.getfixturevalue("valkey").url()
    return Store(
        open_batch_publisher(url), lambda: open_reader(url), lambda permit: open_batch_publisher(url, permit)
    )


def test_what_is_published_is_read(store: Store) -> None:
    """Profiles, seen pins, popular pins and the description, with the version that was given."""
    published = store.publish(ANN, BEN)
    reader = store.open_reader()

    assert same(reader.batch("ben"), profile("ben", "bee-1", "car-1"))
    assert len(reader.seen("ben")) == 2
    assert reader.popular() == ("cat-1",)
    assert reader.describe() == replace(DESCRIPTION, version=published.version)
    assert not published.already_live
    reader.close()


def test_the_same_batch_is_published_once(store: Store) -> None:
    """The second time nothing is written; after another batch it is a new version again."""
    first = store.publish(ANN)
    assert store.publish(ANN) == replace(first, already_live=True)
    store.publish(BEN)
    again = store.publish(ANN)

    assert not again.already_live
    assert len(store.publisher.versions()) == 3
    assert store.has("ann")


def test_an_open_reader_stays_on_its_batch(store: Store) -> None:
    """The next batch is seen by readers that open after it."""
    store.publish(ANN)
    reader = store.open_reader()
    store.publish(BEN)

    assert reader.batch("ann") is not None
    assert reader.batch("ben") is None
    assert store.has("ben")
    reader.close()


def test_a_batch_is_rolled_back_and_forward(store: Store) -> None:
    """Nothing is lost on the way: the list says which is live."""
    first, second = store.publish(ANN).version, store.publish(BEN).version
    store.publisher.make_current(first)
    assert (store.has("ann"), store.current()) == (True, [first])
    store.publisher.make_current(second)
    assert (store.has("ben"), store.current()) == (True, [second])


def test_versions_are_listed_oldest_first(store: Store) -> None:
    """Each with what it is and how large."""
    names = [store.publish(ANN).version, store.publish(BEN).version]
    versions = store.publisher.versions()

    assert [version.name for version in versions] == names
    assert [version.is_current for version in versions] == [False, True]
    assert [version.description for version in versions] == [
        replace(DESCRIPTION, version=name) for name in names
    ]
    assert all(version.n_bytes > 0 and not version.problem for version in versions)


def test_without_a_batch_there_is_nothing_to_list_or_read(store: Store) -> None:
    """An error, so that nobody takes an empty folder for a good one."""
    with pytest.raises(NoVersionError):
        store.publisher.versions()
    with pytest.raises(NoVersionError):
        store.open_reader()


def test_going_back_to_nowhere_names_what_is_there(store: Store) -> None:
    """A misspelt version; the live one stays."""
    version = store.publish(ANN).version
    with pytest.raises(NoVersionError, match=f"no version '000009-00000000'. Versions there: {version}"):
        store.publisher.make_current("000009-00000000")
    assert store.current() == [version]


def test_going_back_without_a_name_is_one_batch_back(store: Store) -> None:
    """And no further than there is one."""
    store.publish(ANN)
    store.publish(BEN)

    assert store.publisher.roll_back() == store.publisher.versions()[0].name
    assert store.has("ann")
    with pytest.raises(NoVersionError, match="older than the live one"):
        store.publisher.roll_back()


def test_old_batches_are_collected(store: Store) -> None:
    """All but the newest so many, the live one and the one before it; numbers go on where they were."""
    names = [store.publish(ANN, encoded(f"user-{number}", "cat-1")).version for number in range(4)]
    pruned = store.publisher.prune(1)

    assert [each.name for each in store.publisher.versions()] == names[2:]
    assert [each.name for each in pruned.collected] == names[:2]
    assert pruned.n_bytes > 0
    assert [(each.name, each.why) for each in pruned.kept] == [
        (names[2], "to roll back to"),
        (names[3], "live"),
    ]
    assert store.publish(BEN).version > names[3]


def test_without_a_batch_nothing_is_collected(store: Store) -> None:
    """And it is said that there is none."""
    with pytest.raises(NoVersionError):
        store.publisher.prune(1)


def some_and_then_none() -> Iterator[EncodedUser]:
    yield ANN
    raise DataError("a worker has died")


def no_manifest() -> BatchManifest:
    raise DataError("no user has a usable action")


def test_a_batch_that_fails_changes_nothing(store: Store) -> None:
    """While its users are built, or at the very end."""
    version = store.publish(BEN).version
    with pytest.raises(DataError, match="a worker has died"):
        store.publisher.publish(some_and_then_none(), [], manifest)
    with pytest.raises(DataError, match="no user has a usable action"):
        store.publisher.publish([ANN], [], no_manifest)

    assert [each.name for each in store.publisher.versions()] == [version]
    assert store.has("ben")


@pytest.mark.parametrize("users", [[BEN, ANN], [ANN, ANN]])
def test_users_in_another_order_are_refused(store: Store, users: list[EncodedUser]) -> None:
    """A store that needs the order would lose them in silence."""
    with pytest.raises(ValueError, match="users must come in ascending order, each once"):
        store.publish(*users)
    with pytest.raises(NoVersionError):
        store.publisher.versions()


def until(time_s: int) -> BatchManifest:
    return BatchManifest(description=replace(DESCRIPTION, actions_until_s=time_s))


def of_space(name: str, dimension: int) -> BatchManifest:
    return BatchManifest(description=replace(DESCRIPTION, embedding_space=EmbeddingSpace(name, dimension)))


def of_users(n: int) -> BatchManifest:
    return BatchManifest(description=replace(DESCRIPTION, n_users=n))


def test_a_batch_of_far_fewer_users_is_refused(store: Store) -> None:
    """Both numbers are said, what has happened most likely, and what to do; what is live stays."""
    live = store.publish_as(of_users(2_000))
    fewer = r"has 999 users, the live one in .* has 2,000, so it was not made live: less than 0.5 of them"
    with pytest.raises(PublishError, match=f"{fewer} .* input was cut short.* lower --min-share-of-live"):
        store.publish_as(of_users(999), Permit(min_share_of_live=0.5))
    assert store.current() == [live]
    assert len(store.publisher.versions()) == 1

    half = store.publish_as(of_users(1_000), Permit(min_share_of_live=0.5))
    assert store.current() == [half]
    assert [store.publish_as(of_users(1), Permit(min_share_of_live=0.0))] == store.current()


def test_a_batch_that_comes_late_is_refused(store: Store) -> None:
    """What is live never goes back unasked; both times are said, and what to do."""
    live = store.publish_as(until(2_000))
    late = "actions until 2000, this one until 1999 only .Unix seconds., so it was not made live"
    with pytest.raises(PublishError, match=f"{late}.* use rollback; .* add --replace-later"):
        store.publish_as(until(1_999))

    assert store.current() == [live]
    assert len(store.publisher.versions()) == 1
    assert store.publish_as(until(2_000)) == live


def test_a_late_batch_goes_live_when_that_is_said(store: Store) -> None:
    """And the next is compared with it."""
    store.publish_as(until(2_000))
    earlier = store.publish_as(until(1_000), Permit(replace_later=True))
    assert store.current() == [earlier]
    assert [store.publish_as(until(1_500))] == store.current() != [earlier]


def test_after_going_back_a_batch_need_not_reach_further_than_what_was_left(store: Store) -> None:
    """It is compared with what is live."""
    first = store.publish_as(until(1_000))
    store.publish_as(until(2_000))
    store.publisher.make_current(first)
    assert [store.publish_as(until(1_500))] == store.current()


@pytest.mark.parametrize("other", [of_space("shop-3", 16), of_space("shop-2", 17)])
def test_a_batch_of_another_embedding_space_is_refused(store: Store, other: BatchManifest) -> None:
    """A mistyped folder keeps what it has; before the work as after it, with both spaces and what to do."""
    live, space = store.publish(ANN).version, other.description.embedding_space
    refused = (
        rf"is of embedding space shop-2 \(16 dimensions\), this one is of {space.name} \({space.dimension}"
    )
    with pytest.raises(EmbeddingSpaceMismatchError, match=f"{refused}.* add --new-embedding-space"):
        store.publish_as(other)
    with pytest.raises(EmbeddingSpaceMismatchError, match=refused):
        require_live_space(store.publisher, space, UNASKED, "PLACE")

    assert store.current() == [live]
    assert len(store.publisher.versions()) == 1
    require_live_space(store.publisher, DESCRIPTION.embedding_space, UNASKED, "PLACE")


def test_the_embedding_space_changes_when_that_is_said(store: Store) -> None:
    """Then the old one is the other one."""
    other, said = of_space("shop-3", 16), Permit(new_embedding_space=True)
    store.publish(ANN)
    require_live_space(store.publisher, other.description.embedding_space, said, "PLACE")
    assert [store.publish_as(other, said)] == store.current()
    with pytest.raises(EmbeddingSpaceMismatchError):
        store.publish_as(manifest())


def test_into_an_empty_store_any_batch_goes(store: Store) -> None:
    """There is nothing to take the place of."""
    require_live_space(store.publisher, EmbeddingSpace("shop-3", 16), UNASKED, "PLACE")
    assert [store.publish_as(until(1_000))] == store.current()
