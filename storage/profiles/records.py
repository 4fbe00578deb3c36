"""The profile records as values; storage.profiles.encoding turns them into bytes and back."""

from dataclasses import dataclass

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
    """

    user_id: str
    embedding_space: EmbeddingSpace
    parameters_version: str
    interests: Interests
    actions_until_s: int


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
    """

    user_id: str
    embedding_space: EmbeddingSpace
    parameters_version: str
    pin_ids: tuple[str, ...]
    times_s: NDArray[np.int64]
    weights: NDArray[np.float64]
    actions_after_s: int
    interests: Interests


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredUser:
    """All that a store knows of one user, as it was at one moment.

    Attributes:
        batch: The batch profile, or None.
        online: The newest actions, or None.
        seen: uint64 [n], sorted: xxh3-64 of the user's pins of the window.
        stamp: The checksums of what is stored: the same as long as that is the same.
        is_online_damaged: There are newest actions, and they cannot be trusted: they are left out.
    """

    batch: Profile | None
    online: OnlineProfile | None
    seen: NDArray[np.uint64]
    stamp: bytes
    is_online_damaged: bool = False

    @property
    def is_unknown(self) -> bool:
        """Nothing is stored of this user."""
        has_none = self.batch is None and self.online is None and not len(self.seen)
        return has_none and not self.is_online_damaged
