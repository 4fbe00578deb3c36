"""What the online profiles are measured with: pins around themes, and users who act on a few themes each."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.world import PINS_A_THEME, user_id
from profile_builder.newest import MAX_NEWEST
from profile_builder.online_users import Basis, online_profiles
from storage.events.records import Event
from storage.profiles.newest import NewestAction
from storage.profiles.store import OnlineWriter

THEMES_A_USER = 4
_USERS_AT_ONCE = 2_000


@dataclass(frozen=True, kw_only=True)
class People:
    """Who acts.

    Attributes:
        n: Users.
        zipf: The r-th most active acts in proportion to r ** -zipf.
        n_pins: Pins they act on.
    """

    n: int
    zipf: float
    n_pins: int

    def acting(self, n_events: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Who acts next, so many times."""
        bounds = np.cumsum(np.arange(1.0, self.n + 1) ** -self.zipf)
        acting: NDArray[np.int64] = bounds.searchsorted(generator.random(n_events) * bounds[-1])
        return acting

    def pins_of(self, users: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
        """On which pin each of these users acts: one of a few themes of theirs."""
        n_themes = max(self.n_pins // PINS_A_THEME, 1)
        themes = (users * 7 + generator.integers(0, THEMES_A_USER, len(users)) * 3) % n_themes
        pins = themes * PINS_A_THEME + generator.integers(0, PINS_A_THEME, len(users))
        found: NDArray[np.int64] = pins % self.n_pins
        return found

    def events(self, n_events: int, *, seed: int, time_s: int) -> Iterator[Event]:
        """So many events, all of one time; each has an id of its own."""
        generator = np.random.default_rng(seed)
        users = self.acting(n_events, generator)
        pins = self.pins_of(users, generator)
        for number, (user, pin) in enumerate(zip(users.tolist(), pins.tolist(), strict=True)):
            yield Event(user_id(user), f"pin-{pin:08d}", time_s, "save", f"{seed}-{number}")


def fill(writer: OnlineWriter, people: People, basis: Basis) -> None:
    """Give every user as many actions after the watermark as a record may hold: nobody has more to do."""
    generator, now_s = np.random.default_rng(0), int(time.time())
    for first in range(0, people.n, _USERS_AT_ONCE):
        users = np.arange(first, min(first + _USERS_AT_ONCE, people.n))
        pins = [people.pins_of(users, generator) for _ in range(MAX_NEWEST)]
        acted = {
            user_id(user): _actions([column[at] for column in pins], now_s)
            for at, user in enumerate(users.tolist())
        }
        writer.commit(online_profiles(acted, basis), {})


def _actions(pins: Sequence[np.int64], now_s: int) -> list[NewestAction]:
    return [NewestAction(now_s - 1_000 + at, f"pin-{pin:08d}", at + 1, 1.0) for at, pin in enumerate(pins)]
