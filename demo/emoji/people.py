"""The people of the emoji world: a few themes each, taken up and dropped over 90 days, and some noise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from demo.emoji.pins import SKIN_TONES, EmojiPin
from demo.emoji.themes import NAMES, THEMES, theme_emoji

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How people behave in this world.

    Attributes:
        days: Length of the history.
        saves_median: Median of saves a person; they are log-normal.
        saves_spread: The log-normal's sigma.
        saves_fewest: Nobody saves less.
        saves_most: Nobody saves more.
        themes_fewest: Themes a person takes up, at least.
        themes_most: Themes a person takes up, at most.
        theme_days_mean: How long a theme holds a person, exponential.
        favourites: Share of a theme's pins that a person saves, again and again where need be.
        noise: Share of saves that follow no theme.
        own_tone: Share of saves of hands and people that are made in the person's own skin tone.
    """

    days: int = 90
    saves_median: float = 26.0
    saves_spread: float = 0.55
    saves_fewest: int = 10
    saves_most: int = 160
    themes_fewest: int = 2
    themes_most: int = 5
    theme_days_mean: float = 45.0
    favourites: float = 0.6
    noise: float = 0.05
    own_tone: float = 0.7


@dataclass(frozen=True, slots=True, order=True)
class Save:
    """One person saved one pin."""

    timestamp_s: int
    user_id: str
    pin_id: str


class World:
    """The pins by what one needs them for: the themes, the tones of one, and anything at all."""

    def __init__(self, pins: Sequence[EmojiPin]) -> None:
        by_emoji = {pin.emoji: pin.pin_id for pin in pins}
        self._pin_ids = frozenset(pin.pin_id for pin in pins)
        self.common = [pin.pin_id for pin in pins if pin.quality == 1]
        self.themes: Mapping[str, list[str]] = {
            theme: [by_emoji[emoji] for emoji in theme_emoji(theme)] for theme in THEMES
        }

    def in_tone(self, pin_id: str, tone: str) -> str:
        """The pin in that skin tone; itself where it has no tones."""
        toned = f"{pin_id}-{tone}-skin-tone"
        return toned if toned in self._pin_ids else pin_id


def simulate(
    pins: Sequence[EmojiPin], *, n_people: int, until_s: int, generator: np.random.Generator, habits: Habits
) -> list[Save]:
    """Everybody's saves in the `habits.days` before `until_s`, in order of time."""
    world = World(pins)
    saves = (
        Save(until_s - int(days_ago * DAY_S), user_name(number), pin_id)
        for number in range(n_people)
        for pin_id, days_ago in _life(world, generator, habits)
    )
    return sorted(saves)


def user_name(number: int) -> str:
    """A name a reader likes: "ada", and "ada-2" when the names begin again."""
    again, which = divmod(number, len(NAMES))
    return f"{NAMES[which]}-{again + 1}" if again else NAMES[which]


def _life(world: World, generator: np.random.Generator, habits: Habits) -> Iterator[tuple[str, float]]:
    """One person's saves as pin and days ago: so many to each of their themes, and the noise."""
    tone = str(generator.choice(SKIN_TONES))
    n_saves = _n_saves(generator, habits)
    n_noise = int(generator.binomial(n_saves, habits.noise))
    n_themes = generator.integers(habits.themes_fewest, habits.themes_most + 1)
    themes = generator.choice(list(world.themes), n_themes, replace=False)
    shares = generator.multinomial(n_saves - n_noise, generator.dirichlet(np.full(n_themes, 2.0)))
    for theme, n in zip(themes, shares.tolist(), strict=True):
        for pin_id, days_ago in zip(
            _drawn(world.themes[theme], n, generator, habits), _stretch(n, generator, habits), strict=True
        ):
            own_tone = generator.random() < habits.own_tone
            yield world.in_tone(pin_id, tone) if own_tone else pin_id, days_ago
    for pin_id in generator.choice(world.common, n_noise, replace=False).tolist():
        yield pin_id, generator.uniform(0, habits.days)


def _n_saves(generator: np.random.Generator, habits: Habits) -> int:
    n = generator.lognormal(np.log(habits.saves_median), habits.saves_spread)
    return int(np.clip(round(n), habits.saves_fewest, habits.saves_most))


def _drawn(pin_ids: Sequence[str], n: int, generator: np.random.Generator, habits: Habits) -> list[str]:
    """Draw n saves of the person's favourites, the typical pins sooner; saved all, they begin again."""
    typical = 1 / np.sqrt(np.arange(1, len(pin_ids) + 1))
    n_favourites = max(1, round(habits.favourites * len(pin_ids)))
    favourites = generator.choice(pin_ids, n_favourites, replace=False, p=typical / typical.sum())
    saves: list[str] = np.resize(favourites, n).tolist()
    return saves


def _stretch(n: int, generator: np.random.Generator, habits: Habits) -> list[float]:
    """Draw n moments, in days ago, from one stretch of the history: a theme is taken up and dropped."""
    length = min(2 + generator.exponential(habits.theme_days_mean), habits.days)
    newest = generator.uniform(0, habits.days - length)
    moments: list[float] = generator.uniform(newest, newest + length, n).tolist()
    return moments
