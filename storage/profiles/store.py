"""The ports of the profile store: one to read, one to write online records."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.parameters import Parameters
from storage.embedding_space import EmbeddingSpace
from storage.profiles.records import OnlineProfile, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDescription:
    """What the live batch profiles are.

    Attributes:
        version: The published version's name.
        embedding_space: The space of every profile here.
        parameters: The model's parameters the profiles were computed with.
        parameters_version: `version` of the model file.
        computed_at_s: The cut, Unix seconds UTC.
        actions_until_s: The watermark W, Unix seconds UTC.
        n_users: Users with a profile.
    """

    version: str
    embedding_space: EmbeddingSpace
    parameters: Parameters
    parameters_version: str
    computed_at_s: int
    actions_until_s: int
    n_users: int


class ProfileReader(Protocol):
    """Reads one user at a time. Safe for any number of threads.

    Every method may raise StoreUnavailableError or DamagedRecordError.
    """

    def describe(self) -> BatchDescription:
        """The live batch profiles."""
        ...

    def batch(self, user_id: str) -> Profile | None:
        """The user's batch profile, or None for an unknown user."""
        ...

    def seen(self, user_id: str) -> NDArray[np.uint64]:
        """uint64 [n], sorted: xxh3-64 of the user's pins of the window; empty for an unknown user."""
        ...

    def online(self, user_id: str) -> OnlineProfile | None:
        """The user's newest actions, or None."""
        ...

    def popular(self) -> tuple[str, ...]:
        """The window's most acted-on pins, most acted-on first; empty when the batch wrote none."""
        ...

    def close(self) -> None:
        """Free what the reader holds; it cannot be used afterwards."""
        ...


class OnlineWriter(Protocol):
    """The one writer of online records. Every method may raise the ProfileStoreErrors."""

    def put(self, profile: OnlineProfile) -> None:
        """Store the record; when this returns it survives a crash of the process."""
        ...

    def get(self, user_id: str) -> OnlineProfile | None:
        """The stored record, or None."""
        ...

    def close(self) -> None:
        """Free what the writer holds."""
        ...
