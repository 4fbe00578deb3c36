"""What profiles are parsed from, looked at once for all users: a comparison says that a kept one holds."""

from collections.abc import Hashable
from dataclasses import dataclass

from server.profiles import ProfileSource
from server.takedown import BlockedRows
from storage.errors import ProfileStoreError

LOOK_S = 0.01

_LONG_AGO_S = float("-inf")


@dataclass(slots=True, eq=False)
class Sight:
    """All that profiles are parsed from, as it was, and still is as long as a look finds nothing changed.

    Every profile that holds under it refers to it, and that is the point: `looked_s` is set here, once, and
    so the store has said of each of them that it is still so.

    Attributes:
        over: Which pins and which batch: not themselves, so that they can be given back.
        artefact_version: Of those pins, without what was added to them.
        pins_version: Of all of them.
        blocked: What nobody may be shown.
        revision: The store's, see ProfileReader; None where it cannot say.
        looked_s: When it was last found so.
    """

    over: object
    artefact_version: str
    pins_version: str
    blocked: BlockedRows
    revision: Hashable | None
    looked_s: float

    def is_like(self, other: "Sight") -> bool:
        """Whether it is of the same pins, the same batch and the same takedown list."""
        return self.over is other.over and self.blocked is other.blocked


class Lookout:
    """Sees other pins, batches and takedown lists at once, and another revision of the store within LOOK_S.

    Safe for any number of threads. What is read from the store after a sight was taken is at least as new.

    Attributes:
        over: Stands for the pins and the batch in every sight from here.

    Args:
        source: What profiles are parsed by.
    """

    def __init__(self, source: ProfileSource) -> None:
        self.over = object()
        self._versions = source.artefact_version, source.pins.version
        self._blocked, self._revision = source.blocked, source.reader.revision
        self._sight = self._another(self._blocked(), None, _LONG_AGO_S)

    def at(self, now: float) -> Sight:
        """What there is to see, by a clock that only grows: the same object as long as that is the same."""
        sight, blocked = self._sight, self._blocked()
        if now - sight.looked_s < LOOK_S and sight.blocked is blocked:
            return sight
        sight = self._sight = self._looked(sight, blocked, now)
        return sight

    def _looked(self, before: Sight, blocked: BlockedRows, now: float) -> Sight:
        try:
            revision = self._revision()
        except ProfileStoreError:
            # Whoever reads a user now hears of it.
            revision = None
        if revision is None or before.revision != revision or before.blocked is not blocked:
            return self._another(blocked, revision, now)
        before.looked_s = now
        return before

    def _another(self, blocked: BlockedRows, revision: Hashable | None, now: float) -> Sight:
        return Sight(self.over, *self._versions, blocked, revision, now)
