"""The ProfileReader of a Redis: one batch, and the online records beside it, a user in one round trip."""

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import cast

import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedRecordError, ProfileStoreError, StoreUnavailableError
from storage.profiles.describing import decode_description
from storage.profiles.encoding import decode_popular
from storage.profiles.forgetting import decode_user
from storage.profiles.records import OnlineProfile, Profile, StoredUser, Tombstone
from storage.profiles.redis.address import RedisAddress
from storage.profiles.redis.keys import Keys, bucket_of, number_of, profile_field, seen_field
from storage.profiles.redis.link import Command, Link
from storage.profiles.redis.publisher import TIMEOUT_S, require_whole
from storage.profiles.redis.tombstones import read_newest, read_tombstones
from storage.profiles.redis.versions import Versions
from storage.profiles.store import BatchDescription

LEASE_S = 3_600
"""A batch that is read is not collected; one that nobody asked for so long may be."""

_RENEW_S = 300
_names = count()


class RedisProfiles:
    """Reads a Redis (a ProfileReader); open it after spawning, never before.

    The batch is the version that was live when this was opened; online records are seen as they come.

    Args:
        address: The store.
        version: A batch version's name; default the live one.

    Raises:
        StoreUnavailableError: It cannot be reached.
        ArtefactError: The batch is not there, or not whole.
    """

    def __init__(self, address: RedisAddress, version: str | None = None) -> None:
        self._link, self._keys = Link(address), Keys(address.prefix)
        self._version = ""
        self._reader = f"{socket.gethostname()}/{os.getpid()}/{next(_names)}"
        try:
            self._description = self._open(address, version)
        except BaseException:
            self.close()
            raise

    def _open(self, address: RedisAddress, version: str | None) -> BatchDescription:
        # Many keys are looked for: that may take longer than a user may.
        patient = Link(address, timeout_s=TIMEOUT_S)
        try:
            versions = Versions(patient)
            self._version = versions.require_live() if version is None else version
            # From here on nobody collects it; unless it is gone already.
            patient.ask(self._lease())
            manifest = versions.manifest(self._version)
            self._number = number_of(self._version)
            require_whole(patient, self._keys, self._version, manifest)
        finally:
            patient.close()
        return decode_description(manifest, version=self._version, where=f"{self._version} in {address}")

    def describe(self) -> BatchDescription:
        """The batch profiles read here."""
        return self._description

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        """Everything of one user; `held` itself when nothing has changed."""
        (found,) = self.read_each([(user_id, held)])
        if isinstance(found, DamagedRecordError):
            raise found
        return found

    def read_each(
        self, asked: Sequence[tuple[str, StoredUser | None]]
    ) -> list[StoredUser | DamagedRecordError]:
        """What `read` gives of each, or the damage, in one round trip."""
        user_ids, n = [user_id for user_id, _ in asked], len(asked)
        # The tombstones come last: whatever is there, they are honoured.
        *found, is_there, forgotten = self._link.ask(
            *([self._lease()] if time.monotonic() >= self._renew_at_s else []),
            *map(self._batch_command, user_ids),
            *(("GET", self._keys.online(user_id)) for user_id in user_ids),
            ("HEXISTS", self._keys.versions, self._version),
            ("HMGET", self._keys.forgotten, *user_ids),
        )
        if not is_there:
            # Nobody is taken for unknown whose batch was taken away.
            raise StoreUnavailableError(
                f"{self._link.address} no longer holds {self._version}: it was collected while it was read"
            )
        of_batch = cast(list[list[bytes | None]], found[-2 * n : -n])
        online, until = cast(list[bytes | None], found[-n:]), cast(list[bytes | None], forgotten)
        return [
            _user_or_damage(user_id, held, batch, newest, until_s)
            for (user_id, held), batch, newest, until_s in zip(asked, of_batch, online, until, strict=True)
        ]

    def _batch_command(self, user_id: str) -> Command:
        bucket = self._keys.bucket(self._number, bucket_of(user_id))
        return "HMGET", bucket, profile_field(user_id), seen_field(user_id)

    def revision(self) -> None:
        """Nobody counts what is written, and to ask would take as long as to read."""

    def batch(self, user_id: str) -> Profile | None:
        """The user's batch profile, or None for an unknown user."""
        return self.read(user_id).batch

    def seen(self, user_id: str) -> NDArray[np.uint64]:
        """uint64 [n], sorted; empty for an unknown user."""
        return self.read(user_id).seen

    def online(self, user_id: str) -> OnlineProfile | None:
        """The user's newest actions, or None."""
        return self.read(user_id).online

    def tombstones(self, after: int = 0) -> list[Tombstone]:
        """Who was forgotten, in order; those later than the one numbered `after`."""
        return read_tombstones(self._link, self._keys, after)

    def newest_tombstone(self) -> int:
        """The number of the last one; 0 before the first."""
        return read_newest(self._link, self._keys)

    def popular(self) -> tuple[str, ...]:
        """The window's most acted-on pins, most acted-on first."""
        (value,) = self._link.ask(("GET", self._keys.popular(self._number)))
        return () if value is None else decode_popular(cast(bytes, value))

    def close(self) -> None:
        """Let the batch and the connections go."""
        with suppress(ProfileStoreError):
            self._link.ask(("ZREM", self._keys.leases, self._member))
        self._link.close()

    @property
    def _member(self) -> str:
        return f"{self._version} {self._reader}"

    def _lease(self) -> Command:
        """Holds on to the version for a while."""
        self._renew_at_s = time.monotonic() + _RENEW_S
        return "ZADD", self._keys.leases, time.time() + LEASE_S, self._member


def _user_or_damage(
    user_id: str,
    held: StoredUser | None,
    of_batch: list[bytes | None],
    online: bytes | None,
    until_s: bytes | None,
) -> StoredUser | DamagedRecordError:
    batch, seen = of_batch
    try:
        return decode_user(user_id, batch, online, seen, None if until_s is None else int(until_s), held)
    except DamagedRecordError as error:
        return error
