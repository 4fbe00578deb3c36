"""What was hidden just now, after the batch: its interest is lowered, and the pin and its twins are gone."""

from dataclasses import replace

import numpy as np

from pinnersage.v1 import recommender_pb2 as pb
from storage.profiles.memory import InMemoryProfiles
from tests.server.conftest import Serve
from tests.server.test_recommend import candidates
from tests.server.world import CUT_S, DAY_S, People, default_people, make_interests, make_online

NOW = CUT_S + 60


def ann_hides(people: People, **weights: float) -> InMemoryProfiles:
    """Ann, whom the batch knows to like cats and cars alike; then she acts on pins (their `-` as `_`)."""
    of_pin = {pin.replace("_", "-"): weight for pin, weight in weights.items()}
    times_s = {pin: NOW + at for at, pin in enumerate(of_pin)}
    people.online = [make_online("ann", times_s, make_interests({}), after_s=CUT_S, weights=of_pin)]
    return people.store()


def of_ann(serve: Serve, store: InMemoryProfiles) -> dict[str, float]:
    """Her interests, each with its share of all importance, which has decayed for years."""
    interests = serve(profiles=store).GetProfile(pb.GetProfileRequest(user_id="ann")).interests
    total = sum(each.importance for each in interests)
    return {each.medoid_pin_id: round(each.importance / total, 3) for each in interests}


def test_a_hide_of_today_lowers_the_batchs_interest(serve: Serve) -> None:
    """Half of what the cats have is taken off: a half against one."""
    assert of_ann(serve, default_people().store()) == {"car-0": 0.5, "cat-0": 0.5}
    assert of_ann(serve, ann_hides(default_people(), cat_9=-0.5)) == {"car-0": 0.667, "cat-0": 0.333}


def test_an_interest_of_which_nothing_is_left_answers_no_more(serve: Serve) -> None:
    """Two cats are hidden: all candidates are cars, of one interest."""
    stub = serve(profiles=ann_hides(default_people(), cat_8=-1.0, cat_9=-1.0))
    answer = stub.Recommend(pb.RecommendRequest(user_id="ann", max_candidates=5))
    assert [each.medoid_pin_id for each in answer.interests] == ["car-0"]
    assert all(pin_id.startswith("car") for pin_id in candidates(answer))


def test_a_hidden_pin_and_its_twins_do_not_come_back(serve: Serve) -> None:
    """`cat-twin` was hidden: `cat-1`, which stands for it, is no candidate any more."""
    store = ann_hides(default_people(), cat_twin=-0.1)
    answer = serve(profiles=store).Recommend(pb.RecommendRequest(user_id="ann", max_candidates=100))
    assert "cat-3" in candidates(answer)
    assert "cat-1" not in candidates(answer)


def test_a_hidden_medoid_is_stood_in_for(serve: Serve) -> None:
    """The interest goes on with its next representative; where it has none, it is not shown."""
    people = default_people()
    people.medoids["ann"] = {"cat-0": (1.0, 1), "cat-4": (0.5, 1), "car-0": (1.0, 0)}
    shown = of_ann(serve, ann_hides(people, cat_0=-0.25, car_0=-0.25))
    assert shown.keys() == {"cat-4"}


def test_hidden_representatives_answer_for_nobody(serve: Serve) -> None:
    """Of the fused merge, whose medoids are all representatives: the hidden one's list is not among them."""
    people = default_people()
    people.medoids["ann"] = {"cat-0": (1.0, 1), "cat-40": (1.0, 1), "car-0": (1.0, 0)}
    stub = serve(profiles=ann_hides(people, cat_40=-0.25))
    request = pb.RecommendRequest(user_id="ann", max_candidates=40, merge_policy=pb.MERGE_POLICY_FUSED)
    answer = stub.Recommend(request)
    assert "cat-41" not in candidates(answer)
    assert {each.medoid_pin_id for each in answer.candidates} <= {"cat-0", "car-0"}


def test_what_the_batch_counted_is_not_taken_off_again(serve: Serve) -> None:
    """A hide up to the watermark is the batch's, however often it is in the newest actions."""
    people = default_people()
    before = of_ann(serve, people.store())
    old = {"cat-9": CUT_S - DAY_S}
    people.online = [make_online("ann", old, make_interests({}), after_s=CUT_S, weights={"cat-9": -0.5})]
    assert of_ann(serve, people.store()) == before


def test_who_saves_it_again_has_it_back(serve: Serve) -> None:
    """Hidden, then saved: 1 - 0.5 + 1 for the cats, and the pin may be their medoid."""
    people = default_people()
    once = make_online("ann", {"cat-0": NOW}, make_interests({}), after_s=CUT_S)
    twice = replace(
        once,
        pin_ids=("cat-0", "cat-0"),
        times_s=np.array([NOW - 10, NOW]),
        weights=np.array([-0.5, 1.0]),
        event_hashes=np.zeros(2, np.uint64),
    )
    people.online = [twice]
    assert of_ann(serve, people.store()) == {"cat-0": 0.6, "car-0": 0.4}
