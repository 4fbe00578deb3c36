"""Records of newest actions: interests are Algorithm 2's, of what is after the watermark; no clock counts."""

import numpy as np
import pytest

from model.interests import Actions, Interests, no_interests
from model.profile import build_interests
from profile_builder.online_users import online_profiles
from storage.pins.port import NO_ROW
from storage.profiles.newest import NewestAction, actions_of
from tests.profile_builder.online_world import PINS, W_S, basis_of
from tests.profile_builder.world import MODEL
from tests.storage.profiles.people import same


def act(pin_id: str, after_s: int, weight: float = 1.0) -> NewestAction:
    return NewestAction(W_S + after_s, pin_id, after_s + 1_000, weight)


USERS = {
    "ann": [act("cat-1", -50), act("cat-2", 10), act("cat-3", 20), act("bee-1", 30, 3.0)],
    "ben": [act("car-1", 0)],
    "cid": [act("cow-1", 5, 0.0), act("cow-2", 6, -1.0), act("cow-3", 7)],
    "dan": [],
}


def literally(actions: list[NewestAction], now_s: int) -> Interests:
    """Algorithm 2 over what counts: after the watermark, of positive weight, on a known pin."""
    rows = PINS.rows([each.pin_id for each in actions])
    counts = [
        each
        for each, row in zip(actions, rows, strict=True)
        if each.time_s > W_S and each.weight > 0 and row != NO_ROW
    ]
    return build_interests(
        Actions(
            pin_ids=tuple(each.pin_id for each in counts),
            vectors=PINS.embeddings[PINS.rows([each.pin_id for each in counts])],
            times_s=np.array([each.time_s for each in counts], np.int64),
            weights=np.array([each.weight for each in counts]),
        ),
        MODEL.parameters,
        now_s,
    )


def test_interests_are_those_of_the_actions_after_the_watermark() -> None:
    """Each user's are what Algorithm 2 makes of them alone, as of their newest action that counts."""
    profiles = {each.user_id: each for each in online_profiles(USERS, basis_of())}

    assert same(profiles["ann"].interests, literally(USERS["ann"], W_S + 30))
    assert profiles["ann"].interests.computed_at_s == W_S + 30
    assert set(profiles["ann"].interests.medoid_pin_ids) == {"bee-1", "cat-3"}
    assert same(profiles["ben"].interests, no_interests(W_S))
    assert same(profiles["dan"].interests, no_interests(W_S))


def test_the_actions_themselves_are_kept_whatever_the_watermark() -> None:
    """What the batch counts today may be what it does not know after a rollback."""
    for profile in online_profiles(USERS, basis_of()):
        assert actions_of(profile) == USERS[profile.user_id]
        assert profile.actions_after_s == W_S


@pytest.mark.parametrize("user", USERS)
def test_it_does_not_matter_who_is_built_together(user: str) -> None:
    """One by one or all at once: the same bits."""
    (alone,) = online_profiles({user: USERS[user]}, basis_of())

    (together,) = [each for each in online_profiles(USERS, basis_of()) if each.user_id == user]

    assert same(alone, together)


def test_a_pin_that_left_the_artefact_waits_for_its_return() -> None:
    """It is kept, and makes no interest meanwhile."""
    (profile,) = online_profiles({"ann": [act("gone-1", 5), act("cat-2", 10)]}, basis_of())

    assert profile.pin_ids == ("gone-1", "cat-2")
    assert profile.interests.medoid_pin_ids == ("cat-2",)


def test_nobody_is_no_work() -> None:
    """A commit may hold nothing that changes a user."""
    assert online_profiles({}, basis_of()) == []
