"""People act on what their interests lead to, and on nothing a method would have to be asked for."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from evaluation.large_world.parameters import MAIN, WorldParameters
from evaluation.large_world.people import Event, simulate
from evaluation.large_world.topics import Topics
from tests.evaluation.large_world.conftest import PER_LABEL, heap_labels, heap_vectors

DAY_S = 86_400

ONE_INTEREST = replace(
    MAIN, interests_fewest=1, interests_most=1, interest_days_mean=1e9, noise=0.0, impressions_per_action=0
)
"""Somebody with one interest for life, who does nothing else."""


def lives(topics: Topics, parameters: WorldParameters, n: int = 40) -> list[list[Event]]:
    return [simulate(topics, parameters, person) for person in range(n)]


def labels_of(events: list[Event], *, acted: bool = True) -> set[int]:
    return {event.row // PER_LABEL for event in events if event.acted == acted}


def test_one_interest_stays_within_its_label(topics: Topics) -> None:
    """However near the titles of the label beside it are."""
    assert all(len(labels_of(events)) == 1 for events in lives(topics, ONE_INTEREST) if events)


def test_somebody_who_drops_interests_goes_elsewhere(topics: Topics) -> None:
    """Held for a day each, a life of 120 days meets more than one label."""
    restless = replace(ONE_INTEREST, interest_days_mean=1.0, sessions_per_day_median=1.0)
    assert np.mean([len(labels_of(events)) for events in lives(topics, restless)]) > 2


def test_related_interests_stay_in_the_neighbourhood(topics: Topics) -> None:
    """Always taking up a relative, one stays with labels 0 and 1, or with 2 and 3."""
    loyal = replace(ONE_INTEREST, interest_days_mean=1.0, related=1.0, sessions_per_day_median=1.0)
    for events in lives(topics, loyal):
        assert labels_of(events) <= {0, 1} or labels_of(events) <= {2, 3}


def test_narrow_interests_stay_near_their_heart() -> None:
    """With every title a heart, what a narrow interest leads to lies closer together than a broad one's."""
    topics = Topics(heap_vectors(), heap_labels(), n_labels=5, relatives=1, hearts=1.0)

    def spread(breadth: float) -> float:
        parameters = replace(ONE_INTEREST, breadth=breadth, sessions_per_day_median=0.01)
        rows = [[event.row for event in events] for events in lives(topics, parameters, 400)]
        return float(np.mean([max(r) - min(r) for r in rows if len(r) == 3]))

    assert spread(0.0005) < 0.7 * spread(10.0)


def test_noise_goes_anywhere(topics: Topics) -> None:
    """With nothing but noise, all labels are met alike."""
    counts = Counter(
        event.row // PER_LABEL
        for events in lives(topics, replace(ONE_INTEREST, noise=1.0, sessions_per_day_median=0.05), 200)
        for event in events
    )
    assert len(counts) == 4
    assert max(counts.values()) < 1.4 * min(counts.values())


def test_impressions_are_of_labels_held_and_not_acted_on(topics: Topics) -> None:
    """Somebody with one interest is shown that label alone; some of it is shown only."""
    shown = replace(ONE_INTEREST, impressions_per_action=2, sessions_per_day_median=0.03)
    events = [events for events in lives(topics, shown) if events]
    assert all(labels_of(life, acted=False) <= labels_of(life) for life in events)
    assert any(not event.acted for life in events for event in life)


def test_nobody_meets_a_title_twice(topics: Topics) -> None:
    """Not even the busy, who run out of titles."""
    busy = replace(MAIN, sessions_per_day_median=5.0)
    for events in lives(topics, busy, 5):
        assert max(Counter(event.row for event in events).values()) == 1
        assert len(events) > 30


def test_events_are_in_order_and_within_the_days(topics: Topics) -> None:
    """A session that begins at the last minute may end a little later."""
    for events in lives(topics, MAIN):
        times = [event.time_s for event in events]
        assert times == sorted(times)
        assert all(0 <= time < (MAIN.days + 1) * DAY_S for time in times)


def test_a_person_is_the_same_whoever_else_is_simulated(topics: Topics) -> None:
    """Each has a generator of their own: more people change nobody."""
    assert simulate(topics, MAIN, 7) == lives(topics, MAIN, 8)[7]
    assert simulate(topics, MAIN, 7) != simulate(topics, MAIN, 8)


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 0.1 * 120 * 3), (0.2, 0.2 * 120 * 3)])
def test_activity_is_as_set(rate: float, expected: float) -> None:
    """Without spread, everybody has sessions a day x days x actions a session, give or take chance."""
    vectors = np.tile(heap_vectors(), (20, 1))
    topics = Topics(vectors, np.tile(heap_labels(), 20), n_labels=4, relatives=1, hearts=1.0)
    parameters = replace(ONE_INTEREST, sessions_per_day_median=rate, sessions_spread=0.0)
    mean = np.mean([len(events) for events in lives(topics, parameters, 100)])
    assert mean == pytest.approx(expected, rel=0.15)
