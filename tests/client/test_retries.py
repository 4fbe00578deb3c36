"""Retries against real servers that fail: attempts are counted where they arrive."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock

import grpc
import pytest

from pinnersage.client import CallError, Client, Retries, UnavailableError
from pinnersage.client.testing import FakeRecommender
from pinnersage.v1 import recommender_pb2 as pb
from tests.client.servers import PATIENT, nobody, serving
from tests.waiting import wait_until

# As short as allowed, so that a thousand calls take a second or two.
SHORT = Retries(initial_backoff_s=0.01, max_backoff_s=0.01)

FINAL = [each for each in grpc.StatusCode if each not in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)]

Fails = Callable[[int], bool]


@dataclass
class Attempts:
    """What a server saw."""

    n: int = 0
    answered: int = 0
    lock: Lock = field(default_factory=Lock)


@contextmanager
def unreliable(fails: Fails) -> Iterator[tuple[str, Attempts]]:
    """A server whose n-th attempt, counted from 0, is UNAVAILABLE when `fails(n)`."""
    attempts = Attempts()

    def recommend(_: pb.RecommendRequest, context: grpc.ServicerContext) -> pb.RecommendResponse:
        with attempts.lock:
            failing = fails(attempts.n)
            attempts.n += 1
            attempts.answered += not failing
        if failing:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return pb.RecommendResponse()

    with serving(recommend=recommend) as target:
        yield target, attempts


def call(client: Client, times: int) -> int:
    """Call so many times and count the calls that failed."""
    failed = 0
    for _ in range(times):
        try:
            client.recommend("ann", timeout_s=PATIENT.call_s)
        except UnavailableError:
            failed += 1
    return failed


def test_a_call_survives_two_failures(client: Client, fake: FakeRecommender) -> None:
    """Three attempts by default: a server that restarts is not noticed."""
    fake.fail(grpc.StatusCode.UNAVAILABLE, times=2)
    assert client.recommend("ann").candidates
    assert len(fake.calls) == 3


def test_the_third_failure_is_the_callers(client: Client, fake: FakeRecommender) -> None:
    """With the message of the last attempt."""
    fake.fail(grpc.StatusCode.UNAVAILABLE, "draining", times=9)
    with pytest.raises(UnavailableError, match="draining"):
        client.recommend("ann")
    assert len(fake.calls) == 3


def test_a_batch_is_retried_too(client: Client, fake: FakeRecommender) -> None:
    """As long as nothing of it has arrived."""
    fake.fail(grpc.StatusCode.UNAVAILABLE, times=2)
    assert [result.user_id for result in client.recommend_batch(["ann", "bob"])] == ["ann", "bob"]


@pytest.mark.parametrize("status", FINAL, ids=[status.name for status in FINAL])
def test_nothing_else_is_retried(client: Client, fake: FakeRecommender, status: grpc.StatusCode) -> None:
    """Above all not DEADLINE_EXCEEDED, whose time is spent, nor RESOURCE_EXHAUSTED, which sheds load."""
    fake.fail(status)
    with pytest.raises(CallError):
        client.recommend("ann")
    assert len(fake.calls) == 1


def test_retries_can_be_turned_off(fake: FakeRecommender) -> None:
    """One attempt is one attempt."""
    fake.fail(grpc.StatusCode.UNAVAILABLE)
    once = Client(fake.target, timeout=PATIENT, retries=Retries(max_attempts=1))
    with once as client, pytest.raises(UnavailableError):
        client.recommend("ann")
    assert len(fake.calls) == 1


def test_two_attempts_are_two_attempts(fake: FakeRecommender) -> None:
    """The fewest that are a policy."""
    fake.fail(grpc.StatusCode.UNAVAILABLE, times=2)
    twice = Client(fake.target, timeout=PATIENT, retries=Retries(max_attempts=2))
    with twice as client, pytest.raises(UnavailableError):
        client.recommend("ann")
    assert len(fake.calls) == 2


def test_retries_cannot_storm() -> None:
    """Half of the answers UNAVAILABLE: at most 1.1 attempts a call, though single failures are retried."""
    drawn = random.Random(7)  # noqa: S311 - which attempts fail
    with (
        unreliable(lambda _: drawn.random() < 0.5) as (target, attempts),
        Client(target, retries=SHORT) as client,
    ):
        failed = call(client, 1_000)
    assert 1_000 < attempts.n <= 1_100
    # With the budget spent, the callers bear the failures.
    assert 400 < failed < 600


@pytest.mark.parametrize(
    "fails",
    [
        pytest.param(lambda n: n % 11 == 0, id="1 in 11, where retries are most"),
        pytest.param(lambda n: n % 3 == 0, id="1 in 3"),
        pytest.param(lambda n: n % 2 == 0, id="every second"),
        pytest.param(lambda n: n % 100 < 20, id="bursts of 20"),
        pytest.param(lambda _: True, id="all"),
    ],
)
def test_the_budget_holds_whatever_fails(fails: Fails) -> None:
    """Retries are at most the reserve and a tenth of the answered calls, in whatever order failures come."""
    policy = Retries(initial_backoff_s=0.01, max_backoff_s=0.01, budget_reserve=5)
    with unreliable(fails) as (target, attempts), Client(target, retries=policy) as client:
        call(client, 300)
    assert 300 < attempts.n <= 300 + 5 + 0.1 * attempts.answered


def test_the_budget_comes_back_with_answered_calls() -> None:
    """After an outage, 1 failure in 20 is once more nothing a caller sees."""
    outage, recovery = 50, 300
    with (
        unreliable(lambda n: n < outage or n % 20 == 0) as (target, _),
        Client(target, retries=SHORT) as client,
    ):
        call(client, outage + recovery)
        assert call(client, 100) == 0


def test_nobody_there_is_told_soon() -> None:
    """The retries' pauses pass, not the deadline."""
    with nobody() as target, Client(target, retries=SHORT) as client, pytest.raises(UnavailableError):
        client.recommend("ann", timeout_s=PATIENT.call_s)


def test_calls_go_round_all_addresses() -> None:
    """One target with two addresses: both servers work."""
    with ExitStack() as servers:
        both = [servers.enter_context(unreliable(lambda _: False)) for _ in range(2)]
        target = "ipv4:" + ",".join(address for address, _ in both)
        with Client(target) as client:
            # As long as the second is not connected to, the first one answers alone.
            wait_until(lambda: call(client, 1) == 0 and all(attempts.n for _, attempts in both))
            before = [attempts.n for _, attempts in both]
            assert call(client, 200) == 0
    asked = [attempts.n - n for (_, attempts), n in zip(both, before, strict=True)]
    assert sum(asked) == 200
    assert min(asked) > 0


def test_a_server_that_goes_away_is_left_out() -> None:
    """The other address serves on, and nobody notices."""
    with ExitStack() as staying:
        stays, attempts = staying.enter_context(unreliable(lambda _: False))
        with unreliable(lambda _: False) as (leaves, _):
            client = staying.enter_context(Client(f"ipv4:{stays},{leaves}", retries=SHORT))
            assert call(client, 100) == 0
        before = attempts.n
        assert call(client, 100) == 0
    assert attempts.n == before + 100
