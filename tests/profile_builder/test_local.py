"""The local engine gives the same users in the same order, however many processes build them."""

import os
import signal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_builder.actions import ActionTable
from profile_builder.local import LocalPolicy, OpenPins, build_users
from profile_builder.users import BuiltUser, Rules
from storage.errors import DamagedArtefactError
from storage.pins.port import Pins
from tests.profile_builder.world import MODEL, NEWEST_S, SPACE, make_pins

N_USERS = 40
RULES = Rules(
    embedding_space=SPACE,
    parameters=MODEL.parameters,
    parameters_version=MODEL.version,
    cut_s=NEWEST_S,
    watermark_s=NEWEST_S,
    max_actions=2_000,
)


def table(sizes: list[int]) -> ActionTable:
    """User i has so many actions, on pins of their own choice."""
    n = sum(sizes)
    rng = np.random.default_rng(7)
    return ActionTable(
        user_ids=tuple(f"user-{i:03}" for i in range(len(sizes))),
        starts=np.cumsum([0, *sizes]),
        rows=rng.integers(30, size=n),
        times_s=NEWEST_S - rng.integers(80 * 86_400, size=n),
        weights=np.ones(n),
    )


ACTIONS = table([1 + i % 7 for i in range(N_USERS)])


def built(policy: LocalPolicy, open_pins: OpenPins = make_pins) -> list[BuiltUser]:
    return list(build_users(ACTIONS, make_pins(), RULES, open_pins=open_pins, policy=policy))


def test_two_processes_build_what_one_does() -> None:
    """To the byte and in the same order, in parts smaller than the queue; numpy's threads are as before."""
    before = dict(os.environ)
    alone = built(LocalPolicy(processes=1))

    assert built(LocalPolicy(processes=2, actions_a_part=9)) == alone
    assert [user.encoded.user_id for user in alone] == list(ACTIONS.user_ids)
    assert dict(os.environ) == before


def never() -> Pins:
    raise AssertionError("no worker is needed")


@pytest.mark.parametrize("processes", [1, 8])
def test_little_work_is_done_without_a_worker(processes: int) -> None:
    """A spawned process takes longer to start than a few thousand actions take."""
    assert len(built(LocalPolicy(processes=processes), never)) == N_USERS


def test_no_user_is_no_work() -> None:
    """Nothing to build, nothing spawned."""
    assert (
        list(build_users(table([]), make_pins(), RULES, open_pins=never, policy=LocalPolicy(processes=2)))
        == []
    )


def gone() -> Pins:
    raise DamagedArtefactError("pins.arrow is missing")


def test_a_worker_that_cannot_open_the_artefact_says_why() -> None:
    """In the words of whoever refused it."""
    with pytest.raises(DamagedArtefactError, match=r"pins\.arrow is missing"):
        built(LocalPolicy(processes=2, actions_a_part=9), gone)


def interruptible() -> Pins:
    if signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, []):
        raise AssertionError("Ctrl-C would end this worker with a traceback")
    return make_pins()


def test_workers_hear_no_interrupt() -> None:
    """Ctrl-C reaches the whole group; the parent hears it alone, and ends its workers."""
    assert len(built(LocalPolicy(processes=2, actions_a_part=9), interruptible)) == N_USERS
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 20))
def test_parts_are_whole_users_in_order(sizes: list[int], n_actions: int) -> None:
    """Nobody is lost or split, and a part is larger than asked for only when one user is."""
    actions = table(sizes)
    parts = list(actions.parts(n_actions))

    assert [user_id for part in parts for user_id in part.user_ids] == list(actions.user_ids)
    assert all(part.n_actions <= n_actions or len(part) == 1 for part in parts)
    for original, user in zip(actions, (user for part in parts for user in part), strict=True):
        assert original.user_id == user.user_id
        assert np.array_equal(original.rows, user.rows)
        assert np.array_equal(original.times_s, user.times_s)
