"""The cache of lists on requests that a person can replay."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.costs.replaying import ABSENT, Replay, replay, requests_of, sampled_interests
from process.progress import Reporter
from tests.evaluation.town import DAY_0, case_of, circle

QUIET = Reporter(quiet=True)


def test_the_least_recently_used_list_is_forgotten() -> None:
    """Two places: 1 and 2 are searched, 1 is there, 3 pushes 2 out, so 2 is searched again."""
    found = replay([[1, 2], [1, 3], [2]], capacity=2)
    assert (found.n_requests, found.n_lookups, found.n_searches) == (3, 5, 4)
    assert found.hit_rate == pytest.approx(1 / 5)


def test_one_place_serves_only_a_list_that_is_asked_for_again_at_once() -> None:
    """In turn, two lists push each other out for ever."""
    assert replay([[1], [2], [1], [2]], capacity=1).n_searches == 4
    assert replay([[1], [1], [2], [2]], capacity=1).n_searches == 2


def test_a_request_looks_up_all_its_lists_before_it_searches() -> None:
    """With one place, list 1 is there when it is looked up, though list 2 then pushes it out."""
    assert replay([[1], [2, 1]], capacity=1).n_searches == 2


@given(st.lists(st.lists(st.integers(0, 9), unique=True, max_size=3), max_size=30))
def test_a_cache_of_everything_searches_for_each_list_once(requests: list[list[int]]) -> None:
    """What may stay is never searched for again."""
    found = replay(requests, capacity=10)
    assert found.n_searches == len({key for keys in requests for key in keys})
    assert found.n_lookups == sum(map(len, requests))


@given(st.lists(st.lists(st.integers(0, 9), unique=True, max_size=1), max_size=30), st.integers(1, 9))
def test_a_larger_cache_searches_no_more(requests: list[list[int]], capacity: int) -> None:
    """LRU keeps what a smaller one keeps."""
    assert replay(requests, capacity + 1).n_searches <= replay(requests, capacity).n_searches


def test_a_replay_survives_being_kept() -> None:
    """A finished stage gives back what was counted."""
    counted = replay([[1, 2], [1]], capacity=5)
    assert Replay.of(np.array(counted.numbers())) == counted


def test_interests_by_hand() -> None:
    """Pins 0, 1, 2 in the east and 12 in the west: medoids 1 and 12; with one pin, one interest."""
    cases = [case_of([0, 1, 2, 12], [5]), case_of([12], [5])]
    found = sampled_interests(cases, circle(), 0.5, 3, QUIET)
    assert [sorted(rows) for rows in requests_of(found["medoids"])] == [[1, 12], [12]]
    assert found["medoids"][1].tolist() == [12, ABSENT, ABSENT]


def test_centroids_are_told_apart_by_their_vectors() -> None:
    """The pin in the west alone is the same centroid for both; the three in the east are another."""
    cases = [case_of([0, 1, 2, 12], [5]), case_of([12], [5]), case_of([0, 1, 2, 12], [5])]
    first, second, third = requests_of(sampled_interests(cases, circle(), 0.5, 3, QUIET)["centroids"])
    assert len(set(first)) == 2
    assert set(second) < set(first)
    assert first == third


def test_a_centroid_is_that_of_the_interest_whose_medoid_was_drawn() -> None:
    """One of two interests a request, east or west: whichever is drawn, its centroid goes with it."""
    east_and_west = case_of([0, 12], [1])
    cases = [replace(east_and_west, day=DAY_0 + at) for at in range(20)]
    found = sampled_interests(cases, circle(), alpha=0.2, e=1, reporter=QUIET)
    pairs = set(zip(found["medoids"][:, 0].tolist(), found["centroids"][:, 0].tolist(), strict=True))
    assert {medoid for medoid, _ in pairs} == {0, 12}
    assert len({centroid for _, centroid in pairs}) == len(pairs) == 2
