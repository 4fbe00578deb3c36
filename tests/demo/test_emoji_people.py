"""The simulated people: themes taken up and dropped, a tone of one's own, some noise; seeded."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from demo.emoji.people import DAY_S, Habits, Save, World, simulate, user_name
from demo.emoji.pins import SKIN_TONES, EmojiPin
from demo.emoji.themes import THEMES, theme_emoji

UNTIL_S = 1_700_000_000
Pins = dict[str, EmojiPin]


def life_of(pins: Pins, *, people: int = 60, seed: int = 1, **habits: Any) -> list[Save]:
    return simulate(
        list(pins.values()),
        n_people=people,
        until_s=UNTIL_S,
        generator=np.random.default_rng(seed),
        habits=replace(Habits(), **habits),
    )


@pytest.mark.parametrize("theme", THEMES)
def test_a_theme_is_of_emoji_that_people_see(pins: Pins, theme: str) -> None:
    """Every emoji of a theme is a fully qualified pin, and none stands there twice."""
    qualified = {pin.emoji for pin in pins.values() if pin.quality == 1}
    assert set(theme_emoji(theme)) <= qualified
    assert len(set(theme_emoji(theme))) == len(theme_emoji(theme)) >= 4


def test_the_same_seed_gives_the_same_lives(pins: Pins) -> None:
    """A demo can be told about: it is the same tomorrow, and another with another seed."""
    assert life_of(pins) == life_of(pins)
    assert life_of(pins) != life_of(pins, seed=2)


def test_saves_lie_within_the_history(pins: Pins) -> None:
    """Everything happens within 90 days up to the end, in order of time."""
    times = [save.timestamp_s for save in life_of(pins)]
    assert times == sorted(times)
    assert times[0] >= UNTIL_S - 90 * DAY_S
    assert times[-1] <= UNTIL_S


def test_everybody_saves_something(pins: Pins) -> None:
    """Each person has between 10 and 160 saves; most are light users, whom calibration needs."""
    counts = Counter(save.user_id for save in life_of(pins, people=200))
    assert len(counts) == 200
    assert min(counts.values()) >= 10
    assert max(counts.values()) <= 160
    assert sum(10 <= n <= 30 for n in counts.values()) > 100


def test_without_noise_people_save_from_two_to_five_themes(pins: Pins) -> None:
    """A person's saves are explained by a few themes."""
    world = World(list(pins.values()))
    for saved in pins_by_person(life_of(pins, noise=0, own_tone=0)).values():
        assert fewest_themes(world, saved) <= 5


def test_people_wave_in_their_own_tone(pins: Pins) -> None:
    """Whoever always uses their own tone saves no hand in another, and no plain one that has tones."""
    tone_of = re.compile(rf"-({'|'.join(sorted(SKIN_TONES, key=len, reverse=True))})-skin-tone$")
    for saved in pins_by_person(life_of(pins, noise=0, own_tone=1)).values():
        tones = {found[1] for pin_id in saved if (found := tone_of.search(pin_id))}
        plain = {pin_id for pin_id in saved if not tone_of.search(pin_id)}
        assert len(tones) <= 1
        assert not any(f"{pin_id}-dark-skin-tone" in pins for pin_id in plain)


def test_names_begin_again_with_a_number() -> None:
    """However many people there are, nobody shares an id."""
    names = [user_name(number) for number in range(200)]
    assert names[0] == "ada"
    assert "ada-2" in names
    assert len(set(names)) == 200


def pins_by_person(saves: list[Save]) -> dict[str, set[str]]:
    people: dict[str, set[str]] = defaultdict(set)
    for save in saves:
        people[save.user_id].add(save.pin_id)
    return people


def fewest_themes(world: World, saved: set[str]) -> int:
    """How many themes explain the saves, taking the one that explains most each time."""
    left, n = set(saved), 0
    while left:
        best = max(world.themes.values(), key=lambda theme: len(left & set(theme)))
        assert left & set(best), f"{left} are of no theme"
        left, n = left - set(best), n + 1
    return n
