"""The pictures show what was measured, of a user whose day can be solved by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.methods import Method, fused
from evaluation.portrait.portrait import Portrait, portrait
from evaluation.protocol import cases_of
from evaluation.results import Gallery
from evaluation.worlds import World
from model.fusing import FusePolicy
from process.progress import Reporter
from tests.evaluation.town import log_of, setting_of, town

FUSED: Method = fused(FusePolicy(n_representatives=4, perplexity=60, fused_share=1.0))
ACTIONS = [(7, row, row / 24 - 9 + age, True) for age, row in enumerate((0, 1, 8, 9, 16, 17))]
"""User 7 has three interests, 120 degrees apart, and turns from one to the next; the newest pin is 17."""
NEXT = (7, 18, 2.5, True)
"""What that user then does, in the test period."""


def world_of(*actions: tuple[int, int, float, bool]) -> World:
    return replace(town(log_of(*actions)), titles=[f"Pin at {15 * row} degrees" for row in range(24)])


def portrait_of(world: World, folder: Path) -> Portrait:
    setting = setting_of(world, folder)
    cases = cases_of(world, world.test, setting.protocol)
    return portrait(cases, FUSED, setting, Reporter(quiet=True))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Portrait:
    return portrait_of(world_of(*ACTIONS, NEXT), tmp_path_factory.mktemp("stages"))


def titles(gallery: Gallery) -> list[str]:
    return [tile.title for group in gallery.groups for tile in group.tiles]


def test_every_picture_is_there_and_shows_a_number_for_a_user(pictures: Portrait) -> None:
    """Users are never named."""
    assert list(pictures.galleries) == [
        "figure2.average",
        "figure3.newest",
        "figure5.interests",
        "figure6.recommended",
    ]
    assert all(g.subject.startswith("User 7 on 2024-10-06, ") for g in pictures.galleries.values())


def test_the_average_stands_beside_the_interests(pictures: Portrait) -> None:
    """Three medoids and their average, each with five pins that the user does not know."""
    gallery = pictures.galleries["figure2.average"]
    assert [group.letter for group in gallery.groups] == ["A", "B", "C", ""]
    assert [len(group.tiles) for group in gallery.groups] == [5, 5, 5, 5]
    known = {f"Pin at {15 * row} degrees" for _, row, _, _ in ACTIONS}
    assert not known & set(titles(gallery))


def test_actions_come_newest_first(pictures: Portrait) -> None:
    """Pin 17 is the newest, pin 16 next to it, pin 9 is 120 degrees away."""
    (strip,) = pictures.galleries["figure3.newest"].groups
    degrees = [int(tile.title.split()[2]) // 15 for tile in strip.tiles]
    assert degrees == [17, 16, 9, 8, 1, 0]
    assert strip.tiles[0].value is None
    assert strip.tiles[1].value == pytest.approx(0.966, abs=1e-2)
    assert strip.tiles[2].value == pytest.approx(-0.5, abs=1e-2)
    assert [tile.letter for tile in strip.tiles] == ["A", "A", "B", "B", "C", "C"]


def test_interests_hold_their_pins_and_all_importance(pictures: Portrait) -> None:
    """Two pins each: the medoid as the title, the other below it."""
    groups = pictures.galleries["figure5.interests"].groups
    assert [group.note for group in groups] == ["2 pins"] * 3
    assert [len(group.tiles) for group in groups] == [1, 1, 1]
    assert sum(group.share or 0 for group in groups) == pytest.approx(1)


def test_what_the_user_then_did_is_marked(pictures: Portrait) -> None:
    """Pin 18 is next to the newest interest: both kinds of list have it."""
    gallery = pictures.galleries["figure6.recommended"]
    assert [group.kind for group in gallery.groups] == ["several"] * 3 + ["fused"]
    hits = {tile.title for group in gallery.groups for tile in group.tiles if tile.is_hit}
    assert hits == {"Pin at 270 degrees"}
    assert "1 new pin, 1 in the sampled interests’ lists and 1 in the fused one" in gallery.finding


def test_nobody_with_three_interests_leaves_the_share_of_all_users(tmp_path: Path) -> None:
    """No picture of one user, but how often the newest stands alone can be counted."""
    actions = [(0, row, row - 9.0, True) for row in range(2)] * 3
    found = portrait_of(world_of(*actions, (0, 2, 2.5, True), (0, 3, 3.5, True)), tmp_path)
    assert found.galleries == {}
    assert "figure3.alone" in found.figures


def test_without_users_of_six_actions_there_is_no_share(tmp_path: Path) -> None:
    """Rather than a line over nobody."""
    found = portrait_of(world_of((0, 0, -1, True), (0, 1, 2.5, True)), tmp_path)
    assert (found.galleries, found.figures) == ({}, {})
