"""The profile records as values; storage.profiles.encoding turns them into bytes and back."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.interests import Interests
from storage.embedding_space import EmbeddingSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One user's interests as the batch computed them.

    Attributes:
        user_id: Opaque, at most 128 bytes of UTF-8.
        embedding_space: The space of the medoids.
        parameters_version: `version` of the model file used.
        interests: Most important first; `computed_at_s` is the batch's cut.
        actions_until_s: The watermark W, Unix seconds UTC.
        forgotten_until_s: Nothing that the user did up to then is counted, because they asked to be
            forgotten; 0 for those who did not.
    """

    user_id: str
    embedding_space: EmbeddingSpace
    parameters_version: str
    interests: Interests
    actions_until_s: int
    forgotten_until_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineProfile:
    """One user's newest actions after the paper's online version, in canonical order (time, pin id).

    Attributes:
        user_id: Opaque, at most 128 bytes of UTF-8.
        embedding_space: The space of the medoids.
        parameters_version: `version` of the model file used.
        pin_ids: The newest 20 actions' pins, never pruned by the watermark.
        times_s: int64 [a], Unix seconds UTC.
        weights: float64 [a].
        actions_after_s: The watermark that `interests` were computed after.
        interests: Algorithm 2 over the actions later than `actions_after_s`.
        event_hashes: uint64 [a], what tells each action's event from another (storage.events.records); 0
            where that is not known, in records of an earlier version.
    """

    user_id: str
    embedding_space: EmbeddingSpace
    parameters_version: str
    pin_ids: tuple[str, ...]
    times_s: NDArray[np.int64]
    weights: NDArray[np.float64]
    actions_after_s: int
    interests: Interests
    event_hashes: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    def __post_init__(self) -> None:
        if not len(self.event_hashes):
            object.__setattr__(self, "event_hashes", np.zeros(len(self.pin_ids), np.uint64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A user asked to be forgotten.

    Attributes:
        user_id: Opaque, at most 128 bytes of UTF-8.
        until_s: Unix seconds UTC; what they did up to then has vanished, whatever still holds it.
        sequence: Counts the store's tombstones, from 1.
    """

    user_id: str
    until_s: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredUser:
    """All that a store knows of one user, as it was at one moment, without what is forgotten.

    Attributes:
        batch: The batch profile, or None.
        online: The newest actions, or None.
        seen: uint64 [n], sorted: xxh3-64 of the user's pins of the window.
        stamp: The checksums of what is stored: the same as long as that is the same.
        is_online_damaged: There are newest actions, and they cannot be trusted: they are left out.
        forgotten_until_s: Of their tombstone, Unix seconds UTC; None without one.
    """

    batch: Profile | None
    online: OnlineProfile | None
    seen: NDArray[np.uint64]
    stamp: bytes
    is_online_damaged: bool = False
    forgotten_until_s: int | None = None

    @property
    def is_unknown(self) -> bool:
        """Nothing is stored of this user."""
        has_none = self.batch is None and self.online is None and not len(self.seen)
        return has_none and not self.is_online_damaged
