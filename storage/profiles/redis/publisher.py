"""The BatchPublisher of a Redis: every batch under keys of its own, and one hash that says which is live."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol, cast

from storage.errors import DamagedArtefactError, NoVersionError, ProfileStoreError
from storage.manifests import Manifest
from storage.profiles.describing import decode_description, encode_manifest
from storage.profiles.encoding import EncodedUser, encode_popular
from storage.profiles.redis import staging
from storage.profiles.redis.address import RedisAddress
from storage.profiles.redis.keys import Keys, number_of
from storage.profiles.redis.link import Link
from storage.profiles.redis.loading import Loader, n_existing
from storage.profiles.redis.staging import Gathered, StagedBatch, Written
from storage.profiles.redis.unlisted import Unlisted
from storage.profiles.redis.versions import Live, Versions, decode, encode
from storage.profiles.store import BatchManifest, BatchVersion, PublishedBatch
from storage.profiles.succession import UNASKED, Permit, require_users
from storage.retention import IN_USE, Collected, Kept, Pruned, reasons_to_keep

TIMEOUT_S = staging.TIMEOUT_S
_CONTENT = "content"


class _Loaded(Protocol):
    """A batch whose records are all written, and going to expire."""

    @property
    def number(self) -> int: ...
    @property
    def n_keys(self) -> int: ...
    @property
    def n_bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    def add_popular(self, value: bytes) -> None: ...
    def keep(self) -> None: ...
    def drop(self) -> None: ...


class RedisBatchPublisher:
    """Publishes batches into a Redis (a BatchPublisher). Any number may, each its own batch.

    Args:
        address: The store.
        permit: What its batches may do to the live one.

    Raises:
        StoreUnavailableError: It cannot be reached: better now than after a night's work.
    """

    def __init__(self, address: RedisAddress, permit: Permit = UNASKED) -> None:
        self._link, self._permit = Link(address, timeout_s=TIMEOUT_S), permit
        self._keys = Keys(address.prefix)
        self._versions, self._unlisted = Versions(self._link), Unlisted(self._link)
        self._link.ask(("PING",))

    def publish(
        self, users: Iterable[EncodedUser], popular: Sequence[str], manifest: Callable[[], BatchManifest]
    ) -> PublishedBatch:
        """Write a batch and make it live, whole or not at all.

        Raises:
            PublishError: The live batch reaches further or has far more users, somebody went back meanwhile,
                or keys were lost.
            EmbeddingSpaceMismatchError: The live batch is of another.
            ProfileStoreError: The store cannot be written to; what was live still is.
        """
        live = self._versions.live()
        loader = Loader(self._link, self._keys, self._begun())
        with self._given_up_on_error(loader):
            for user in users:
                loader.add(user)
            return self._published(loader, popular, manifest, live)

    def stage(self) -> StagedBatch:
        """Begin a batch that other processes write (storage.profiles.redis.staging)."""
        live = self._versions.live()
        return staging.begin(self._link, self._begun(), live)

    def publish_staged(
        self,
        staged: StagedBatch,
        written: Written,
        popular: Sequence[str],
        manifest: Callable[[], BatchManifest],
    ) -> PublishedBatch:
        """Make a batch live that others have written; it takes no more writes.

        Args:
            staged: The batch.
            written: What all of them wrote, each part counted once.
            popular: The window's most acted-on pins, most acted-on first.
            manifest: What the batch says of itself.

        Raises:
            PublishError: The live batch reaches further or has far more users, somebody went back meanwhile,
                or keys were lost.
            EmbeddingSpaceMismatchError: The live batch is of another.
            ProfileStoreError: The store cannot be written to; what was live still is.
        """
        gathered = Gathered(self._link, staged, written)
        with self._given_up_on_error(gathered):
            return self._published(gathered, popular, manifest, staged.live)

    def drop_staged(self, staged: StagedBatch) -> None:
        """Give a batch up that others write: they are told so, and what they wrote goes."""
        self._give_up(Gathered(self._link, staged, Written()))

    def versions(self) -> list[BatchVersion]:
        """Every batch that is still there, oldest first.

        Raises:
            NoVersionError: None is.
        """
        live = self._versions.require_live()
        return [
            self._version(name, text, is_current=name == live)
            for name, text in self._versions.manifests().items()
        ]

    def make_current(self, version: str) -> None:
        """Make a batch live that is there already, if it is whole.

        Raises:
            NoVersionError: It is not there.
            DamagedArtefactError: It cannot be used.
        """
        manifest = self._versions.manifest(version)
        where = f"{version} in {self._link.address}"
        description = decode_description(manifest, version=version, where=where)
        require_whole(self._link, self._keys, version, manifest)
        self._versions.make_current(version, description.actions_until_s)

    def roll_back(self) -> str:
        """Make the batch before the live one live; returns its version.

        Raises:
            NoVersionError: There is none before it.
            DamagedArtefactError: It cannot be used.
        """
        live = self._versions.require_live()
        target = self._before(live)
        if target is None:
            raise NoVersionError(f"no batch in {self._link.address} is older than the live one, {live!r}")
        self.make_current(target)
        return target

    def prune(self, keep: int) -> Pruned:
        """Collect old batches, but never the live one, the one to roll back to, or one that is read.

        Raises:
            NoVersionError: None is live.
        """
        self._unlisted.take_leftovers_away()
        versions = self.versions()
        reasons = reasons_to_keep(versions, keep, self._before(self._versions.require_live()))
        collected, kept = [], []
        for each in versions:
            if each.name in reasons:
                kept.append(Kept(each.name, reasons[each.name]))
            elif not self._versions.forget(each.name):
                kept.append(Kept(each.name, IN_USE))
            else:
                self._unlisted.take_away(number_of(each.name))
                collected.append(Collected(each.name, each.n_bytes))
        return Pruned(tuple(collected), tuple(kept))

    def _begun(self) -> int:
        """The number of a new batch, in a store that has room for it again."""
        self._unlisted.take_leftovers_away()
        return self._versions.begin()

    def _published(
        self,
        loaded: _Loaded,
        popular: Sequence[str],
        manifest: Callable[[], BatchManifest],
        live: Live,
    ) -> PublishedBatch:
        """Make it live, or drop it if the same is live already."""
        loaded.add_popular(encode_popular(popular))
        batch, place = manifest(), str(self._link.address)
        content = {"keys": loaded.n_keys, "bytes": loaded.n_bytes, "sha256": loaded.sha256}
        whole: Manifest = {**encode_manifest(batch), _CONTENT: content}
        if live.version is not None and (text := self._versions.manifests().get(live.version)) is not None:
            if text == encode(whole):
                loaded.drop()
                return PublishedBatch(version=live.version, place=place, already_live=True)
            now = self._version(live.version, text, is_current=True).description
            if now is not None:
                require_users(batch.description, now, self._permit, place)
        self._unlisted.note(loaded.number)
        loaded.keep()
        name = self._versions.publish(
            loaded.number,
            whole,
            batch.description,
            generation=live.generation,
            permit=self._permit,
        )
        return PublishedBatch(version=name, place=place, already_live=False)

    @contextmanager
    def _given_up_on_error(self, loaded: _Loaded) -> Iterator[None]:
        try:
            yield
        except BaseException:
            # What cannot be taken away now expires, or is noted, and goes with the next batch or pruning.
            with suppress(ProfileStoreError):
                self._give_up(loaded)
            raise

    def _give_up(self, loaded: _Loaded) -> None:
        """Take away what was written, unless it is live: what failed may be the answer that says so."""
        if self._unlisted.give_up(loaded.number):
            loaded.drop()
            self._unlisted.are_gone(loaded.number)

    def _before(self, version: str) -> str | None:
        return next((name for name in reversed(self._versions.manifests()) if name < version), None)

    def _version(self, name: str, text: bytes, *, is_current: bool) -> BatchVersion:
        where = f"{name} in {self._link.address}"
        try:
            manifest = decode(text, where)
            description, problem = decode_description(manifest, version=name, where=where), ""
            n_bytes = content_of(manifest, where)["bytes"]
        except DamagedArtefactError as error:
            description, problem, n_bytes = None, str(error), 0
        return BatchVersion(
            name=name, is_current=is_current, description=description, n_bytes=n_bytes, problem=problem
        )


def require_whole(link: Link, keys: Keys, version: str, manifest: Manifest) -> None:
    """Look whether every key of a version is still there.

    Raises:
        DamagedArtefactError: Some are not.
    """
    number, where = number_of(version), f"{version} in {link.address}"
    wanted = content_of(manifest, where)["keys"]
    found = n_existing(link, [*keys.buckets(number), keys.popular(number)])
    if found < wanted:
        raise DamagedArtefactError(
            f"{where} is not whole: {wanted - found:,} of its {wanted:,} keys are gone, deleted or evicted. "
            "Roll back, or publish again; set the store's maxmemory-policy to noeviction."
        )


def content_of(manifest: Manifest, where: str) -> dict[str, int]:
    """What a manifest says of the keys.

    Raises:
        DamagedArtefactError: Nothing.
    """
    content = manifest.get(_CONTENT)
    if not isinstance(content, dict) or not {"keys", "bytes"} <= content.keys():
        raise DamagedArtefactError(f"the manifest of {where} does not say what it holds")
    return cast(dict[str, int], content)
