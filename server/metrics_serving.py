"""What a process serves, as metrics tell it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.pins.side import SIDE
from storage.profiles.store import BatchDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Versions, empty for none, and what is known of them.

    Attributes:
        pins_version: Of the pin artefact.
        side_version: Of the pins added beside it.
        profiles_version: Of the batch profiles.
        n_indexed: Candidates, those added among them.
        n_side: Pins added, candidates or not.
        n_users: Users with a batch profile.
        pins_published_s: When that version was published, Unix seconds; NaN where nobody knows.
        side_published_s: The same of the pins added.
        profiles_computed_s: The time the batch profiles were computed for.
    """

    pins_version: str
    side_version: str = ""
    profiles_version: str
    n_indexed: int
    n_side: int = 0
    n_users: int
    pins_published_s: float = math.nan
    side_published_s: float = math.nan
    profiles_computed_s: float

    @property
    def versions(self) -> Mapping[str, str]:
        """The three of them, by their names."""
        return {
            "pins_version": self.pins_version,
            "profiles_version": self.profiles_version,
            "side_version": self.side_version,
        }


def serving_of(pins: PinView, batch: BatchDescription, root: Path) -> Serving:
    """What is served.

    Args:
        pins: The pins, those added among them.
        batch: The batch profiles.
        root: The artefact's folder.
    """
    main, side = (pins.main, pins.side) if isinstance(pins, JoinedPins) else (pins, None)
    return Serving(
        pins_version=main.version,
        side_version="" if side is None else side.version,
        profiles_version=batch.version,
        n_indexed=pins.n_indexed,
        n_side=0 if side is None else len(side.rows),
        n_users=batch.n_users,
        pins_published_s=_published_s(root / main.version),
        side_published_s=math.nan if side is None else _published_s(root / SIDE / side.version),
        profiles_computed_s=batch.computed_at_s,
    )


def _published_s(version: Path) -> float:
    """When a version was published, by its manifest's file: manifests themselves hold no clock's time."""
    try:
        return (version / "manifest.json").stat().st_mtime
    except OSError:
        return math.nan
