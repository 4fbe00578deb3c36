"""Newest actions: the same whatever the order, the number of times and the portions in which events come."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from profile_builder.newest import MAX_NEWEST, event_hash, merged, newest_action
from storage.events.records import Event
from storage.profiles.newest import NewestAction

EVENTS = st.builds(
    Event,
    st.just("ann"),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 30),
    st.sampled_from(["save", "hide"]),
    st.none(),
)


def act(event: Event) -> NewestAction:
    return newest_action(event, 1.0)


def reference(events: list[Event]) -> list[NewestAction]:
    """All events, each once; the newest 20, of equally old ones those of the smallest pins."""
    actions = {act(event) for event in events}
    newest = sorted(actions, key=lambda each: (-each.time_s, each.pin_id, each.event_hash))[:MAX_NEWEST]
    return sorted(newest)


@given(st.lists(EVENTS, max_size=80), st.randoms(use_true_random=False), st.integers(1, 7))
def test_neither_order_nor_repetition_nor_portions_matter(
    events: list[Event], chance: Random, portion: int
) -> None:
    """Any history of the same events ends with the newest 20, in canonical order."""
    again = events + events[::3]
    chance.shuffle(again)
    held: list[NewestAction] = []
    for start in range(0, len(again), portion):
        held = merged(held, map(act, again[start : start + portion]))

    assert held == reference(events)


def test_an_event_id_beats_what_the_event_says() -> None:
    """Two with one id are one, the earlier; two that agree in everything but their ids are two."""
    one = Event("ann", "a", 5, "save", "id-1")
    late, twin = replace(one, timestamp_s=9), replace(one, event_id="id-2")

    for order in ([one, late], [late, one]):
        assert merged([], map(act, order)) == [act(one)]
    assert len(merged([], map(act, [one, twin]))) == 2


def test_what_an_event_says_tells_it_from_others() -> None:
    """Pin, time and action all count, and where one ends and the next begins is never in doubt."""
    events = [
        Event("ann", "a", 5, "save"),
        Event("ann", "b", 5, "save"),
        Event("ann", "a", 6, "save"),
        Event("ann", "a", 5, "hide"),
        Event("ann", "a\0005", 5, "save"),
        Event("ann", "a", 5, "save", "a"),
    ]
    assert len({event_hash(each) for each in events}) == len(events)
    assert 0 not in {event_hash(each) for each in events}


def test_an_action_of_an_earlier_version_is_known_by_pin_and_time() -> None:
    """Its event's hash was not kept: the same event read again does not count twice, another does."""
    held = [NewestAction(5, "a", 0, 1.0), NewestAction(6, "a", 0, 1.0)]

    again, other = Event("ann", "a", 5, "save"), Event("ann", "b", 5, "save")

    assert merged(held, [act(again), act(other)]) == sorted([*held, act(other)])


def test_late_events_find_their_place_or_none() -> None:
    """One older than the newest 20 leaves no trace; one among them pushes the oldest out."""
    held = [act(Event("ann", "a", 100 + at, "save")) for at in range(MAX_NEWEST)]

    assert merged(held, [act(Event("ann", "z", 99, "save"))]) == held
    amid = act(Event("ann", "z", 105, "save"))
    assert merged(held, [amid]) == sorted([*held[1:], amid])
