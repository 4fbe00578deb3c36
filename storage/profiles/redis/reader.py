"""The ProfileReader of a Redis: one batch, and the online records beside it, a user in one round trip."""

import os
import socket
import time
from contextlib import suppress
from itertools import count
from typing import cast

import numpy as np
from numpy.typing import NDArray

from storage.errors import ProfileStoreError, StoreUnavailableError
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
        bucket = self._keys.bucket(self._number, bucket_of(user_id))
        # The tombstone comes last: whatever is there, it is honoured.
        of_batch, online, is_there, until_s, *_ = self._link.ask(
            ("HMGET", bucket, profile_field(user_id), seen_field(user_id)),
            ("GET", self._keys.online(user_id)),
            ("HEXISTS", self._keys.versions, self._version),
            ("HGET", self._keys.forgotten, user_id),
            *([self._lease()] if time.monotonic() >= self._renew_at_s else []),
        )
        batch, seen = cast(list[bytes | None], of_batch)
        if not is_there:
            # Nobody is taken for unknown whose batch was taken away.
            raise StoreUnavailableError(
                f"{self._link.address} no longer holds {self._version}: it was collected while it was read"
            )
        until = None if until_s is None else int(cast(bytes, until_s))
        return decode_user(user_id, batch, cast(bytes | None, online), seen, until, held)

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
