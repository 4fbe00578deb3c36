"""What the online profiles are measured with is what the figures say it is."""

import numpy as np

from benchmarks.online_world import People, fill
from benchmarks.serving.world import user_id
from profile_builder.newest import MAX_NEWEST
from profile_builder.online_users import Basis
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.newest import actions_of
from tests.profile_builder.online_world import DESCRIPTION, basis_of

PEOPLE = People(n=1_000, zipf=1.0, n_pins=20_000)


def test_users_act_by_zipfs_law() -> None:
    """The most active of a thousand has one event in 7.5, and the tenth a tenth of that."""
    acting = PEOPLE.acting(200_000, np.random.default_rng(0))
    counts = np.bincount(acting, minlength=PEOPLE.n)

    assert 0.9 < counts[0] / (200_000 / 7.485) < 1.1
    assert 0.8 < counts[9] / (counts[0] / 10) < 1.2


def test_events_are_the_same_every_time_and_all_different() -> None:
    """Two runs measure the same work; no event is a duplicate that costs nothing."""
    events = list(PEOPLE.events(500, seed=1, time_s=5))

    assert events == list(PEOPLE.events(500, seed=1, time_s=5))
    assert len({each.key for each in events}) == 500


def test_everybody_has_as_many_actions_as_there_may_be() -> None:
    """So that no measured event is cheaper because its user is new."""
    basis: Basis = basis_of(0)
    store = InMemoryProfiles(DESCRIPTION)
    fill(store, People(n=30, zipf=1.0, n_pins=5), basis)

    for number in range(30):
        profile = store.get(user_id(number))
        assert profile is not None
        assert len(actions_of(profile)) == MAX_NEWEST
