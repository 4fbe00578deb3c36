"""The benchmark of serving asks what it says it asks, and its figures are the medians of its runs."""

import json
from pathlib import Path

import numpy as np

from benchmarks.serving.drawing import Asked, apart, newcomers
from benchmarks.serving.figures import Figure, ratios, write
from benchmarks.serving.requests import N_EXCLUDED, batch_requests, recommend_requests
from benchmarks.serving.world import distinct_by_popularity, user_id
from pinnersage.v1 import recommender_pb2 as pb

PIN_IDS = [f"pin-{row:08d}" for row in range(50)]


def test_every_request_has_a_seed_of_its_own_and_pins_excluded() -> None:
    """Users evenly of those there are; the same list of requests for the same seed, another for another."""
    requests = recommend_requests(200, n_users=7, pin_ids=PIN_IDS)
    parsed = [pb.RecommendRequest.FromString(each) for each in requests]

    assert {each.user_id for each in parsed} == {user_id(number) for number in range(7)}
    assert len({each.seed for each in parsed}) == 200
    assert {len(each.exclude_pin_ids) for each in parsed} == {N_EXCLUDED}
    assert recommend_requests(200, n_users=7, pin_ids=PIN_IDS) == requests
    assert recommend_requests(200, n_users=7, pin_ids=PIN_IDS, seed=1) != requests


def test_a_batch_has_as_many_users_as_it_is_told() -> None:
    """In each of its requests."""
    requests = batch_requests(3, 40, n_users=9, pin_ids=PIN_IDS)

    assert [len(pb.RecommendBatchRequest.FromString(each).user_ids) for each in requests] == [40] * 3


def test_popular_medoids_are_drawn_more_often_and_none_twice() -> None:
    """Of weights 8, 1, 1 the first is nearly always among two, and all three are when three are drawn."""
    generator, bounds = np.random.default_rng(0), np.cumsum([8.0, 1.0, 1.0])
    pairs = [distinct_by_popularity(generator, bounds, 2).tolist() for _ in range(300)]

    assert all(len(set(pair)) == 2 for pair in pairs)
    # 1 - 2 x 0.1 x 0.1 / 0.9 = 0.978.
    assert sum(0 in pair for pair in pairs) > 0.94 * 300
    assert sorted(distinct_by_popularity(generator, bounds, 3).tolist()) == [0, 1, 2]


def test_a_figure_is_the_median_of_ratios_of_neighbours(tmp_path: Path) -> None:
    """What disturbed one round disturbed both of its blocks: their ratio stands."""
    figure = ratios([1.0, 30.0, 3.0], [2.0, 60.0, 4.0], "at least 0.80")
    write(tmp_path / "serving.json", {"warm_over_ceiling": figure}, {"pins": 50})

    assert figure == Figure(value=0.5, runs=[0.5, 0.5, 0.75], spread=0.125, goal="at least 0.80")
    written = json.loads((tmp_path / "serving.json").read_text())
    assert written["warm_over_ceiling"]["value"] == 0.5
    assert written["measured_on"] == {"pins": 50}


def asked(user: str, *rows: int) -> Asked:
    return Asked(request=f"{user} {rows}".encode(), user_id=user, rows=rows)


def test_of_pairs_kept_apart_no_second_request_needs_a_list_of_any_other() -> None:
    """Bob's second shares a list with Ann's first, Carol's with Ann's second, Dora's with her own first."""
    ann, eve = (asked("ann", 1, 2), asked("ann", 3)), (asked("eve", 1, 2), asked("eve", 9))
    bob, carol = (asked("bob", 5), asked("bob", 2)), (asked("carol", 6), asked("carol", 3))
    dora = asked("dora", 7), asked("dora", 7)
    firsts, seconds = zip(ann, bob, carol, dora, eve, ann, strict=True)

    assert apart(firsts, seconds) == ([ann[0], eve[0]], [ann[1], eve[1]])


def test_newcomers_are_users_nobody_asked_for_whose_lists_are_there() -> None:
    """Each once."""
    others = [asked("ann", 1), asked("bob", 2, 1), asked("carol", 3), asked("bob", 1, 2)]

    assert newcomers([asked("ann", 1), asked("dora", 2)], others) == [others[1]]
