"""What a process serves, as metrics tell it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.pins.side import SIDE
from storage.profiles.store import BatchDescription

Made: TypeAlias = Callable[[], float]


def nobody_knows() -> float:
    """A time that cannot be told."""
    return math.nan


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
        pins_made_s: When that version was last made, Unix seconds; NaN where nobody knows.
        side_made_s: The same of the pins added.
        profiles_computed_s: The time the batch profiles were computed for.
    """

    pins_version: str
    side_version: str = ""
    profiles_version: str
    n_indexed: int
    n_side: int = 0
    n_users: int
    pins_made_s: Made = nobody_knows
    side_made_s: Made = nobody_knows
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
        pins_made_s=partial(_made_s, root / main.version),
        side_made_s=nobody_knows if side is None else partial(_made_s, root / SIDE / side.version),
        profiles_computed_s=batch.computed_at_s,
    )


def _made_s(version: Path) -> float:
    """When a version was last made, by its manifest's file: manifests themselves hold no clock's time.

    A build that comes to what is live already publishes nothing, and says there that it came.
    """
    try:
        return (version / "manifest.json").stat().st_mtime
    except OSError:
        return math.nan
